package main

import (
	"io"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/remote"
)

// TestAnotherSite has several sites of an account, and which app's folder each
// may have: never that of another.
func TestAnotherSite(t *testing.T) {
	host, home := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	for _, c := range []struct {
		name, folder, appTo string
		settings            string // what .htcgiproxy there says
		app                 string
		want                string // of an error
	}{
		{"the first", "public_html", "", "", "app", ""},
		{"the first again", "public_html", "", "CGIPROXY_START_DIR=../app\n", "app", ""},
		{"beside it", "shop.example", "", "", "app-shop.example", ""},
		{"below it, of the same name", "public_html/shop.example", "", "", "app-shop.example",
			"is that of the site in HOME/shop.example, and not of HOME/public_html/shop.example: name another folder"},
		{"by its settings", "blog.example", "", "CGIPROXY_START_DIR=../app\n", "app", "is that of the site in HOME/public_html"},
		{"with --app-to", "blog.example", "app", "", "app", "is that of the site in HOME/public_html"},
		{"another by --app-to", "blog.example", "myapp", "", "myapp", ""},
		{"the same, by its settings", "blog.example", "", "CGIPROXY_START_DIR=../myapp\n", "myapp", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &options{target: &remote.Target{Folder: path.Join(home, c.folder)}, app: dir}
			if c.appTo != "" {
				o.appTo = path.Join(home, c.appTo)
			}
			d := &deploy{options: o, out: io.Discard, host: host, lines: []byte(c.settings)}
			d.signed.Store(time.Now().UnixNano()) // it has the turn
			folder, _, err := d.appFolder()
			if err != nil || folder != path.Join(home, c.app) {
				t.Fatalf("the app is in %s, %v, want %s", folder, err, c.app)
			}
			for _, open := range []func() error{
				func() error { _, err := d.planApp(); return err },
				func() error { return d.openApp(folder) }, // as --rollback does
			} {
				err = open()
				if want := strings.ReplaceAll(c.want, "HOME", home); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Fatalf("%v, want %q", err, want)
				}
			}
			if err != nil {
				return
			}
			if _, err := d.planApp(); err != nil {
				t.Fatal(err)
			}
			if d.appWork == nil {
				return
			}
			d.app.putChanges(t, dir, d.appWork)
			if _, err := d.app.settle(); err != nil {
				t.Fatal(err)
			}
			writeFiles(t, home, map[string]string{c.folder + "/proxy.cgi": "x"})
		})
	}
}

