//go:build linux

// Package hosting starts what a shared host offers, for tests: an account with a
// home, FTP and SFTP servers on free loopback ports, and a connection between
// them and the client that breaks off when it is told to.
package hosting

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// An Account is a customer's, with a home below the folder where suEXEC runs
// programs.
type Account struct {
	Name, Password string
	Home           string
	UID, GID       int
}

// NewAccount makes a user of this machine for the length of a test.
func NewAccount(t testing.TB) *Account {
	t.Helper()
	if os.Geteuid() != 0 {
		webserver.Need(t, fmt.Errorf("%w: an account of its own needs root: run the tests as root to include it", webserver.ErrUnavailable))
	}
	random := make([]byte, 8)
	rand.Read(random)
	a := &Account{Name: "cgitest" + hex.EncodeToString(random[:4]), Password: hex.EncodeToString(random)}
	a.Home = filepath.Join("/var/www", a.Name)
	command(t, "", "useradd", "--home-dir", a.Home, "--create-home", "--skel", t.TempDir(), "--shell", "/bin/bash", a.Name)
	t.Cleanup(func() {
		a.endProcesses()
		command(t, "", "userdel", "--force", "--remove", a.Name)
	})
	command(t, a.Name+":"+a.Password+"\n", "chpasswd")
	u, err := user.Lookup(a.Name)
	if err != nil {
		t.Fatal(err)
	}
	a.UID, _ = strconv.Atoi(u.Uid)
	a.GID, _ = strconv.Atoi(u.Gid)
	a.Mkdir(t, "")
	a.Mkdir(t, "public_html")
	a.Mkdir(t, "logs")
	return a
}

// Mkdir makes a folder in the home.
func (a *Account) Mkdir(t testing.TB, name string) {
	t.Helper()
	path := filepath.Join(a.Home, name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	a.own(t, path, 0o755)
}

// WriteFile writes a file of the customer's.
func (a *Account) WriteFile(t testing.TB, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(a.Home, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	a.own(t, path, mode)
}

func (a *Account) own(t testing.TB, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chown(path, a.UID, a.GID); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// endProcesses ends what still runs as the customer: apps, most of all.
func (a *Account) endProcesses() {
	for range 50 {
		left := false
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil {
				continue
			}
			if info, err := os.Stat("/proc/" + e.Name()); err == nil && int(info.Sys().(*syscall.Stat_t).Uid) == a.UID {
				syscall.Kill(pid, syscall.SIGKILL)
				left = true
			}
		}
		if !left {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// command runs a program that has to succeed.
func command(t testing.TB, input, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// freePort returns a port that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// certificate writes a certificate for 127.0.0.1 and its key into one file.
func certificate(t testing.TB) (file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	file = filepath.Join(t.TempDir(), "certificate.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
