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
// comes next begins with those from before, unless the site works with the new ones, or
// with neither.
func TestSettingsAfterBreak(t *testing.T) {
	s := newPythonSite(t)
	s.write(t, "", 200, "second")
	if out, status := s.deploy(t); status != 0 {
		t.Fatal(out)
	}
	binary := []string{"--binary", filepath.Join(archive, "proxy.cgi")}
	app := append([]string{"--app", s.app}, binary...)
	lines := s.files(t, "public_html")[".htcgiproxy"]
	starting := func(command string) string { return strings.Replace(lines, "exec python3 app.py", command, 1) }
	const isBack = "an earlier run broke off: what it has changed in .htcgiproxy is taken back first\n"
	const gone, none = "CGIPROXY_UPSTREAM=1\n", "exec python3 none.py"
	for _, c := range []struct {
		name           string
		broken, former string // settings
		next           []string
		isBack         bool
		status         int
		want           string // of the settings
		page           string // "" for one that fails
	}{
		{"the app does not start, the proxy alone again", starting(none), lines, binary, true, 0, lines, "second"},
		{"it does not start, and no file of the app", starting(none), lines, app, true, 0, lines, "second"},
		{"it does not start, and another flag", starting(none), lines, append([]string{"--start", "exec python3 ./app.py"}, app...), true, 0, starting("exec python3 ./app.py"), "second"},
		{"it does not start, --rollback", starting(none), lines, []string{"--rollback"}, true, 0, lines, "old"},
		{"the site fails", gone, lines, binary, true, 0, lines, "second"},
		{"it works", starting("exec python3 ./app.py"), lines, binary, false, 0, starting("exec python3 ./app.py"), "second"},
		{"it works, and did not before", lines, gone, binary, false, 0, lines, "second"},
		{"it fails, as before", gone, "CGIPROXY_UPSTREAM=2\n", binary, false, 1, gone, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.WriteFile(t, "public_html/.htcgiproxy", lines, 0o600)
			s.run(t, app...) // the version that --rollback takes back
			s.wantPage(t, "second")
			s.WriteFile(t, "public_html/.htcgiproxy", c.broken, 0o600)
			s.WriteFile(t, "public_html/"+formerFile, sum([]byte(c.broken))+"\n"+c.former, 0o600)
			out, status := s.run(t, c.next...)
			if status != c.status || strings.Contains(out, isBack) != c.isBack {
				t.Errorf("exit status %d, want %d, and %q: %v\n%s", status, c.status, isBack, c.isBack, out)
			}
			files := s.files(t, "public_html")
			if now := files[".htcgiproxy"]; now != c.want || files[formerFile] != "" {
				t.Errorf("settings are %q, want %q; before them are left %q", now, c.want, files[formerFile])
			}
			if c.page != "" {
				s.wantPage(t, c.page)
			}
		})
	}
	t.Run("changed by hand since", func(t *testing.T) {
		mine := starting(none) + "CGIPROXY_MAX_BODY=5\n"
		s.WriteFile(t, "public_html/.htcgiproxy", mine, 0o600)
		s.WriteFile(t, "public_html/"+formerFile, sum([]byte(starting(none)))+"\n"+lines, 0o600)
		out, _ := s.run(t, binary...)
		if want := "note: .htcgiproxy stays as it is, for it has been changed since an earlier run, which broke off"; !strings.Contains(out, want) {
			t.Errorf("want %q:\n%s", want, out)
		}
		if files := s.files(t, "public_html"); files[".htcgiproxy"] != mine || files[formerFile] != "" {
			t.Errorf("settings are %q, want %q; before them are left %q", files[".htcgiproxy"], mine, files[formerFile])
		}
	})
}

// TestFormerLeft has a run of settings alone write formerFile before it changes them,
// which stays where its connection breaks off.
func TestFormerLeft(t *testing.T) {
	h := newCutHost(t)
	binary := []string{"--binary", filepath.Join(archive, "proxy.cgi")}
	if out, status := h.run(t, append([]string{"--upstream", runningApp(t, "old")}, binary...)...); status != 0 {
		t.Fatal(out)
	}
	lines := h.files(t, "public_html")[".htcgiproxy"]
	asked := askLive
	askLive = func(ctx context.Context, o live.Options) []finding.Finding {
		h.cut.Set(1, true, true)
		return asked(ctx, o)
	}
	out, status := h.run(t, append([]string{"--upstream", runningApp(t, "new")}, binary...)...)
	askLive = asked
	h.cut.Set(0, false, false)
	files := h.files(t, "public_html")
	if want := sum([]byte(files[".htcgiproxy"])) + "\n" + lines; files[formerFile] != want {
		t.Errorf("it is %q, want %q", files[formerFile], want)
	}
	if want := "the site works with what is new: run this again"; status != 1 || !strings.Contains(out, want) {
		t.Errorf("exit status %d, want %q:\n%s", status, want, out)
	}
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
