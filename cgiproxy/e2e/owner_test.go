package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

const requireOwner = "\nCGIPROXY_REQUIRE_OWNER=true\n"

// TestOwnApp has an app that the site's own user has started: it gets all that
// clients send, signed.
func TestOwnApp(t *testing.T) {
	t.Parallel()
	server(t, webserver.ApacheSuexec) // or there is no need to build the app
	binary := signedLanguages[0].program(t, "60")[0]
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, webserver.ApacheSuexec, "")
			s.Install(t, s.folder[1:]+"/app", binary)
			prefix, address := "", "127.0.0.1:0"
			if network == "unix" { // as README tells: in a folder of the user, with permissions 700
				folder := publicFolder(t)
				if err := errors.Join(os.Chown(folder, s.UID, s.GID), os.Chmod(folder, 0o700)); err != nil {
					t.Fatal(err)
				}
				prefix, address = "unix:", filepath.Join(folder, "app.sock")
			}
			user := &syscall.Credential{Uid: uint32(s.UID), Gid: uint32(s.GID)}
			addr := prefix + startApp(t, signedSecret, user, filepath.Join(s.Root, s.folder, "app"), network, address)
			settings := fmt.Sprintf("CGIPROXY_UPSTREAM=%s\nCGIPROXY_SECRET='%s'%s", addr, signedSecret, requireOwner)
			s.WriteFile(t, s.folder[1:]+"/.htcgiproxy", settings, 0o600)
			checkSigned(t, s.Addr, "GET "+s.folder+"/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", trusted)
		})
	}
}

// TestSquatter has root listen where the app should.
func TestSquatter(t *testing.T) {
	t.Parallel()
	server(t, webserver.ApacheSuexec) // which needs root, as all of this
	for _, kind := range []webserver.Kind{webserver.ApacheSuexec, webserver.ApacheFcgid} {
		for _, c := range []struct {
			name, network, settings string
			protected               bool
		}{
			{"port", "tcp", requireOwner, true},
			{"unix socket", "unix", requireOwner, true},
			{"port, no owner required", "tcp", "", false},
			{"unix socket, no owner required", "unix", "", false},
		} {
			t.Run(fmt.Sprintf("%s/%s", kind, c.name), func(t *testing.T) {
				t.Parallel()
				upstream, got := squat(t, c.network)
				s := newSite(t, kind, "CGIPROXY_UPSTREAM="+upstream+c.settings)
				response := visit(t, s.Addr, "GET "+s.folder+"/ HTTP/1.1\r\nHost: x\r\nCookie: session=hunter2\r\nConnection: close\r\n\r\n")
				var sent string
				select {
				case sent = <-got:
				case <-time.After(patience):
					t.Fatalf("the squatter got no connection, the client %s %q", response.Status, response.body)
				}
				if !c.protected {
					if response.body != "ok" || !strings.Contains(sent, "hunter2") {
						t.Errorf("the squatter got %q, the client %s %q: this test misses what it is for", sent, response.Status, response.body)
					}
					return
				}
				if sent != "" {
					t.Errorf("the squatter got %q", sent)
				}
				if response.StatusCode != 502 || strings.Contains(response.body, upstream) || strings.Contains(response.body, "CGIPROXY") {
					t.Errorf("the client got %s %q, want 502 and no details", response.Status, response.body)
				}
				awaitLog(t, s, fmt.Sprintf("connect %s: the socket there belongs to user 0 and not to ours, user %d: CGIPROXY_REQUIRE_OWNER is set", upstream, s.UID))
			})
		}
	}
}

