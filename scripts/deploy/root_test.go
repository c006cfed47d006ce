package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/remote"
)

// TestBesidePages has an app that would be beside pages, where a login begins in the
// document root: its owner has to say where it shall be.
func TestBesidePages(t *testing.T) {
	for _, c := range []struct {
		name  string
		files string // beside the site
		appTo string
		lines string // of .htcgiproxy
		want  string
	}{
		{"a page", "index.php", "", "", "beside HOME/app-shop, where the app would be, there is HOME/index.php"},
		{"a .htaccess", ".htaccess", "", "CGIPROXY_START=x\n", "as in --app-to HOME/shop/.app"},
		{"none", "notes.txt", "", "", ""},
		{"its owner has said it", "index.php", "app-shop", "", ""},
		{"the settings say it", "index.php", "", "CGIPROXY_START_DIR=../app-shop\n", ""},
		{"it is there already", "index.php app-shop/" + stateFolder + "/manifest.json", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, home := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"app.py": "x"})
			for _, name := range strings.Fields(c.files) {
				writeFiles(t, home, map[string]string{name: `{"number": 1, "files": {}}`})
			}
			o := &options{target: &remote.Target{Folder: path.Join(home, "shop")}, app: dir}
			if c.appTo != "" {
				o.appTo = path.Join(home, c.appTo)
			}
			d := &deploy{options: o, host: host, lines: []byte(c.lines)}
			_, err := d.planApp()
			if want := strings.ReplaceAll(c.want, "HOME", home); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

// TestWhereServed asks for a file of the app wherever visitors could find it.
func TestWhereServed(t *testing.T) {
	host, home := thisHost(t)
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(filepath.Join(home, "public_html"))))
	mux.HandleFunc("/old/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.TrimPrefix(r.URL.Path, "/old"), http.StatusMovedPermanently)
	})
	mux.HandleFunc("/all/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("hello")) })
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.UserAgent(), "Go-http-client") { // as some hosts do
			http.Error(w, "for visitors only", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	writeFiles(t, home, map[string]string{"public_html/index.html": "x"})
	if err := os.Symlink("public_html", path.Join(home, "www")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, folder, url, app, restart, want string }{
		{"beside the root", "public_html", "/", "app", "tmp/restart.txt", ""},
		{"in it", "public_html", "/", "public_html/my app", "tmp/restart.txt", "/my%20app/tmp/restart.txt"},
		{"the site's own", "public_html", "/", "public_html", "tmp/restart.txt", "/tmp/restart.txt"},
		{"beside a site below it", "public_html/shop", "/shop/", "public_html/app", "tmp/restart.txt", "/app/tmp/restart.txt"},
		{"by a redirect", "public_html/shop", "/old/shop/", "public_html/app", "tmp/restart.txt", "/old/app/tmp/restart.txt"},
		{"a site that answers everything", "public_html", "/all/", "app", "tmp/restart.txt", ""},
		{"by a link", "public_html", "/", "www/myapp", "tmp/restart.txt", "/myapp/tmp/restart.txt"},
		{"a file elsewhere that restarts it", "public_html", "/", "app", "../public_html/restart.txt", ""},
		{"in it, and START_DIR is not", "public_html", "/", "public_html/app", "../../run/tmp/restart.txt", "/app/restart.txt.new"},
		{"in it, and another word for START_DIR", "public_html", "/", "public_html/app2", "RELATIVE tmp/restart.txt", "/app2/restart.txt.new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &options{target: &remote.Target{Folder: path.Join(home, c.folder)}, url: s.URL + c.url}
			d := &deploy{options: o, host: host, appWork: []replaced{{}}}
			restart, isRelative := strings.CutPrefix(c.restart, "RELATIVE ")
			writeFiles(t, home, map[string]string{path.Join(c.app, restart): "x"})
			if err := d.openApp(path.Join(home, c.app)); err != nil {
				t.Fatal(err)
			}
			writeFiles(t, home, map[string]string{path.Join(c.app, stateFolder, "manifest.json"): "{}"})
			d.app.turn = func() error { return nil }
			d.places.restart = d.app.path(restart)
			if isRelative { // as with an absolute START_DIR and --app-to, which is none
				t.Chdir(home)
				d.places.restart = path.Join(c.app, restart)
			}
			if err := d.app.restart(d.places.restart); err != nil {
				t.Fatal(err)
			}
			want := c.want
			if want != "" {
				want = s.URL + want
			}
			if got := d.whereServed(t.Context()); got != want {
				t.Errorf("it is %q, want %q", got, want)
			}
			wantFiles(t, home, map[string]string{path.Join(c.app, "restart.txt.new"): ""})
		})
	}
}
