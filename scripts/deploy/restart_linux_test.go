package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/settings"
)

// TestRestartLast restarts the app when the command is there that starts it, of the new
// version as of the old one: else a visitor would have the wrong one start.
func TestRestartLast(t *testing.T) {
	s := newPythonSite(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"main.py": fmt.Sprintf(pythonApp, "", 500, "new")})
	var starts []string
	s.cut.OnCommand(func(line string) {
		if strings.HasPrefix(line, "RNTO /app/tmp/restart.txt") {
			starts = append(starts, settings.ValueIn([]byte(s.files(t, "public_html")[settings.File]), "START"))
		}
	})
	defer s.cut.OnCommand(nil)
	out, status := s.run(t, "--app", dir, "--start", "exec python3 main.py", "--binary", filepath.Join(archive, "proxy.cgi"))
	if status != 1 || !strings.Contains(out, "what was there before is back") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	if want := []string{"exec python3 main.py", "exec python3 app.py"}; !slices.Equal(starts, want) {
		t.Errorf("restarted with %q, want %q", starts, want)
	}
	s.wantPage(t, "old")
}

// TestStartsNoMore has a file of the version before deleted on the host: what is back then
// runs on, and does not start.
func TestStartsNoMore(t *testing.T) {
	s := &pythonSite{newCutHost(t), t.TempDir()}
	s.write(t, "open('config').read()", 200, "old")
	writeFiles(t, s.app, map[string]string{"config": "x"})
	if out, status := s.deploy(t); status != 0 {
		t.Fatal(out)
	}
	for _, name := range []string{filepath.Join(s.Home, "app/config"), filepath.Join(s.app, "config")} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	s.write(t, "raise SystemExit('no version')", 200, "new")
	out, status := s.deploy(t)
	if want := "the files from before are back, and the app from before goes on, but it does not start with them any more (the app's command ended with status 1 before the app was up): its first page is 200 OK"; status != 1 || !strings.Contains(out, want) {
		t.Errorf("exit status %d, want %q:\n%s", status, want, out)
	}
	s.wantPage(t, "old")
}
