package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/scripts/deploy/internal/hosting"
	"proxy.cgi/scripts/deploy/remote"
	"proxy.cgi/scripts/examples"
)

// TestExamples deploys each app of scripts/examples as MANUAL says, to a host on
// which packages are installed in a shell or a panel, and files come by FTP: each
// into a folder of the site that has its name.
func TestExamples(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdTLS)
	t.Run("each", func(t *testing.T) { // the host outlives them
		for _, name := range examples.Names() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				e := &exampleSite{h, name, filepath.Join(t.TempDir(), name)}
				e.prepare(t)
				e.uploadSettings(t)
				e.installPackages(t)
				e.deployApp(t)
				e.checkPage(t)
				e.checkProcess(t)
			})
		}
	})
}

// An exampleSite is one folder of the customer's site.
type exampleSite struct {
	*host
	name string
	here string // where the person has the app
}

func (e *exampleSite) folder() string { return "public_html/" + e.name }
func (e *exampleSite) app() string    { return filepath.Join(e.Home, "app-"+e.name) }
func (e *exampleSite) url() string    { return e.web.URL + "/" + e.name + "/" }

// prepare puts the app into the person's own folder, .htcgiproxy included.
func (e *exampleSite) prepare(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	err := examples.Put(ctx, e.name, "/"+e.name, e.here)
	if errors.Is(err, examples.ErrMissing) {
		err = fmt.Errorf("%w: %w", webserver.ErrUnavailable, err)
	}
	webserver.Need(t, err)
	if err := os.WriteFile(filepath.Join(e.here, ".htcgiproxy"), e.settings(t), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (e *exampleSite) settings(t *testing.T) []byte {
	t.Helper()
	lines, err := examples.Settings(e.name, "/"+e.name, "../../app-"+e.name)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(lines)
}

// uploadSettings puts .htcgiproxy where it belongs, as any FTP program does.
func (e *exampleSite) uploadSettings(t *testing.T) {
	t.Helper()
	target := &remote.Target{Scheme: e.ftp.Scheme, Host: e.ftp.Addr, User: e.Name, TLS: e.ftp.TLS(t)}
	ftp, err := target.Open(e.Password, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer ftp.Close()
	if err := ftp.Mkdir(e.folder(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := ftp.Write(e.folder()+"/.htcgiproxy", e.settings(t), 0o600, func(int) {}); err != nil {
		t.Fatal(err)
	}
}

// installPackages has on the host what pip and npm ci put there. Of Next they are
// uploaded, those of Ruby are the system's.
func (e *exampleSite) installPackages(t *testing.T) {
	t.Helper()
	if e.name == "next" {
		return
	}
	e.Mkdir(t, "app-"+e.name)
	for _, packages := range []string{"venv", "node_modules"} {
		from, to := filepath.Join(e.here, packages), filepath.Join(e.app(), packages)
		if _, err := os.Lstat(from); err != nil {
			continue
		}
		out, err := exec.Command("cp", "-dr", from, to).CombinedOutput()
		if err == nil {
			out, err = exec.Command("chown", "-Rh", e.Name+":"+e.Name, to).CombinedOutput()
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

func (e *exampleSite) deployApp(t *testing.T) {
	t.Helper()
	args := []string{"--url", e.url(), "--app", e.here}
	if e.name == "next" {
		args = append(args, "--include", "node_modules")
	}
	if status, _ := e.page(t, "/"+e.name+"/"); status < 400 {
		t.Fatalf("before the deploy the page is %d", status)
	}
	out := e.mustDeployTo(t, e.target()+"/"+e.name, args...)
	if !strings.Contains(out, "left out of "+e.here+": ") || !strings.Contains(out, ".htcgiproxy") {
		t.Errorf("that .htcgiproxy belongs elsewhere is not said:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(e.app(), ".htcgiproxy")); err == nil {
		t.Error(".htcgiproxy is uploaded with the app")
	}
}

var (
	scriptSource = regexp.MustCompile(`<script src="([^"]*)"`)
	pageFact     = regexp.MustCompile(`<h1>(.*?)</h1>|<d[td]>(.*?)</d[td]>`)
)

// checkPage asks for the one page that all examples have, and what it loads.
func (e *exampleSite) checkPage(t *testing.T) {
	t.Helper()
	status, body := e.page(t, "/"+e.name+"/")
	var facts []string
	for _, found := range pageFact.FindAllStringSubmatch(body, -1) {
		facts = append(facts, html.UnescapeString(found[1]+found[2]))
	}
	want := []string{"Hello, stranger!", "address", e.url(), "client", "127.0.0.1", "prefix", "/" + e.name}
	if status != http.StatusOK || strings.Join(facts, "\n") != strings.Join(want, "\n") {
		t.Fatalf("%d %q, want %q:\n%.2000s\nerror log:\n%s", status, facts, want, body, e.errorLog())
	}
	for _, script := range scriptSource.FindAllStringSubmatch(body, -1) {
		source, err := url.Parse(html.UnescapeString(script[1]))
		if err != nil || !source.IsAbs() && !strings.HasPrefix(source.Path, "/") {
			t.Fatalf("script %q: %v", script[1], err)
		}
		if status, _ := e.page(t, source.RequestURI()); status != http.StatusOK {
			t.Errorf("%s: %d", source, status)
		}
	}
}

// checkProcess demands that the app is what START has started: the process that
// proxy.cgi knows of is the customer's, in the folder that was uploaded.
func (e *exampleSite) checkProcess(t *testing.T) {
	t.Helper()
	state, err := os.ReadFile(filepath.Join(e.app(), ".cgiproxy/state"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^pid "(\d+)"$`).FindSubmatch(state)
	if found == nil {
		t.Fatalf("no process is known:\n%s", state)
	}
	pid, _ := strconv.Atoi(string(found[1]))
	process := fmt.Sprintf("/proc/%d", pid)
	info, err := os.Stat(process)
	if err != nil {
		t.Fatal(err)
	}
	if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != e.UID {
		t.Errorf("the app runs as user %d, want %d", uid, e.UID)
	}
	if at, err := os.Readlink(process + "/cwd"); at != e.app() {
		t.Errorf("the app runs in %s, %v, want %s", at, err, e.app())
	}
}
