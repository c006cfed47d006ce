package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/scripts/deploy/remote"
)

// TestSteps has the order in which nothing is seen half.
func TestSteps(t *testing.T) {
	const guard = `<Files "`
	old, content := []byte("old"), []byte("new")
	for _, c := range []struct {
		name    string
		changes []install.Change
		want    string
	}{
		{"first", []install.Change{{Name: "proxy.cgi", New: content}, {Name: ".htcgiproxy", New: content}, {Name: ".htaccess", New: content}, {Name: ".htproxycgi", New: content}},
			".htproxycgi .htcgiproxy .htaccess(proxy.cgi) proxy.cgi .htaccess"},
		{"another program", []install.Change{{Name: "proxy.cgi", Old: old, New: content}}, "proxy.cgi"},
		{"settings and program", []install.Change{{Name: "proxy.cgi", Old: old, New: content}, {Name: ".htcgiproxy", Old: old, New: content}}, ".htcgiproxy proxy.cgi"},
		{"to FastCGI", []install.Change{{Name: "proxy.fcgi", New: content}, {Name: ".htaccess", Old: old, New: content}, {Name: "proxy.cgi", Old: old}},
			".htaccess(proxy.fcgi) proxy.fcgi .htaccess(proxy.cgi) -proxy.cgi .htaccess"},
		{"out", []install.Change{{Name: ".htaccess", Old: old}, {Name: ".htcgiproxy", Old: old}, {Name: "proxy.cgi", Old: old}},
			".htaccess(proxy.cgi) -proxy.cgi -.htaccess -.htcgiproxy"},
		{"nothing", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := steps(c.changes)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range list {
				text := s.name
				if s.content == nil {
					text = "-" + text
				}
				if _, after, ok := strings.Cut(string(s.content), guard); ok {
					name, _, _ := strings.Cut(after, `"`)
					text += "(" + name + ")"
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, " "), c.want)
			}
		})
	}
}

func TestScan(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"app.py", "templates/home.html", ".env", ".htcgiproxy", ".git/config", "venv/bin/python", "myenv/pyvenv.cfg", "myenv/bin/python",
		"node_modules/x/index.js", "sub/__pycache__/app.cpython-311.pyc", "old.pyc", "app.log", "tmp/restart.txt", "tmp/always_restart.txt", ".well-known/x",
		"app.py~", "templates/.home.html.swp",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name          string
		include       []string
		files, leftAt string
	}{
		{"usual", nil, ".well-known/x app.py templates/home.html", ".env .git/ .htcgiproxy app.log app.py~ myenv/ node_modules/ old.pyc sub/__pycache__/ templates/.home.html.swp tmp/always_restart.txt tmp/restart.txt venv/"},
		{"taken in", []string{"node_modules", ".env"}, ".env .well-known/x app.py node_modules/x/index.js templates/home.html", ".git/ .htcgiproxy app.log app.py~ myenv/ old.pyc sub/__pycache__/ templates/.home.html.swp tmp/always_restart.txt tmp/restart.txt venv/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, out, err := scan(dir, c.include)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(slices.Sorted(maps.Keys(files)), " "); got != c.files {
				t.Errorf("files %q, want %q", got, c.files)
			}
			slices.Sort(out)
			if got := strings.Join(out, " "); got != c.leftAt {
				t.Errorf("left out %q, want %q", got, c.leftAt)
			}
		})
	}
	if _, _, err := scan(t.TempDir(), nil); err == nil {
		t.Error("an empty folder is uploaded")
	}
	for _, name := range []string{"trail ", "trail /x", "a\tb"} {
		odd := t.TempDir()
		writeFiles(t, odd, map[string]string{name: "x"})
		if _, _, err := scan(odd, nil); err == nil || !strings.Contains(err.Error(), "rename it") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestNetrc(t *testing.T) {
	const text = "machine a.example login me password one\nmachine b.example\n  login you\n  password two\nmachine b.example login me password three\ndefault login anonymous password four\n"
	for _, c := range []struct{ name, host, user, login, password string }{
		{"named", "a.example", "me", "me", "one"},
		{"no user", "b.example", "", "you", "two"},
		{"the second of a machine", "b.example", "me", "me", "three"},
		{"another user", "a.example", "she", "", ""},
		{"default", "c.example", "", "anonymous", "four"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if login, password := findNetrc(text, c.host, c.user); login != c.login || password != c.password {
				t.Errorf("got %s %s, want %s %s", login, password, c.login, c.password)
			}
		})
	}
}

