package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/internal/hosting"
)

// TestHotFix has files of the app that somebody has changed on the host: ours
// come again, and what was there is kept; what apps write stays.
func TestHotFix(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdPlain)
	app := t.TempDir()
	for _, name := range []string{"app.py", "lib/a.py", "data.db"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(app, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(app, name), []byte("ours"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--upstream", runningApp(t, "the app"), "--app", app}
	h.mustDeploy(t, args...)
	change := func(name, text string) { h.WriteFile(t, "app/"+name, text, 0o644) }
	for _, c := range []struct {
		name    string
		change  func()
		file    string
		want    string // is said, "" for nothing to upload
		isThere string // after the deploy
		back    string // after a rollback, "" where there was none
	}{
		{"another size", func() { change("app.py", "hot fix") }, "app.py", "note: app/app.py has been changed on the host since the last deploy: yours replaces it", "ours", "hot fix"},
		{"in a folder", func() { change("lib/a.py", "hot fix") }, "lib/a.py", "note: app/lib/a.py has been changed on the host", "ours", "hot fix"},
		{"the same size", func() { change("app.py", "OURS") }, "app.py", "", "OURS", ""},
		{"taken away", func() { os.Remove(filepath.Join(h.Home, "app/app.py")) }, "app.py", "note: app/app.py is no more on the host", "ours", "gone"},
		{"what the app writes", func() { change("data.db", "what visitors wrote") }, "data.db", "note: app/data.db has been changed on the host since the last deploy, as by an app that writes it, and stays so", "what visitors wrote", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			content := func() string {
				text, err := os.ReadFile(filepath.Join(h.Home, "app", c.file))
				if err != nil {
					return "gone"
				}
				return string(text)
			}
			c.change()
			changed := content()
			out := h.mustDeploy(t, append(args, "--dry-run")...)
			if !strings.Contains(out, c.want) || strings.Contains(out, "nothing to change") != (c.back == "") || content() != changed {
				t.Errorf("a dry run: %q is there, want %q:\n%s", content(), c.want, out)
			}
			out = h.mustDeploy(t, args...)
			if !strings.Contains(out, c.want) || strings.Contains(out, "nothing to upload") != (c.back == "") || content() != c.isThere {
				t.Errorf("%q is there, want %q:\n%s", content(), c.want, out)
			}
			if c.back != "" {
				h.mustDeploy(t, "--rollback")
				if got := content(); got != c.back {
					t.Errorf("after a rollback %q is there, want %q", got, c.back)
				}
				h.mustDeploy(t, args...)
			}
			change(c.file, "ours")
		})
	}
}