// squat listens, lets anybody connect, and answers one request. It returns the
// address for UPSTREAM, and what came over the first connection.
func squat(t *testing.T, network string) (upstream string, got <-chan string) {
	t.Helper()
	prefix, address := "", "127.0.0.1:0"
	if network == "unix" {
		prefix, address = "unix:", filepath.Join(publicFolder(t), "app.sock")
	}
	l, err := net.Listen(network, address)
	if err == nil && network == "unix" {
		err = os.Chmod(address, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	came := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			came <- err.Error()
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		b := make([]byte, 64<<10)
		n, err := conn.Read(b)
		if n == 0 && err != io.EOF {
			came <- err.Error()
			return
		}
		io.WriteString(conn, plainResponse)
		came <- string(b[:n])
	}()
	return prefix + l.Addr().String(), came
}

// TestSettingsFileOfOthers has a .htcgiproxy that somebody else can have
// written. Scripts run as the site's user, and this test as root.
func TestSettingsFileOfOthers(t *testing.T) {
	t.Parallel()
	chmod := func(mode os.FileMode) func(string) error {
		return func(file string) error { return os.Chmod(file, mode) }
	}
	give := func(uid int) func(string) error {
		return func(file string) error { return errors.Join(os.Chmod(file, 0o644), os.Chown(file, uid, -1)) }
	}
	const other = 1 // neither root nor the site's user
	for _, c := range []struct {
		name   string
		change func(file string) error
		log    string // "" where it counts
	}{
		{"600", chmod(0o600), ""},
		{"644", chmod(0o644), ""},
		{"666", chmod(0o666), "has permissions 666: others may write to it: set its permissions to 600"},
		{"660", chmod(0o660), "has permissions 660: others may write to it: set its permissions to 600"},
		{"root's", give(0), ""},
		{"another user's", give(other), "belongs to user 1, who is neither ours, user {uid}, nor the owner of the folder of proxy.cgi: delete it and upload it again"},
		{"another user's link", func(file string) error {
			target := filepath.Join(filepath.Dir(file), "settings")
			return errors.Join(os.Rename(file, target), os.Symlink(target, file), os.Lchown(file, other, -1))
		}, "belongs to user 1, who is neither ours, user {uid}, nor the owner of the folder of proxy.cgi: make one of your own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := newRecorder(t, func(conn net.Conn, _ received) { io.WriteString(conn, plainResponse) })
			s := newSite(t, webserver.ApacheSuexec, "CGIPROXY_UPSTREAM="+app.addr+"\n")
			file := filepath.Join(s.Root, s.folder, ".htcgiproxy")
			if err := c.change(file); err != nil {
				t.Fatal(err)
			}
			got := visit(t, s.Addr, "GET "+s.folder+"/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if c.log == "" {
				if got.StatusCode != 200 {
					t.Errorf("got %s %q, want 200", got.Status, got.body)
				}
				return
			}
			if got.StatusCode != 500 || strings.Contains(got.body, ".htcgiproxy") {
				t.Errorf("got %s %q, want 500 and no details", got.Status, got.body)
			}
			if len(app.got) > 0 {
				t.Errorf("the app was asked: %+v", <-app.got)
			}
			awaitLog(t, s, file+" "+strings.ReplaceAll(c.log, "{uid}", fmt.Sprint(s.UID)))
		})
	}
}

// listensOn is how apps say it; PHP puts it into brackets.
var listensOn = regexp.MustCompile(`http://([^\s)]+)`)

// startApp starts an app with a SECRET, as another user where as is not nil,
// and returns the address that it says it listens on.
func startApp(t *testing.T, secret string, as *syscall.Credential, command ...string) (addr string) {
	t.Helper()
	// cat ends with the tests, however they end, and the app with it.
	cmd := exec.Command("/bin/sh", append([]string{"-c", `"$@" & cat; kill $! && wait $!`, "sh"}, command...)...)
	cmd.Dir = "/" // which every user may enter
	cmd.Env = append(os.Environ(), "SECRET="+secret)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	log := new(lockedLog)
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGTERM) {
			t.Errorf("%q ended by itself (exit status %d)", command, code)
		}
		if t.Failed() {
			t.Logf("%q said\n%s", command, log)
		}
	})
	for deadline := time.Now().Add(3 * patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if found := listensOn.FindStringSubmatch(log.String()); found != nil {
			return found[1]
		}
	}
	t.Fatalf("%q does not say where it listens", command)
	panic("unreachable")
}
