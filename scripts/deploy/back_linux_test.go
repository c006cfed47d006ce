package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/command/live"
)

// pythonApp is an app that its first request starts. The file data, which is its
// own and no deploy's, has the status that it answers with.
const pythonApp = `
import http.server, os, pathlib
data = pathlib.Path("data")
%s
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(data.read_text()) if data.exists() else %d)
        self.end_headers()
        self.wfile.write(b"%s")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`

// A pythonSite is a host, and the folder here that is deployed to it.
type pythonSite struct {
	*cutHost
	app string
}

func (s *pythonSite) deploy(t *testing.T) (out string, status int) {
	t.Helper()
	return s.deployUntil(t, t.Context())
}

func (s *pythonSite) deployUntil(t *testing.T, ctx context.Context) (out string, status int) {
	t.Helper()
	return s.runUntil(t, ctx, "--app", s.app, "--start", "exec python3 app.py", "--binary", filepath.Join(archive, "proxy.cgi"))
}

func (s *pythonSite) write(t *testing.T, begin string, status int, page string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.app, "app.py"), fmt.Appendf(nil, pythonApp, begin, status, page), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPutBack has what is said of a site that fails, and of what is back then:
// whether it failed before, and which app runs.
func TestPutBack(t *testing.T) {
	s := &pythonSite{newCutHost(t), t.TempDir()}
	s.firstFails(t)
	const refuse = "if data.exists() and data.read_text() == '299': raise SystemExit('the data are too new')"
	for _, c := range []struct {
		name   string
		before string // what data has
		begin  string // of the new version
		status int
		fails  string // is said, and how it is back
		back   string
		page   string // at the end
	}{
		{"a version that starts and fails", "", "", 500,
			"the site fails with what is new (before this deploy its first page was 200 OK):\n  the first page: 500 Internal Server Error: new",
			"what was there before is back, and the app that runs is the one from before; its first page is 200 OK", "old"},
		{"it failed before", "500", "", 200,
			"the site fails, in the same way as before this deploy:\n  the first page: 500 Internal Server Error: new",
			"what was there before is back, and fails as it did before this deploy: the first page: 500 Internal Server Error: old", "old"},
		{"it failed before in another way", "500", "os.rename('data', 'moved')", 503,
			"the site fails, as it did before this deploy in another way (500 Internal Server Error: old):\n  the app's first page: 503 Service Unavailable: new",
			"what was there before is back, and the app that runs is the one from before; its first page is 200 OK", "old"},
		{"it fails with the old files, too", "", "data.write_text('500')", 500,
			"the site fails with what is new",
			"what was there before is back, and the site still fails: the first page: 500 Internal Server Error: old", "old"},
		{"the old files do not start", "", "data.write_text('299'); data = pathlib.Path('none')", 500,
			"the site fails with what is new",
			"the files from before are back, but the app does not start with them (the app's command ended with status 1 before the app was up), and the one of this deploy still answers: the first page: 500", "new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			os.Remove(filepath.Join(s.Home, "app/data"))
			s.write(t, refuse, 200, "old")
			if out, status := s.deploy(t); status != 0 {
				t.Fatal(out)
			}
			s.WriteFile(t, "app/tmp/restart.txt", time.Now().String(), 0o644)
			s.wantPage(t, "old")
			if c.before != "" {
				s.WriteFile(t, "app/data", c.before, 0o644)
			}
			s.write(t, c.begin, c.status, "new")
			out, status := s.deploy(t)
			if status != 1 || !strings.Contains(out, c.fails) || !strings.Contains(out, c.back) {
				t.Errorf("exit status %d, want\n%s\n%s\nin\n%s", status, c.fails, c.back, out)
			}
			if _, body := s.page(t, "/"); body != c.page {
				t.Errorf("the page is %.100q, want %q", body, c.page)
			}
		})
	}
	const onStatusPage = "note: the app runs on after --uninstall: the status page stops it before that"
	if out, _ := s.run(t, "--uninstall", "--dry-run"); !strings.Contains(out, onStatusPage) {
		t.Errorf("how to stop the app is not said:\n%s", out)
	}
	withPage := s.files(t, "public_html")[".htcgiproxy"] + "CGIPROXY_STATUS_PATH=/status\n"
	s.WriteFile(t, "public_html/.htcgiproxy", withPage, 0o600)
	for _, want := range []string{"before that, \"Stop the app\" on the status page stops it", "note: .htcgiproxy stays as it is, for it has been changed since"} {
		if out, _ := s.run(t, "--uninstall", "--dry-run"); !strings.Contains(out, want) {
			t.Errorf("no %q:\n%s", want, out)
		}
	}
	if out, _ := s.run(t, "--uninstall"); !strings.Contains(out, "note: the app that was started still runs (process ") {
		t.Errorf("that the app still runs is not said:\n%s", out)
	}
	if out, _ := s.run(t, "--uninstall"); !strings.HasPrefix(out, "nothing to take out of public_html\nnote: .htcgiproxy is still there: delete it unless you need it\n") {
		t.Errorf("a second time:\n%s", out)
	}
}

