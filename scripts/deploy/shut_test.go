package main

import (
	"cmp"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/remote"
)

// TestShut keeps visitors from an app's folder before its first file comes, where it is
// in the served one or new. What the app brings shows them nothing.
func TestShut(t *testing.T) {
	const refusal = "/.htaccess may show visitors the app's files, at the latest after --uninstall: delete it"
	for _, c := range []struct{ name, site, there, brings, want, err string }{
		{name: "in the served folder", site: "..", want: closed},
		{name: "further down", site: "../..", want: closed},
		{name: "in the served folder, with what the app brings", site: "..", brings: "Options -Indexes\n", want: closed},
		{name: "again", site: "..", there: closed, brings: closed + "Require all granted\n", want: closed},
		{name: "somebody has put another there", site: "..", there: "# mine", err: refusal},
		{name: "new, beside the served folder", site: "../public_html", brings: "# its", want: closed},
		{name: "new, and nobody knows where", brings: "# its", want: closed},
		{name: "beside it, again", site: "../public_html", there: closed, brings: "# its", want: closed},
		{name: "beside it, by hand", site: "../public_html", there: "# mine", brings: "# its", want: "# mine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"app.py": "x", ".htaccess": c.brings, "public/.htaccess": c.brings})
			writeFiles(t, folder, map[string]string{".htaccess": c.there})
			a, changes, notes, err := planFor(t, host, folder, dir, c.site)
			if err != nil || c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			isLeftOut := c.brings != "" && c.want == closed
			if text := strings.Join(notes, "\n"); strings.Contains(text, "public/.htaccess is not uploaded") != isLeftOut {
				t.Errorf("it says %q", text)
			}
			if err := a.stage(t.Context(), dir, changes, meter{}); err != nil {
				t.Fatal(err)
			}
			wantFiles(t, folder, map[string]string{".htaccess": c.want, "app.py": ""})
			if err := a.swap(changes); err != nil {
				t.Fatal(err)
			}
			if c.want == closed {
				wantFiles(t, folder, map[string]string{".htaccess": closed, "app.py": "x", "public/.htaccess": ""})
			}
		})
	}
}

// TestShutNot leaves alone a folder that the served one is in.
func TestShutNot(t *testing.T) {
	host, folder := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	writeFiles(t, folder, map[string]string{"public_html/index.html": "x"})
	a, changes, _, err := planFor(t, host, folder, dir, "public_html")
	if err != nil {
		t.Fatal(err)
	}
	a.putChanges(t, dir, changes)
	wantFiles(t, folder, map[string]string{".htaccess": "", "app.py": "x"})
}

// TestServedItself refuses the served folder itself, which cannot be shut, by any name.
func TestServedItself(t *testing.T) {
	host, home := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	writeFiles(t, home, map[string]string{"public_html/index.html": "x"})
	if err := os.Symlink("public_html", filepath.Join(home, "www")); err != nil {
		t.Fatal(err)
	}
	for _, appTo := range []string{"public_html", "www", "public_html/../public_html/"} {
		o := &options{target: &remote.Target{Folder: filepath.Join(home, "public_html")}, app: dir, appTo: home + "/" + appTo}
		d := &deploy{options: o, out: io.Discard, host: host, lines: []byte("CGIPROXY_START=x\n")}
		if _, err := d.planApp(); err == nil || !strings.HasSuffix(err.Error(), "that begins with a dot, as in --app-to "+o.target.Folder+"/.app") {
			t.Errorf("--app-to %s: %v", appTo, err)
		}
	}
}

// TestNamedInOtherWays has the app's folder in the served one, by a name that does not
// tell it: visitors are kept from it all the same, and it is looked for where it is.
func TestNamedInOtherWays(t *testing.T) {
	host, home := thisHost(t)
	writeFiles(t, home, map[string]string{"public_html/myapp/venv/pyvenv.cfg": "x"})
	if err := os.Symlink("public_html", filepath.Join(home, "www")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(home)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	for _, c := range []struct{ name, target, lines, appTo, startDir string }{
		{"the settings, by its whole path", "public_html", "CGIPROXY_START=x\nCGIPROXY_START_DIR=" + home + "/public_html/myapp\n", "", home + "/public_html/myapp"},
		{"--app-to, by its whole path", "public_html", "CGIPROXY_START=x\n", home + "/public_html/myapp", "myapp"},
		{"the target, by its whole path", home + "/public_html", "CGIPROXY_START=x\n", "public_html/myapp", "myapp"},
		{"--app-to, by a link", "public_html", "CGIPROXY_START=x\n", "www/myapp", "../www/myapp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &options{target: &remote.Target{Folder: c.target}, app: dir, appTo: c.appTo}
			d := &deploy{options: o, out: io.Discard, host: host, lines: []byte(c.lines)}
			if _, err := d.planApp(); err != nil {
				t.Fatal(err)
			}
			if d.app.site != ".." || !d.app.shuts || d.setting("START_DIR") != c.startDir {
				t.Errorf("the site is in %s as seen from the app's folder, which is shut: %v; START_DIR is %q, want %q", d.app.site, d.app.shuts, d.setting("START_DIR"), c.startDir)
			}
		})
	}
}

// TestShutStart has the app's files and START_DIR in two folders: what the app prints is for
// nobody either, where START_DIR is in the served folder.
func TestShutStart(t *testing.T) {
	for _, c := range []struct {
		name, startDir, start, page string
		run                         string // the folder
		want                        string // its .htaccess
	}{
		{"two in the served folder", ".run", "cd ../.app && x", "", "public_html/.run", closed},
		{"the app is beside it", ".run", "cd ../../app && x", "", "public_html/.run", closed},
		{"with pages of its own", "run", "cd ../.app && x", "index.html", "public_html/run", ""},
		{"beside the served folder", "../run", "cd ../public_html/.app && x", "", "run", ""},
		{"the served folder itself", ".", "cd ../app && x", "", "public_html", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, home := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"app.py": "x"})
			writeFiles(t, home, map[string]string{"public_html/index.html": "x", "public_html/.app/x": "x", path.Join(c.run, cmp.Or(c.page, "x")): "x"})
			o := &options{target: &remote.Target{Folder: path.Join(home, "public_html")}, app: dir}
			d := &deploy{options: o, host: host, out: io.Discard, served: &served{host: host, folder: o.target.Folder}}
			d.lines = []byte("CGIPROXY_START='" + c.start + "'\nCGIPROXY_START_DIR=" + c.startDir + "\n")
			d.signed.Store(time.Now().UnixNano()) // it has the turn
			if _, err := d.planApp(); err != nil {
				t.Fatal(err)
			}
			if _, err := d.stage(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantFiles(t, home, map[string]string{path.Join(c.run, ".htaccess"): c.want})
		})
	}
}