// TestLinkToServed has a served folder that is a link, as DirectAdmin's public_html:
// the folder beside it is not the one that a relative START_DIR leads to.
func TestLinkToServed(t *testing.T) {
	host, home := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	writeFiles(t, home, map[string]string{"domains/example.com/public_html/index.html": "x"})
	if err := os.Symlink("domains/example.com/public_html", path.Join(home, "public_html")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(home, path.Join(home, "home2")); err != nil {
		t.Fatal(err)
	}
	const refusal = "/public_html is a link on the host"
	for _, c := range []struct{ folder, settings, appTo, want string }{
		{"home2/domains/example.com/public_html", "CGIPROXY_START=x\n", "", ""},
		{"public_html", "CGIPROXY_START=x\n", "", refusal},
		{"domains/example.com/public_html", "CGIPROXY_START=x\n", "", ""},
		{"public_html", "CGIPROXY_START=x\nCGIPROXY_START_DIR=" + home + "/domains\n", "", ""},
		{"public_html", "", "", ""}, // who starts the app knows where it is
		{"public_html", "CGIPROXY_START=x\nCGIPROXY_START_DIR=../app\n", "", refusal},
		{"public_html", "CGIPROXY_START=x\nCGIPROXY_START_DIR=../app\n", "domains/example.com/app", ""},
		{"domains/example.com/public_html", "CGIPROXY_START=x\nCGIPROXY_START_DIR=../app\n", "", ""},
		{"public_html", "CGIPROXY_START=x\nCGIPROXY_START_DIR=.app\n", "", ""},
	} {
		o := &options{target: &remote.Target{Folder: path.Join(home, c.folder)}, app: dir}
		if c.appTo != "" {
			o.appTo = path.Join(home, c.appTo)
		}
		d := &deploy{options: o, out: io.Discard, host: host, lines: []byte(c.settings)}
		if _, err := d.planApp(); (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %q: %v, want %q", c.folder, c.settings, err, c.want)
		}
		if err := d.rollBack(t.Context()); strings.Contains(c.settings, "START_DIR") && strings.Contains(err.Error(), refusal) != (c.want != "") {
			t.Errorf("%s, %q: the rollback says %v, want %q", c.folder, c.settings, err, c.want)
		}
		if p := d.findPlaces(); d.app == nil && p.dir != "" {
			t.Errorf("%s, %q: the app is looked for in %s", c.folder, c.settings, p.dir)
		}
	}
}

// A rooted host has a folder of this machine as all there is. It can only be read.
type rooted struct {
	remote.Host
	home string
}

func (h rooted) at(name string) string { return path.Join(h.home, path.Join("/", name)) }

func (h rooted) List(folder string) ([]remote.Entry, error) { return h.Host.List(h.at(folder)) }

func (h rooted) Size(name string) (int64, error) { return h.Host.Size(h.at(name)) }

func (h rooted) Real(folder string) (string, error) {
	if _, err := h.List(folder); err != nil {
		return "", err
	}
	return path.Join("/", folder), nil
}

func (h rooted) Read(name string, offset, most int64) ([]byte, error) {
	return h.Host.Read(h.at(name), offset, most)
}

// TestAboveLogin has a START_DIR above all that a login sees, which is not what the login
// finds under that name.
func TestAboveLogin(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	here, home := thisHost(t)
	writeFiles(t, home, map[string]string{"public_html/index.html": "x"})
	for _, c := range []struct{ target, startDir, want string }{
		{".", "../app", "how does FTP call the folder ../app of the host, if this login sees it?"},
		{"/", "../app", "how does FTP call the folder ../app of the host, if this login sees it?"},
		{"public_html", "../../app", "how does FTP call the folder ../../app of the host, if this login sees it?"},
		{"public_html", "../x/../../app", "how does FTP call the folder ../x/../../app of the host, if this login sees it?"},
		{"public_html", "../app", ""},
		{"public_html", "x/../../app", ""},
		{".", ".app", ""},
	} {
		o := &options{target: &remote.Target{Folder: c.target}, app: dir, dryRun: true}
		d := &deploy{options: o, host: rooted{here, home}, lines: []byte("CGIPROXY_START=x\nCGIPROXY_START_DIR=" + c.startDir + "\n"), out: io.Discard}
		if _, err := d.planApp(); (err != nil) != (c.want != "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s in %s: %v, want %q", c.startDir, c.target, err, c.want)
		}
	}
}

