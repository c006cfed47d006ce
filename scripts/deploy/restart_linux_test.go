package main

import (
	"fmt"
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