// newPythonSite has a site whose page is "old", by a first deploy.
func newPythonSite(t *testing.T) *pythonSite {
	t.Helper()
	s := &pythonSite{newCutHost(t), t.TempDir()}
	s.write(t, "", 200, "old")
	if out, status := s.deploy(t); status != 0 {
		t.Fatal(out)
	}
	return s
}

// firstFails is a first deploy that fails: nothing is left to stop its app.
func (s *pythonSite) firstFails(t *testing.T) {
	t.Helper()
	s.write(t, "", 500, "new")
	out, status := s.deploy(t)
	if want := "is back; its first page is 200 OK\nthe app that was started still runs (process "; status != 1 || !strings.Contains(out, want) {
		t.Errorf("exit status %d, want %q:\n%s", status, want, out)
	}
	s.wantPage(t, "the old site")
}

// TestFirstDeploy takes back what no other was before: its app would be no more.
func TestFirstDeploy(t *testing.T) {
	s := newPythonSite(t)
	s.write(t, "", 500, "new") // which is taken back
	s.deploy(t)
	for _, args := range [][]string{{"--rollback"}, {"--rollback", "--dry-run"}} {
		if out, status := s.run(t, args...); status != 1 || !strings.Contains(out, "is that of the first deploy, and before it there was none") {
			t.Errorf("%q: exit status %d:\n%s", args, status, out)
		}
	}
	s.wantPage(t, "old")
}

// TestStartedMeanwhile has the app from before start anew while a version comes that does
// not start: that the app has started since then says nothing of the new one.
func TestStartedMeanwhile(t *testing.T) {
	s := newPythonSite(t)
	s.write(t, "raise SystemExit('no version')", 200, "new")
	s.cut.OnCommand(func(line string) {
		if strings.HasPrefix(line, "STOR /app/.proxycgi-deploy/new-") {
			s.WriteFile(t, "app/tmp/restart.txt", "by hand", 0o644)
			s.wantPage(t, "old")
		}
	})
	out, status := s.deploy(t)
	if want := "the app does not start with these files, and the one from before still answers"; status != 1 || !strings.Contains(out, want) {
		t.Errorf("exit status %d, want %q:\n%s", status, want, out)
	}
	s.wantPage(t, "old")
}

