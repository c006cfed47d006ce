package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// frontController is what WordPress and its like write, to an index page that
// needs no PHP here.
const frontController = `# BEGIN WordPress
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteRule ^index\.html$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . index.html [L]
</IfModule>
# END WordPress
`

// TestInstall installs a site with proxy.cgi install, visits it, and takes it
// out again: then the folder shows what it showed before.
func TestInstall(t *testing.T) {
	app := tellTarget(t)
	for _, c := range []struct {
		name     string
		kind     webserver.Kind
		flags    []string
		htaccess string // that is there before, "" is none
		want     string // what the app is asked for with site/page
		before   string // of site/page, "" is 404
	}{
		{"alone", webserver.ApacheEvent, nil, "", "/site/page", ""},
		{"alone", webserver.ApachePrefork, nil, "", "/site/page", ""},
		{"alone", webserver.ApacheSuexec, nil, "", "/site/page", ""},
		{"without the prefix", webserver.ApacheEvent, []string{"--strip-prefix", "auto"}, "", "/page", ""},
		{"FastCGI", webserver.ApacheFcgid, []string{"--fastcgi"}, "", "/site/page", ""},
		{"both", webserver.ApacheFcgid, []string{"--both"}, "", "/site/page", ""},
		{"only public", webserver.ApacheEvent, []string{"--public-only"}, "", "/site/page", ""},
		{"among others", webserver.ApacheEvent, nil, "Options -Indexes\r\nRewriteEngine On\r\nRewriteRule ^old$ /new [R=302,L]", "/site/page", ""},
		{"WordPress", webserver.ApacheEvent, nil, frontController, "/site/page", "static index"},
		{"WordPress, FastCGI", webserver.ApacheFcgid, []string{"--fastcgi"}, frontController, "/site/page", "static index"},
	} {
		t.Run(string(c.kind)+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, c.kind, webserver.Options{})
			s.WriteFile(t, "site/index.html", "static index", 0o644)
			if c.htaccess != "" {
				s.WriteFile(t, "site/.htaccess", c.htaccess, 0o644)
			}
			folder := filepath.Join(s.Root, "site")
			checkPage(t, s, "before", c.before)

			for range 2 { // the second time it has nothing to do, and does no harm
				runInstall(t, append(c.flags, "--upstream", app, folder)...)
				checkPage(t, s, "installed", "POST "+c.want+" abc")
			}
			runInstall(t, "--uninstall", folder)
			checkPage(t, s, "uninstalled", c.before)
			files, err := os.ReadDir(folder)
			if want := len([]string{"index.html", ".htaccess"}); c.htaccess == "" && len(files) != 1 || c.htaccess != "" && len(files) != want || err != nil {
				t.Errorf("left are %v, %v", files, err)
			}
			if got, _ := os.ReadFile(filepath.Join(folder, ".htaccess")); string(got) != c.htaccess {
				t.Errorf("left is .htaccess %q, want %q", got, c.htaccess)
			}
		})
	}
}

// checkPage posts to site/page; want is the response, "" for a refusal of the
// server itself.
func checkPage(t *testing.T, s *webserver.Server, when, want string) {
	t.Helper()
	got := visit(t, s.Addr, "POST /site/page HTTP/1.1\r\nHost: "+s.Addr+"\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
	switch {
	case want == "" && got.StatusCode != http.StatusNotFound:
		t.Fatalf("%s: %s %.200q, want 404", when, got.Status, got.body)
	case want != "" && (got.StatusCode != http.StatusOK || got.body != want):
		t.Fatalf("%s: %s %.200q, want %q; log:\n%s", when, got.Status, got.body, want, s.ErrorLog())
	}
}

func runInstall(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(binary, append([]string{"install"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("install %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestInstallStart has no app: install names the command that starts one.
func TestInstallStart(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		webserver.Need(t, fmt.Errorf("%w: python3 is missing: run scripts/webservers", webserver.ErrUnavailable))
	}
	for _, c := range []struct {
		kind  webserver.Kind
		flags []string
	}{
		{webserver.ApacheSuexec, nil},
		{webserver.ApacheFcgid, []string{"--fastcgi"}},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, c.kind, webserver.Options{})
			s.WriteFile(t, "site/public/page.txt", "from the app", 0o644)
			folder := filepath.Join(s.Root, "site")
			command := `echo start >>starts; while test -e wait; do sleep 0.1; done; exec python3 -m http.server --bind 127.0.0.1 --directory public "$PORT"`
			runInstall(t, append(c.flags, "--start", command, "--strip-prefix", "auto", folder)...)
			t.Cleanup(func() { stopInstalled(t, s, folder) })
			target := site{s, "/site", s.ErrorLog}
			if page, err := get(target, "/page.txt"); err != nil || page != "from the app" {
				t.Fatalf("got %q, %v; log:\n%s", page, err, s.ErrorLog())
			}
			stopInstalled(t, s, folder)
			checkUninstalledWhileWaiting(t, target, folder)
			if page, err := get(target, "/page.txt"); err == nil {
				t.Errorf("uninstalled, got %q", page)
			}
		})
	}
}

// checkUninstalledWhileWaiting takes a site out while a request waits for its app, which
// is stopped then for good, also where .htcgiproxy stays since somebody has changed it.
func checkUninstalledWhileWaiting(t *testing.T, s site, folder string) {
	t.Helper()
	s.WriteFile(t, "site/wait", "", 0o644)
	settings, err := os.OpenFile(filepath.Join(folder, ".htcgiproxy"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = settings.WriteString("CGIPROXY_HEADER_TIMEOUT=50s\n")
		settings.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	starts := func() int {
		text, _ := os.ReadFile(filepath.Join(folder, "starts"))
		return strings.Count(string(text), "start")
	}
	before, waits := starts(), make(chan error)
	go func() {
		_, err := get(s, "/page.txt")
		waits <- err
	}()
	for deadline := time.Now().Add(patience); starts() == before && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	runInstall(t, "--uninstall", folder)
	err = <-waits
	if n := starts() - before; n != 1 || err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a request that waits while the site is taken out: %v, and %d starts of the app, want 503 and 1; log:\n%s", err, n, s.log())
	}
	if err := os.Remove(settings.Name()); err != nil {
		t.Error(err) // so it had not stayed
	}
}

// stopInstalled ends the app of a site, as the user that scripts run as.
func stopInstalled(t *testing.T, s *webserver.Server, folder string) {
	if _, err := os.Stat(filepath.Join(folder, ".htcgiproxy")); err != nil {
		return // uninstalled, and stopped before that
	}
	scripts, err := filepath.Glob(filepath.Join(folder, "proxy.*cgi"))
	if err != nil || len(scripts) != 1 {
		t.Errorf("scripts of the site: %v, %v, want one", scripts, err)
		return
	}
	cmd := exec.Command(scripts[0], "app", "stop", folder)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.UID), Gid: uint32(s.GID)}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("app stop: %v\n%s", err, out)
	}
}
