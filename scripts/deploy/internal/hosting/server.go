//go:build linux

package hosting

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A Kind is a server that takes files.
type Kind string

const (
	VsftpdPlain Kind = "vsftpd"
	VsftpdTLS   Kind = "vsftpd-tls" // which wants the TLS session again: require_ssl_reuse
	ProftpdTLS  Kind = "proftpd-tls"
	SSH         Kind = "sshd"
)

// Kinds are all of them.
var Kinds = []Kind{VsftpdPlain, VsftpdTLS, ProftpdTLS, SSH}

// A Server is a running one.
type Server struct {
	Scheme, Addr string
	CA           string // PEM file with its certificate, "" for none
	KnownHosts   string // file with its key, "" for none
	Authorized   string // file for the keys that it lets in, "" for none
}

// Start starts a server that lets one account in, for the length of a test.
func Start(t testing.TB, k Kind, a *Account) *Server {
	t.Helper()
	s := &Server{Scheme: "ftp"}
	port := freePort(t)
	s.Addr = "127.0.0.1:" + port
	dir := t.TempDir()
	for folder := dir; folder != "/" && folder != os.TempDir(); folder = filepath.Dir(folder) {
		os.Chmod(folder, 0o755) // sessions work as the customer
	}
	if k == VsftpdTLS || k == ProftpdTLS {
		s.Scheme, s.CA = "ftps", certificate(t)
	}
	switch k {
	case VsftpdPlain, VsftpdTLS:
		s.run(t, ftpRoot(t, "/usr/sbin/vsftpd", "vsftpd")+"/usr/sbin/vsftpd", "vsftpd", write(t, dir, "vsftpd.conf", vsftpdConfig(t, a, dir, port, s.CA)))
	case ProftpdTLS:
		root := ftpRoot(t, "/usr/lib/proftpd/mod_tls.so", "proftpd-core proftpd-mod-crypto")
		config := write(t, dir, "proftpd.conf", proftpdConfig(root, dir, port, s.CA))
		s.run(t, root+"/usr/sbin/proftpd", "proftpd-core", "--nodaemon", "--config", config)
	case SSH:
		s.Scheme = "sftp"
		s.startSSH(t, a, dir, port)
	}
	return s
}

// TLS is for clients of the server, nil where it has no certificate.
func (s *Server) TLS(t testing.TB) *tls.Config {
	t.Helper()
	if s.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: roots}
}

func need(t testing.TB, what, pkg string) {
	t.Helper()
	webserver.Need(t, fmt.Errorf("%w: %s is missing: run scripts/webservers, or: apt-get install %s", webserver.ErrUnavailable, what, pkg))
}

func write(t testing.TB, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func vsftpdConfig(t testing.TB, a *Account, dir, port, ca string) string {
	users := write(t, dir, "users", a.Name+"\n")
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o555); err != nil {
		t.Fatal(err)
	}
	config := "listen=YES\nlisten_address=127.0.0.1\nlisten_port=" + port + `
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
local_umask=022
chroot_local_user=YES
allow_writeable_chroot=YES
userlist_enable=YES
userlist_deny=NO
userlist_file=` + users + "\nsecure_chroot_dir=" + empty + "\nvsftpd_log_file=" + dir + `/log
seccomp_sandbox=NO
pam_service_name=other
use_localtime=YES
`
	if ca == "" {
		return config
	}
	return config + "rsa_cert_file=" + ca + "\nrsa_private_key_file=" + ca + `
ssl_enable=YES
force_local_logins_ssl=YES
force_local_data_ssl=YES
require_ssl_reuse=YES
strict_ssl_read_eof=YES
ssl_ciphers=HIGH
`
}

// ftpRoot returns below which folder a file of an FTP server is: unpacked by
// scripts/webservers, for the packages exclude each other, or else installed.
func ftpRoot(t testing.TB, file, pkg string) string {
	t.Helper()
	for _, root := range [...]string{"/usr/local/lib/proxycgi-tests/ftp", ""} {
		if _, err := os.Stat(root + file); err == nil {
			return root
		}
	}
	need(t, file, pkg)
	return ""
}

// proftpdConfig has uploads come under another name, as many hosts do, and leaves out
// TLSOptions: that a data connection resumes the session is its default.
func proftpdConfig(root, dir, port, ca string) string {
	return "ModulePath " + root + `/usr/lib/proftpd
LoadModule mod_tls.c
ServerType standalone
ServerName test
DefaultAddress 127.0.0.1
Port ` + port + `
UseIPv6 off
UseReverseDNS off
User nobody
Group nogroup
Umask 022
DefaultRoot ~
AllowOverwrite on
AllowStoreRestart on
HiddenStores on
RequireValidShell off
AuthPAM off
WtmpLog off
TransferLog none
SystemLog ` + dir + `/log
PidFile ` + dir + `/pid
ScoreboardFile ` + dir + `/scoreboard
DelayTable none
TLSEngine on
TLSRequired on
TLSLog ` + dir + `/tls.log
TLSECCertificateFile ` + ca + "\nTLSECCertificateKeyFile " + ca + "\n"
}

func (s *Server) startSSH(t testing.TB, a *Account, dir, port string) {
	t.Helper()
	key := filepath.Join(dir, "host_key")
	command(t, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	s.KnownHosts = write(t, dir, "known_hosts", "[127.0.0.1]:"+port+" "+string(public))
	s.Authorized = write(t, dir, "authorized_keys", "")
	if err := os.Chmod(s.Authorized, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // which it wants to be there
		t.Fatal(err)
	}
	s.run(t, "/usr/sbin/sshd", "openssh-server", "-D", "-e", "-f", write(t, dir, "sshd_config", `ListenAddress 127.0.0.1
Port `+port+`
HostKey `+key+`
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication yes
AllowUsers `+a.Name+`
AuthorizedKeysFile `+s.Authorized+`
Subsystem sftp internal-sftp
ForceCommand internal-sftp
`))
}

// run starts a server, and waits until it listens.
func (s *Server) run(t testing.TB, path, pkg string, args ...string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		need(t, path, pkg)
	}
	name := filepath.Base(path)
	var log strings.Builder
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Env = append(os.Environ(), "TZ=JST-9") // east of UTC, what is said in its own time is hours late
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started, done := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // whose death Pdeathsig follows
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			done <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-done
		}
		if t.Failed() {
			t.Logf("%s: %s", name, log.String())
		}
	})
	for range 500 {
		if c, err := net.Dial("tcp", s.Addr); err == nil {
			c.Close()
			return
		}
		select {
		case err := <-done:
			done <- err
			t.Fatalf("%s ended: %v: %s", name, err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not listen", name)
}