// TestTargets has where a target leads: the site's address, if it is not said, and
// the app's folder, which is in no served one.
func TestTargets(t *testing.T) {
	for _, c := range []struct{ target, said, url, app string }{
		{"ftps://me@example.com/public_html", "", "https://example.com/", "app"},
		{"ftp://me@ftp.example.com/public_html/shop", "", "https://example.com/shop/", "app-shop"},
		{"sftp://me@example.com:2222//home/me/www/shop", "", "https://example.com/shop/", "/home/me/app-shop"},
		{"ftps://me@example.com/domains/example.com/public_html", "", "https://example.com/", "domains/example.com/app"},
		{"ftps://me@example.com/html", "", "https://example.com/", "app"},
		{"ftps://me@example.com/shop.example", "", "https://example.com/", "app-shop.example"},
		{"ftps://me@example.com/shop.example/blog", "", "https://example.com/blog/", "app-shop.example-blog"},
		{"ftps://me@example.com/", "", "https://example.com/", ""},
		{"ftps://me@example.com/public_html/.", "", "https://example.com/", "app"},
		{"ftps://me@example.com/public_html/x/..//shop/", "", "https://example.com/shop/", "app-shop"},
		// The names of roots, one below the other.
		{"ftps://me@example.com/public_html/web", "", "https://example.com/web/", "app-web"},
		{"ftps://me@example.com/public_html/web", "https://web.example/", "https://web.example/", "app-web"},
		{"ftps://me@example.com/htdocs/html/shop", "", "https://example.com/html/shop/", "app-html-shop"},
		{"ftps://me@example.com/www/web", "", "https://example.com/web/", "app-web"},
		{"ftps://me@example.com/www/shop.example/public_html", "", "https://example.com/", "www/shop.example/app"},
		{"sftp://me@example.com//home/me/www/web", "", "https://example.com/web/", "/home/me/app-web"},
		{"sftp://me@example.com//home/me/shop.example", "", "https://example.com/", "/home/me/app-shop.example"},
		{"sftp://me@example.com//var/www/html", "", "https://example.com/", "/var/www/app"},
		{"sftp://me@example.com//var/www/vhosts/example.com/httpdocs", "", "https://example.com/", "/var/www/vhosts/example.com/app"},
		{"sftp://me@example.com//www/htdocs/w0123/shop.example", "", "https://example.com/", "/www/htdocs/w0123/app-shop.example"},
		// A login that begins in the root, as the address tells.
		{"ftps://me@example.com/shop", "https://example.com/shop/", "https://example.com/shop/", ""},
		{"ftps://me@example.com//shop/new", "https://example.com/shop/new", "https://example.com/shop/new/", ""},
		{"ftps://me@example.com/public_html/shop", "https://example.com/~me/shop/", "https://example.com/~me/shop/", "app-shop"},
		{"ftps://me@example.com/public_html/sites/shop", "https://shop.example/shop/", "https://shop.example/shop/", "app-sites-shop"},
	} {
		t.Run(c.target+" "+c.said, func(t *testing.T) {
			o, err := parse([]string{"--insecure", c.target, "--url", c.said})
			if err != nil {
				t.Fatal(err)
			}
			if o.url != c.url {
				t.Errorf("the site is %s, want %s", o.url, c.url)
			}
			app, _, err := (&deploy{options: o}).appFolder()
			if app != c.app || (err != nil) != (c.app == "") {
				t.Errorf("the app is in %q, %v, want %q", app, err, c.app)
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		name, args, want string
		status           int
	}{
		{"no target", "--upstream 6543", "one target, not 0", 2},
		{"two targets", "a b", "one target, not 2", 2},
		{"a password", "ftps://me:secret@example.com/x", "the password does not belong on the command line", 2},
		{"another scheme", "https://example.com/", "no address to deploy to", 2},
		{"two modes", "--status --logs ftps://me@example.com/x", "not together with --status", 2},
		{"as scp takes it", "noa@localhost:public_html", "write it like ftps://noa@localhost/public_html", 2},
		{"without a scheme, with a port", "noa@localhost:2121/public_html", "write it like ftps://noa@localhost:2121/public_html", 2},
		{"as scp takes it, absolute", "noa@localhost:/var/www", "write it like ftps://noa@localhost//var/www", 2},
		{"without a scheme, with a password", "noa:secret@localhost/x", "write it like ftps://me@example.com/public_html", 2},
		{"nobody logs in", "--status ftps://localhost:2121/public_html", "who logs in? Write ftps://me@localhost:2121/public_html", 2},
		{"nobody logs in, the usual port", "--status sftp://localhost//home/me", "who logs in? Write sftp://me@localhost//home/me", 2},
		{"a folder's name with #", "--status ftps://me@example.com/public_html/shop#2", "write ? as %3F and # as %23", 2},
		{"a folder's name with ?", "--status ftps://me@example.com/shop?", "write ? as %3F and # as %23", 2},
		{"what to include by its path", "--include conf/.env ftps://me@example.com/x", "it is a name alone, wherever it is, as in --include .env", 2},
		{"no site", "/tmp", "--url", 2},
		{"a flag that is none", "--upstrem 1 ftps://me@example.com/x", "upstrem", 2},
		{"plain FTP", "--status --url http://127.0.0.1/ ftp://me@127.0.0.1:1/x", "say --insecure", 1},
		{"nobody listens", "--status --url http://127.0.0.1/ ftps://me@127.0.0.1:1/x", "proxycgi-deploy: nobody listens at 127.0.0.1:1:", 1},
		{"no program", "--binary /nowhere/proxy.cgi ftps://me@example.com/x", "there is no /nowhere/proxy.cgi", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PROXYCGI_PASSWORD", "x")
			var out strings.Builder
			status := run(t.Context(), strings.Fields(c.args), &out, &out)
			if status != c.status || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "secret") {
				t.Errorf("exit status %d, %q, want %d and %q", status, &out, c.status, c.want)
			}
		})
	}
	o, err := parse([]string{"--include", "node_modules/", "--include", "./.env", "ftps://me@example.com/x"})
	if want := []string{"node_modules", ".env"}; err != nil || !slices.Equal(o.include, want) {
		t.Errorf("included are %q, %v, want %q", o.include, err, want)
	}
	if _, err := remote.ParseTarget("ftps://me@example.com/a%0d%0aDELE%20x"); err == nil {
		t.Error("a folder is a second command")
	}
}

// forgetful is a host whose lists are without a file.
type forgetful struct {
	remote.Host
	file string
}

func (f forgetful) List(folder string) ([]remote.Entry, error) {
	list, err := f.Host.List(folder)
	return slices.DeleteFunc(list, func(e remote.Entry) bool { return e.Name == f.file }), err
}

// TestNotInList has files that are there, and in no list: none may be replaced
// unread.
func TestNotInList(t *testing.T) {
	for _, c := range []struct {
		file string
		ask  func(host remote.Host, dir string) error
	}{
		{".htaccess", func(host remote.Host, dir string) error {
			s, err := openServed(host, dir)
			if err != nil {
				return err
			}
			_, err = s.read(".htaccess")
			return err
		}},
		{"manifest.json", func(host remote.Host, dir string) error { _, err := openApp(host, dir); return err }},
		{"data.db", func(host remote.Host, dir string) error {
			a, err := openApp(host, dir)
			if err != nil {
				return err
			}
			_, _, err = a.plan(map[string]file{"data.db": {}}, nil, nil)
			return err
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			target, err := remote.ParseTarget(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			host, err := target.Open("", t.Logf)
			if err != nil {
				t.Fatal(err)
			}
			dir := target.Folder
			if err := c.ask(forgetful{host, c.file}, dir); err != nil {
				t.Errorf("what is not there: %v", err)
			}
			at := filepath.Join(dir, c.file)
			if c.file == "manifest.json" {
				at = filepath.Join(dir, stateFolder, c.file)
				if err := os.Mkdir(filepath.Dir(at), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(at, []byte("{}"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := c.ask(host, dir); err != nil {
				t.Errorf("in the list: %v", err)
			}
			if err := c.ask(forgetful{host, c.file}, dir); err == nil || !strings.Contains(err.Error(), c.file+" is there") {
				t.Errorf("not in the list: %v", err)
			}
		})
	}
}
