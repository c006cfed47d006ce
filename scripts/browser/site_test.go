package browser

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// newSite starts an Apache with proxy.cgi in its document root and these lines
// of .htcgiproxy.
func newSite(t *testing.T, settings string) *webserver.Server {
	t.Helper()
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{})
	s.Install(t, "proxy.cgi", binary)
	s.WriteFile(t, ".htcgiproxy", settings, 0o600)
	s.WriteFile(t, ".htaccess", rules(t), 0o644)
	return s
}

// rules returns htaccess.example.
func rules(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../htaccess.example")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// newAppSite is newSite for an app that proxy.cgi starts, in a folder of its own.
func newAppSite(t *testing.T, settings string) (s *webserver.Server, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "proxycgi-browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s = newSite(t, settings+"CGIPROXY_UPSTREAM=auto\nCGIPROXY_START_DIR="+dir+"\n")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, s.UID, s.GID)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd := exec.Command(filepath.Join(s.Root, "proxy.cgi"), "app", "stop", s.Root)
		cmd.Dir = "/"
		if os.Getuid() == 0 { // only the app's own user may
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.UID), Gid: uint32(s.GID)}}
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("app stop: %v\n%s", err, out)
		}
	})
	return s, dir
}

// put writes a file of the app.
func put(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// startDemo runs what `make run` runs, and returns its public address.
func startDemo(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(demo, "-app", "127.0.0.1:0", "-listen", "127.0.0.1:0", binary)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("demo: %v", err)
		}
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if address := regexp.MustCompile(`http://[0-9.:]+/`).FindString(lines.Text()); address != "" {
			return address
		}
	}
	t.Fatal("the demo did not say its address")
	return ""
}
