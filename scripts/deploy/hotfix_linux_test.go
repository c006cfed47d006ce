package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/internal/hosting"
)

// TestHotFix has files of the app that somebody has changed on the host, perhaps
// the app itself: they stay, unless ours have changed, too.
func TestHotFix(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdPlain)
	app := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(app, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("app.py", "ours")
	write("lib/data.db", "ours")
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
		{"here it is as it was", func() { change("app.py", "hot fix") }, "app.py", "note: app/app.py has been changed on the host since the last deploy, and stays so: ", "hot fix", ""},
		{"what the app writes, in a folder", func() { change("lib/data.db", "what visitors wrote") }, "lib/data.db", "note: app/lib/data.db has been changed on the host", "what visitors wrote", ""},
		{"the same size", func() { change("app.py", "OURS") }, "app.py", "", "OURS", ""},
		{"taken away", func() { os.Remove(filepath.Join(h.Home, "app/app.py")) }, "app.py", "note: app/app.py is no more on the host", "ours", "gone"},
		{"changed here, too", func() { change("app.py", "hot fix"); write("app.py", "our next") }, "app.py", "note: app/app.py has been changed on the host since the last deploy: yours replaces it, --rollback brings it back, and it is kept in app/.proxycgi-deploy", "our next", "hot fix"},
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
