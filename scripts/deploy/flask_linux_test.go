package main

import (
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

// TestFlask is what a person with a Flask app and an FTP account does: with one
// command from the archive to a site, a change, a version that does not start,
// and back.
func TestFlask(t *testing.T) {
	t.Parallel()
	if err := exec.Command("python3", "-c", "import flask").Run(); err != nil {
		webserver.Need(t, webserver.ErrUnavailable)
	}
	h := newHost(t, hosting.VsftpdTLS)
	app := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(app, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("app.py", flaskApp)
	write("templates/home.txt", "version 1")
	write("venv/pyvenv.cfg", "home = /usr/bin")
	write(".env", "SECRET=x")
	write("__pycache__/app.pyc", "x")

	stop := h.watch(t, "the old site", "version 1")
	out := h.mustDeploy(t, "--app", app, "--start", flaskStart)
	h.wantPage(t, "version 1")
	stop()
	for _, want := range []string{"left out", "venv/", ".env", "__pycache__/", "made     public_html/proxy.cgi", "made     app/app.py"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
	for name, mode := range map[string]os.FileMode{"public_html/proxy.cgi": 0o755, "public_html/.htcgiproxy": 0o600, "public_html/.htaccess": 0o644, "app/app.py": 0o644} {
		if info, err := os.Stat(filepath.Join(h.Home, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, mode)
		}
	}
	if out := h.mustDeploy(t, "--app", app); !strings.Contains(out, "nothing to upload") {
		t.Errorf("without a change:\n%s", out)
	}

	write("templates/home.txt", "version 2")
	write("templates/new.txt", "new")
	stop = h.watch(t, "version 1", "version 2")
	out = h.mustDeploy(t, "--app", app)
	h.wantPage(t, "version 2")
	if strings.Contains(out, "proxy.cgi") || strings.Contains(out, "app.py") || !strings.Contains(out, "changed  app/templates/home.txt") {
		t.Errorf("not only what has changed:\n%s", out)
	}
	stop()

	write("app.py", "import a_module_that_is_not_there\n"+flaskApp)
	write("templates/home.txt", "version 3")
	out, status := h.deploy(t, "--app", app)
	if status != 1 || !strings.Contains(out, "No module named 'a_module_that_is_not_there'") || !strings.Contains(out, "is back") {
		t.Errorf("a version that does not start: exit status %d:\n%s", status, out)
	}
	h.wantPage(t, "version 2")
	if out := h.mustDeploy(t, "--status"); !strings.Contains(out, "first page: 200 OK") || !strings.Contains(out, "app, deploy 2, 3 files") {
		t.Errorf("status:\n%s", out)
	}
	if out := h.mustDeploy(t, "--logs"); !strings.Contains(out, "app/app.log:") || !strings.Contains(out, "a_module_that_is_not_there") {
		t.Errorf("logs:\n%s", out)
	}

	h.mustDeploy(t, "--rollback")
	h.wantPage(t, "version 1")
	if _, err := os.Stat(filepath.Join(h.Home, "app/templates/new.txt")); err == nil {
		t.Error("a file of the deploy that was taken back is left")
	}
	if out, status := h.deploy(t, "--rollback"); status != 1 || !strings.Contains(out, "no deploy of the app to take back") {
		t.Errorf("a second time: exit status %d:\n%s", status, out)
	}

	h.mustDeploy(t, "--uninstall")
	h.wantPage(t, "the old site")
	if files := h.files(t, "public_html"); len(files) != 1 {
		t.Errorf("left are %q", files)
	}
}
