package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/scripts/deploy/remote"
)

// TestSettingsAfterBreak has a run break off that changes the settings alone: whatever
// comes next begins with those from before.
func TestSettingsAfterBreak(t *testing.T) {
	s := newPythonSite(t)
	s.write(t, "", 200, "second")
	if out, status := s.deploy(t); status != 0 {
		t.Fatal(out)
	}
	binary := []string{"--binary", filepath.Join(archive, "proxy.cgi")}
	app := append([]string{"--app", s.app}, binary...)
	const start = "exec python3 ./app.py"
	lines := s.files(t, "public_html")[".htcgiproxy"]
	asked := askLive
	breakOff := func(t *testing.T, args []string) {
		t.Helper()
		askLive = func(ctx context.Context, o live.Options) []finding.Finding {
			s.cut.Set(1, true, true)
			return asked(ctx, o)
		}
		out, status := s.run(t, append([]string{"--start", start}, args...)...)
		askLive = asked
		s.cut.Set(0, false, false)
		if status != 1 || !strings.Contains(out, "the next run takes that back unless it brings it again") {
			t.Fatalf("exit status %d:\n%s", status, out)
		}
	}
	for _, c := range []struct {
		name       string
		args, next []string
		says       string
		want       string // of the settings
		page       string
	}{
		{"the proxy alone, and again", binary, binary, "an earlier run broke off: what it has changed in .htcgiproxy is taken back first", lines, "second"},
		{"no file of the app, and again", app, app, "is taken back first", lines, "second"},
		{"with the same flag", app, append([]string{"--start", start}, app...), "is taken back first", strings.Replace(lines, "exec python3 app.py", start, 1), "second"},
		{"--rollback", app, []string{"--rollback"}, "is taken back first", lines, "old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.WriteFile(t, "public_html/.htcgiproxy", lines, 0o600)
			breakOff(t, c.args)
			if out, status := s.run(t, c.next...); status != 0 || !strings.Contains(out, c.says) {
				t.Errorf("exit status %d, want %q:\n%s", status, c.says, out)
			}
			files := s.files(t, "public_html")
			if now := files[".htcgiproxy"]; now != c.want || files[formerFile] != "" {
				t.Errorf("settings are %q, want %q; before them are left %q", now, c.want, files[formerFile])
			}
			s.wantPage(t, c.page)
		})
	}
	t.Run("changed by hand since", func(t *testing.T) {
		breakOff(t, binary)
		mine := s.files(t, "public_html")[".htcgiproxy"] + "CGIPROXY_MAX_BODY=5\n"
		s.WriteFile(t, "public_html/.htcgiproxy", mine, 0o600)
		out, status := s.run(t, binary...)
		if want := "note: .htcgiproxy stays as it is, for it has been changed since an earlier run, which broke off"; status != 0 || !strings.Contains(out, want) {
			t.Errorf("exit status %d, want %q:\n%s", status, want, out)
		}
		if files := s.files(t, "public_html"); files[".htcgiproxy"] != mine || files[formerFile] != "" {
			t.Errorf("settings are %q, want %q; before them are left %q", files[".htcgiproxy"], mine, files[formerFile])
		}
	})
}

// TestFirstAfterBreak has the first deploy break off while its site works: the next run
// takes out nothing of it, though the app may be down just then, and --uninstall all.
func TestFirstAfterBreak(t *testing.T) {
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
	asked := askLive
	for _, c := range []struct {
		name   string
		isDown bool // by then
		next   []string
		status int
		says   string
		page   string // where the app is up again
	}{
		{"down", true, binary, 1, hint, "the first app"},
		{"down, and another app that does not answer", true, append([]string{"--upstream", "1"}, binary...), 1, "503 Service Unavailable: down\nwhat visitors saw before", "the first app"},
		{"down, and another app", true, append([]string{"--upstream", runningApp(t, "the app")}, binary...), 0, "works", "the app"},
		{"it works", false, binary, 0, "works", "the first app"},
		{"--uninstall", false, []string{"--uninstall"}, 0, "", "the old site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			askLive = func(ctx context.Context, o live.Options) []finding.Finding {
				h.cut.Set(1, true, true)
				return asked(ctx, o)
			}
			if out, status := h.run(t, append([]string{"--upstream", strings.TrimPrefix(app.URL, "http://")}, binary...)...); status != 0 {
				t.Fatalf("exit status %d:\n%s", status, out)
			}
			askLive = asked
			h.cut.Set(0, false, false)
			h.wantPage(t, "the first app")
			isDown.Store(c.isDown)
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

// TestFormer has the settings of before for every run that changes them alone, on a site
// that is there.
func TestFormer(t *testing.T) {
	change := install.Change{Name: settings.File, Old: []byte("old"), New: []byte("new")}
	more := install.Change{Name: "proxy.fcgi", New: []byte("program")}
	for _, c := range []struct {
		name  string
		there string
		work  []install.Change
		app   []replaced
		want  string
	}{
		{"settings", "proxy.cgi", []install.Change{change}, nil, sum(change.New) + "\nold"},
		{"settings, and FastCGI from now on", "proxy.cgi", []install.Change{more, change}, nil, sum(change.New) + "\nold"},
		{"FastCGI alone", "proxy.cgi", []install.Change{more}, nil, ""},
		{"the app, too", "proxy.cgi", []install.Change{change}, []replaced{{Path: "app.py"}}, ""},
		{"the first deploy", "index.html", []install.Change{more, {Name: settings.File, New: []byte("new")}}, nil, ""},
		{"the first deploy, to settings written by hand", "index.html", []install.Change{more, change}, nil, ""},
	} {
		d := &deploy{served: &served{list: []remote.Entry{{Name: c.there}}}, siteWork: c.work, appWork: c.app}
		if got := string(d.former()); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
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