// TestStartBack takes a deploy back that has changed the command that starts the app,
// too: the version before is started by its own, also after a deploy that broke off, and
// after one that was made again then.
func TestStartBack(t *testing.T) {
	s := newPythonSite(t)
	lines := s.files(t, "public_html")[".htcgiproxy"]
	asked := askLive
	for _, way := range []string{"a deploy", "one that broke off", "one that broke off, and was made again"} {
		t.Run(way, func(t *testing.T) {
			breaks := strings.Contains(way, "broke off")
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"main.py": fmt.Sprintf(pythonApp, "", 200, "new")})
			askLive = func(ctx context.Context, o live.Options) []finding.Finding {
				if breaks {
					s.cut.Set(1, true, true)
				}
				return asked(ctx, o)
			}
			args := []string{"--app", dir, "--start", "exec python3 main.py", "--binary", filepath.Join(archive, "proxy.cgi")}
			out, status := s.run(t, args...)
			askLive = asked
			s.cut.Set(0, false, false)
			if (status != 0) != breaks {
				t.Fatalf("exit status %d:\n%s", status, out)
			}
			if strings.Contains(way, "again") {
				if out, status = s.run(t, args...); status != 0 {
					t.Fatalf("exit status %d:\n%s", status, out)
				}
			}
			s.wantPage(t, "new")
			if out, status := s.run(t, "--rollback"); status != 0 || !strings.Contains(out, "the app is as it was before deploy ") {
				t.Errorf("exit status %d:\n%s", status, out)
			}
			s.wantPage(t, "old")
			if now := s.files(t, "public_html")[".htcgiproxy"]; now != lines {
				t.Errorf("settings are %q, want %q", now, lines)
			}
		})
	}
}

// TestUninstallAfterBreak takes the site away after a deploy that broke off: the app's
// files, which stay, are those from before.
func TestUninstallAfterBreak(t *testing.T) {
	s := newPythonSite(t)
	old := s.files(t, "app")["app.py"]
	s.write(t, "", 200, "new")
	asked := askLive
	askLive = func(ctx context.Context, o live.Options) []finding.Finding {
		s.cut.Set(1, true, true)
		return asked(ctx, o)
	}
	out, status := s.deploy(t)
	askLive = asked
	s.cut.Set(0, false, false)
	if status != 1 || !strings.Contains(out, "broke off") {
		t.Fatalf("exit status %d:\n%s", status, out)
	}
	if out, status := s.run(t, "--uninstall"); status != 0 || !strings.Contains(out, "the app's files are put back first") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	s.wantPage(t, "the old site")
	if now := s.files(t, "app")["app.py"]; now != old || old == "" {
		t.Errorf("the app's file is %q, want %q", now, old)
	}
}

// TestRestartedAfterBreak has the connection break off for good while the new version
// runs: whatever is deployed next, the app runs with the files that are there then.
func TestRestartedAfterBreak(t *testing.T) {
	s := newPythonSite(t)
	asked := askLive
	for _, c := range []struct {
		name string
		next func() (out string, status int)
	}{
		{"the one from before", func() (string, int) { return s.deploy(t) }},
		{"another, which ends before it is there", func() (string, int) {
			s.write(t, "", 200, "another")
			writeFiles(t, s.app, map[string]string{"second.txt": "which is looked for when the first is there"})
			ctx, interrupt := context.WithCancel(t.Context())
			s.cut.OnCommand(func(line string) {
				if strings.HasPrefix(line, "STOR /app/.proxycgi-deploy/new-") {
					interrupt()
				}
			})
			defer s.cut.OnCommand(nil)
			defer writeFiles(t, s.app, map[string]string{"second.txt": ""})
			return s.deployUntil(t, ctx)
		}},
		{"the proxy alone", func() (string, int) { return s.run(t, "--binary", filepath.Join(archive, "proxy.cgi")) }},
		{"--rollback", func() (string, int) { return s.run(t, "--rollback") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			askLive = func(ctx context.Context, o live.Options) []finding.Finding {
				s.cut.Set(1, true, true)
				return asked(ctx, o)
			}
			s.write(t, "", 200, "new")
			if out, status := s.deploy(t); status != 1 || !strings.Contains(out, "broke off") || !strings.Contains(out, "the site works with what is new, but the next run takes that back") {
				t.Fatalf("exit status %d:\n%s", status, out)
			}
			s.wantPage(t, "new")
			askLive = asked
			s.cut.Set(0, false, false)
			s.write(t, "", 200, "old")
			out, _ := c.next()
			if !strings.Contains(out, "the app's files are put back first") {
				t.Errorf("it is not put back:\n%s", out)
			}
			s.wantPage(t, "old")
		})
	}
}
