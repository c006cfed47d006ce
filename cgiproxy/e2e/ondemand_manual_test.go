package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestManualApps has the apps of MANUAL, with their lines of .htcgiproxy, as
// they stand there, each under another web server: a page, a form, and other
// versions uploaded.
func TestManualApps(t *testing.T) {
	for i, c := range []struct {
		name, file string // as the comments in MANUAL have them
		needs      []string
		prepare    func(t *testing.T, a appSite)
	}{
		{"gunicorn on a port", "flask: app.py", []string{"/usr/bin/gunicorn", "/usr/bin/flask"}, venv},
		{"gunicorn on a socket", "flask: app.py", []string{"/usr/bin/gunicorn", "/usr/bin/flask"}, venv},
		{"flask run", "flask: app.py", []string{"/usr/bin/flask"}, venv},
		{"express", "express: app.js", []string{"node", "npm", "cp"}, modules},
		{"puma", "puma: config.ru", []string{"puma"}, nil},
		{"php", "php: public/index.php", []string{"php"}, nil},
		{"go", "go: app.go", nil, build},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			needPrograms(t, c.needs...)
			s := newSite(t, onDemandKinds[i%len(onDemandKinds)], "")
			a := appSite{s, appFolder(t, s.Server)}
			settings := strings.ReplaceAll(manualBlock(t, "<!-- start: "+c.name+" -->"), "/home/me/app", a.dir)
			a.WriteFile(t, a.folder[1:]+"/.htcgiproxy", settings+"CGIPROXY_STRIP_PREFIX=auto\n", 0o600)
			_, name, _ := strings.Cut(c.file, ": ")
			program := manualFile(t, c.file)
			upload := func(program string) {
				a.put(t, name, program)
				if c.prepare != nil {
					c.prepare(t, a)
				}
			}
			upload(program)
			a.stopAfter(t)
			a.checkPage(t, "Hello")
			before, _ := a.status(t)

			upload(strings.Replace(program, "Hello", "Welcome", 1))
			a.put(t, "tmp/restart.txt", "")
			a.checkPage(t, "Welcome")
			after, _ := a.status(t)
			if after == before {
				t.Error("the app was not restarted")
			}

			if !strings.Contains(settings, "UPSTREAM=auto") || c.name == "go" || c.name == "php" {
				return // no old app goes on; one that cannot be built; one that is not loaded
			}
			upload(program + "\n)")
			a.put(t, "tmp/restart.txt", "again")
			a.checkPage(t, "Welcome")
			if now, _ := a.status(t); now != after {
				t.Error("the version that does not start took the place of the one that ran")
			}
		})
	}
}

// checkPage gets the page of an app of MANUAL, and sends it a form.
func (a appSite) checkPage(t *testing.T, want string) {
	t.Helper()
	if page := a.mustGet(t); page != want {
		t.Errorf("got %q, want %q", page, want)
	}
	resp, page, err := a.send("POST", "/", "name=Ada", "Content-Type", "application/x-www-form-urlencoded")
	if err != nil || resp.StatusCode != http.StatusOK || page != "Ada" {
		t.Errorf("a form: %+v %q %v, want Ada", resp, page, err)
	}
}

// manualFile returns a file that MANUAL shows.
func manualFile(t *testing.T, name string) string {
	t.Helper()
	manual, err := os.ReadFile("../../MANUAL.md")
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile("(?s)\n<!-- start: " + regexp.QuoteMeta(name) + " -->\n```[a-z]+\n(.*?\n)```\n").FindSubmatch(manual)
	if file == nil {
		t.Fatalf("MANUAL.md has no file %s", name)
	}
	return string(file[1])
}

// venv has the system's packages in place of those that pip would install.
func venv(t *testing.T, a appSite) {
	t.Helper()
	if err := os.Symlink("/usr", filepath.Join(a.dir, "venv")); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
}

func modules(t *testing.T, a appSite) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(a.dir, "node_modules")); err == nil {
		return
	}
	// The cache of who runs the tests is not for other users.
	if out, err := exec.Command("cp", "-r", nodeModules(t, expressApp), a.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func build(t *testing.T, a appSite) {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", "app.new", "app.go")
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Rename(filepath.Join(a.dir, "app.new"), filepath.Join(a.dir, "app")); err != nil {
		t.Fatal(err)
	}
}

// TestOnDemandHidden has an app whose folder is that of proxy.cgi, as it is
// without START_DIR. Visitors see neither what it prints nor what we note.
func TestOnDemandHidden(t *testing.T) {
	for _, kind := range apacheKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			needPrograms(t, "python3")
			s := newSite(t, kind, startOnDemand)
			a := appSite{s, filepath.Join(s.Root, s.folder)}
			a.put(t, "app.py", onDemandApp)
			a.stopAfter(t)
			a.mustGet(t)
			// Where scripts run as another user than the web server, their
			// permissions alone would hide these files.
			for _, name := range []string{"app.log", ".cgiproxy/state"} {
				if err := os.Chmod(filepath.Join(a.dir, name), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(a.dir, ".cgiproxy"), 0o755); err != nil {
				t.Fatal(err)
			}
			app := fmt.Sprint("process ", func() int { pid, _ := a.status(t); return pid }())
			for target, want := range map[string]struct {
				status int
				page   string // "" for any of Apache's
			}{
				"/app.log":         {403, ""},
				"/APP.LOG":         {403, ""},
				"/%61pp.log":       {403, ""},
				"//app.log":        {403, ""},
				"/app.log?x":       {403, ""},
				"/app.log/x":       {403, ""},
				"/.cgiproxy/state": {200, app},
				"/.cgiproxy/":      {200, app},
				"/.cgiproxy":       {200, app},
				"/app.logs":        {200, app},
				"/myapp.log":       {200, app},
			} {
				got := visit(t, a.Addr, "GET "+a.folder+target+" HTTP/1.1\r\nHost: "+a.Addr+"\r\nConnection: close\r\n\r\n")
				if got.StatusCode != want.status || want.page != "" && got.body != want.page || strings.Contains(got.body, "a line of the app") {
					t.Errorf("%s: %s %.300q, want %d %q", target, got.Status, got.body, want.status, want.page)
				}
			}
		})
	}
}
