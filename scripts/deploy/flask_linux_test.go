package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/scripts/deploy/internal/hosting"
)

const flaskApp = `from flask import Flask, render_template

app = Flask(__name__)

@app.route("/")
def home():
    return render_template("home.txt")
`

const flaskStart = "exec python3 -m flask run --port $PORT"

// A flaskSite is a person with a Flask app in a folder, and an FTP account.
type flaskSite struct {
	*host
	app string
}

func (s *flaskSite) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.app, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFlask is what such a person does: with one command from the archive to a
// site, a change, a version that does not start, and back.
func TestFlask(t *testing.T) {
	t.Parallel()
	if err := exec.Command("python3", "-c", "import flask").Run(); err != nil {
		webserver.Need(t, fmt.Errorf("%w: python3-flask is missing: run scripts/webservers", webserver.ErrUnavailable))
	}
	s := &flaskSite{newHost(t, hosting.VsftpdTLS), t.TempDir()}
	s.write(t, "app.py", flaskApp)
	s.write(t, "templates/home.txt", "version 1")
	s.write(t, "venv/pyvenv.cfg", "home = /usr/bin")
	s.write(t, ".env", "SECRET=x")
	s.write(t, "__pycache__/app.pyc", "x")
	if out, status := s.deploy(t, "--rollback"); status != 1 || !strings.Contains(out, "no app has been deployed to app") {
		t.Errorf("before the first deploy: exit status %d:\n%s", status, out)
	}
	s.first(t)
	s.change(t)
	s.broken(t)
	s.brokenByHand(t)
	s.rollBack(t)
	s.mustDeploy(t, "--uninstall")
	s.wantPage(t, "the old site")
	if files := s.files(t, "public_html"); len(files) != 1 {
		t.Errorf("left are %q", files)
	}
}

func (s *flaskSite) first(t *testing.T) {
	stop := s.watch(t, "the old site", "version 1")
	defer stop()
	out := s.mustDeploy(t, "--app", s.app, "--start", flaskStart)
	s.wantPage(t, "version 1")
	for _, want := range []string{"left out", "venv/", ".env", "__pycache__/", "made     public_html/proxy.cgi", "made     app/app.py"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	amount, upload := strings.Index(out, "app: 2 new files, 0 changed, 0 removed, 0.0 MB to upload\n"), strings.Index(out, "made     app/app.py")
	if amount < 0 || amount > upload {
		t.Errorf("how much it is, is not said first:\n%s", out)
	}
	for name, mode := range map[string]os.FileMode{"public_html/proxy.cgi": 0o755, "public_html/.htcgiproxy": 0o600, "public_html/.htaccess": 0o644, "app/app.py": 0o644} {
		if info, err := os.Stat(filepath.Join(s.Home, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, mode)
		}
	}
	if out := s.mustDeploy(t, "--app", s.app); !strings.Contains(out, "nothing to upload") {
		t.Errorf("without a change:\n%s", out)
	}
}

func (s *flaskSite) change(t *testing.T) {
	stop := s.watch(t, "version 1", "version 2")
	defer stop()
	s.write(t, "templates/home.txt", "version 2")
	s.write(t, "templates/new.txt", "new")
	out := s.mustDeploy(t, "--app", s.app)
	s.wantPage(t, "version 2")
	if strings.Contains(out, "proxy.cgi") || strings.Contains(out, "app.py") || !strings.Contains(out, "changed  app/templates/home.txt") {
		t.Errorf("not only what has changed:\n%s", out)
	}
}

func (s *flaskSite) broken(t *testing.T) {
	s.write(t, "app.py", "import a_module_that_is_not_there\n"+flaskApp)
	s.write(t, "templates/home.txt", "version 3")
	for range 2 { // the second time it fails in the same way
		out, status := s.deploy(t, "--app", s.app)
		if status != 1 || !strings.Contains(out, "still answers: the app's command ended with status 2") || !strings.Contains(out, "No module named 'a_module_that_is_not_there'") || !strings.Contains(out, "is back") {
			t.Errorf("a version that does not start: exit status %d:\n%s", status, out)
		}
		s.wantPage(t, "version 2")
	}
	if out := s.mustDeploy(t, "--status"); !strings.Contains(out, "first page: 200 OK") || !strings.Contains(out, "app, deploy 2, 3 files") {
		t.Errorf("status:\n%s", out)
	}
	if out := s.mustDeploy(t, "--logs"); !strings.Contains(out, "app/app.log:") || !strings.Contains(out, "a_module_that_is_not_there") {
		t.Errorf("logs:\n%s", out)
	}
}

// brokenByHand uploads a version that does not start, and the one from before
// again: --status tells of the first, which visitors do not notice.
func (s *flaskSite) brokenByHand(t *testing.T) {
	const warning = "restart: the last one failed (the app's command ended with status 2 before the app was up), and the app from before went on"
	for _, c := range []struct {
		app   string
		warns bool
	}{{"import a_module_that_is_not_there\n" + flaskApp, true}, {flaskApp, false}} {
		s.WriteFile(t, "app/app.py", c.app, 0o644)
		s.WriteFile(t, "app/tmp/restart.txt", c.app, 0o644)
		if out := s.mustDeploy(t, "--status"); !strings.Contains(out, "first page: 200 OK") || strings.Contains(out, warning) != c.warns {
			t.Errorf("status, want a warning: %v:\n%s", c.warns, out)
		}
	}
}

func (s *flaskSite) rollBack(t *testing.T) {
	s.mustDeploy(t, "--rollback")
	s.wantPage(t, "version 1")
	if _, err := os.Stat(filepath.Join(s.Home, "app/templates/new.txt")); err == nil {
		t.Error("a file of the deploy that was taken back is left")
	}
	if out := s.mustDeploy(t, "--status"); !strings.Contains(out, "app, deploy 2, taken back, 2 files") {
		t.Errorf("status:\n%s", out)
	}
	for _, again := range [][]string{{"--rollback"}, {"--rollback", "--dry-run"}} {
		if out, status := s.deploy(t, again...); status != 1 || !strings.Contains(out, "nothing more to go back to") {
			t.Errorf("a second time: %q: exit status %d:\n%s", again, status, out)
		}
	}
}