// TestFoundByItsEnd has a START_DIR of which a login sees the last parts alone, if that
// is the same folder.
func TestFoundByItsEnd(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	for _, c := range []struct{ name, there, appTo, want string }{
		{"it is empty", "", "", ""},
		{"there is something", "server.py", "", "is the folder app, where there is server.py, the one that the host calls /home/me/web/app? If it is, say so with --app-to app"},
		{"it has been said", "server.py", "app", ""},
		{"a deploy has brought it", stateFolder + "/manifest.json", "", ""},
		{"a first deploy was taken back", stateFolder + "/manifest.new", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, home := thisHost(t)
			if err := os.Mkdir(path.Join(home, "app"), 0o755); err != nil {
				t.Fatal(err)
			}
			if c.there != "" {
				writeFiles(t, home, map[string]string{path.Join("app", c.there): `{"number": 1, "files": {}}`})
			}
			o := &options{target: &remote.Target{Folder: "public_html"}, app: dir, appTo: c.appTo, dryRun: true}
			d := &deploy{options: o, host: rooted{here, home}, lines: []byte("CGIPROXY_START=x\nCGIPROXY_START_DIR=/home/me/web/app\n"), out: io.Discard}
			if _, err := d.planApp(); (err != nil) != (c.want != "") || err != nil && err.Error() != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestRestartFileUnseen has a RESTART_FILE in a folder that a login may not see: a file
// elsewhere restarts nothing.
func TestRestartFileUnseen(t *testing.T) {
	const refusal = "is not seen by this login, so that no file there can restart the app"
	for _, c := range []struct{ file, at, want string }{
		{"", "app/tmp/restart.txt", ""},
		{"again.txt", "app/again.txt", ""},
		{"/home/me/ours/restart.txt", "ours/restart.txt", ""},
		{"/home/me/restart.txt", "restart.txt", ""},
		{"/home/me/app/tmp/restart.txt", "app/tmp/restart.txt", ""}, // which is yet to be made
		{"/home/me/app/run/tmp/restart.txt", "app/run/tmp/restart.txt", ""},
		{"/var/run/restart.txt", "", refusal},
	} {
		t.Run(c.file, func(t *testing.T) {
			here, home := thisHost(t)
			writeFiles(t, home, map[string]string{"ours/x": "x", "app/x": "x", "tmp/x": "x"})
			lines := ""
			if c.file != "" {
				lines = "CGIPROXY_START_DIR=/home/me/app\nCGIPROXY_RESTART_FILE=" + c.file + "\n"
			}
			d := &deploy{options: &options{target: &remote.Target{User: "me", Folder: "public_html"}}, host: rooted{here, home}, lines: []byte(lines)}
			err := d.openApp("app")
			if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if d.places.restart != c.at {
				t.Errorf("it is %q, want %q", d.places.restart, c.at)
			}
		})
	}
}

// TestRestartFileOfApp has a RESTART_FILE that is there for something else, which a
// restart would overwrite: that is refused before anything is changed.
func TestRestartFileOfApp(t *testing.T) {
	const refusal = ", a file with content, or of the app, which a deploy would overwrite to restart it"
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x", "wsgi.py": "x"})
	const last = stateFolder + "/manifest.json"
	for _, c := range []struct {
		name, file string
		there      map[string]string
		isRefused  bool
	}{
		{"the usual one", "", map[string]string{"tmp/restart.txt": "by hand\n"}, false},
		{"none yet", "again", nil, false},
		{"touched", "again", map[string]string{"again": "\n"}, false},
		{"of an earlier deploy", "again", map[string]string{"again": "2026-11-28T19:00:00.5Z\n"}, false},
		{"the app's settings", "config.json", map[string]string{"config.json": "{}"}, true},
		{"a folder", "again", map[string]string{"again/x": "x"}, true},
		{"one of this deploy", "wsgi.py", nil, true},
		{"one that has been overwritten, by another way", "HOME/way/app/again.py", map[string]string{"again.py": "\n", last: `{"number": 1, "files": {"again.py": {}}}`}, true},
		{"none of it, by another way", "HOME/way/app/again", map[string]string{"app.py": "x"}, false},
		{"one that has been overwritten", "again.py", map[string]string{"again.py": "\n", last: `{"number": 1, "files": {"again.py": {}}}`}, true},
		{"one that a deploy has removed", "again.py", map[string]string{last: `{"number": 1, "files": {}, "last": [{"path": "again.py", "old": {}}]}`}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, home := thisHost(t)
			writeFiles(t, path.Join(home, "app"), c.there)
			lines := "CGIPROXY_START_DIR=../app\n"
			if err := os.Symlink(".", path.Join(home, "way")); err != nil {
				t.Fatal(err)
			}
			if c.file != "" {
				lines += "CGIPROXY_RESTART_FILE=" + strings.Replace(c.file, "HOME", home, 1) + "\n"
			}
			o := &options{target: &remote.Target{Folder: path.Join(home, "public_html")}, app: dir, dryRun: true}
			d := &deploy{options: o, host: host, lines: []byte(lines), out: io.Discard}
			if _, err := d.planApp(); (err != nil) != c.isRefused || err != nil && !strings.Contains(err.Error(), refusal) {
				t.Errorf("a deploy: %v, want it refused: %v", err, c.isRefused)
			}
			if err := d.rollBack(t.Context()); strings.Contains(err.Error(), refusal) != (c.isRefused && c.there != nil) {
				t.Errorf("a rollback: %v, want it refused: %v", err, c.isRefused && c.there != nil)
			}
		})
	}
}
