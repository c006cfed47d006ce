package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestDownBefore has a deploy to a site whose app is down: where it changes nothing of
// that, what was there stays, and what to do is said.
func TestDownBefore(t *testing.T) {
	h := newCutHost(t)
	h.WriteFile(t, "public_html/.htaccess", "Options -Indexes\n", 0o644)
	before := h.files(t, "public_html")
	binary := []string{"--binary", filepath.Join(archive, "proxy.cgi")}
	const hint = "what was there before is back, and fails as it did before this deploy: the first page: 503 Service Unavailable: down\nwhat visitors saw before proxy.cgi was there comes back with --uninstall\n"
	var isDown atomic.Bool
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if isDown.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "down")
			return
		}
		io.WriteString(w, "the first app")
	}))
	t.Cleanup(app.Close)
	for _, c := range []struct {
		name   string
		next   []string
		status int
		says   string
		page   string // where the app is up again
	}{
		{"no other", binary, 1, hint, "the first app"},
		{"another app that does not answer", append([]string{"--upstream", "1"}, binary...), 1, "503 Service Unavailable: down\nwhat visitors saw before", "the first app"},
		{"another app", append([]string{"--upstream", runningApp(t, "the app")}, binary...), 0, "works", "the app"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out, status := h.run(t, append([]string{"--upstream", strings.TrimPrefix(app.URL, "http://")}, binary...)...); status != 0 {
				t.Fatal(out)
			}
			h.wantPage(t, "the first app")
			isDown.Store(true)
			out, status := h.run(t, c.next...)
			isDown.Store(false)
			if status != c.status || !strings.Contains(out, c.says) {
				t.Errorf("exit status %d, want %d, and %q:\n%s", status, c.status, c.says, out)
			}
			h.wantPage(t, c.page)
			h.run(t, "--uninstall")
			sameFiles(t, h.files(t, "public_html"), before)
		})
	}
}

// TestFailedRestartSaid has a restart fail before a deploy that restarts nothing: the
// site works until the app ends, which is said.
func TestFailedRestartSaid(t *testing.T) {
	s := newPythonSite(t)
	lines := s.files(t, "public_html")[".htcgiproxy"]
	s.WriteFile(t, "public_html/.htcgiproxy", strings.Replace(lines, "python3 app.py", "python3 none.py", 1), 0o600)
	s.wantPage(t, "old")
	out, status := s.run(t, "--app", s.app, "--binary", filepath.Join(archive, "proxy.cgi"))
	if want := "works\nwarning  restart: the last one failed (the app's command ended with status 2"; status != 0 || !strings.Contains(out, want) {
		t.Errorf("exit status %d, want %q:\n%s", status, want, out)
	}
}
