package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/scripts/deploy/internal/hosting"
)

// TestSaid has what a deploy that succeeds says: of the host with the first one
// only, of a page that is not there no more than is known.
func TestSaid(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdPlain)
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	const host, works, unstarted = "warning  path %2F", "/ works\n", "warning  app: nothing has restarted it"
	const missing = "/ answers, with 404: is that the address of the site?\n"
	for _, c := range []struct {
		name, upstream string
		want, not      []string
	}{
		{"the first", empty.URL[strings.LastIndex(empty.URL, ":")+1:], []string{host, missing}, []string{works, "644"}},
		{"the second", runningApp(t, "the app"), []string{works}, []string{host, missing, "644", unstarted}},
	} {
		out := h.mustDeploy(t, "--upstream", c.upstream)
		for _, text := range c.want {
			if !strings.Contains(out, text) {
				t.Errorf("%s: no %q:\n%s", c.name, text, out)
			}
		}
		for _, text := range c.not {
			if strings.Contains(out, text) {
				t.Errorf("%s: %q:\n%s", c.name, text, out)
			}
		}
	}
	out := newHost(t, hosting.VsftpdPlain).mustDeploy(t, "--upstream", runningApp(t, "the app"))
	if at := strings.Index(out, works); at < 0 || at > strings.Index(out, host) {
		t.Errorf("the warnings come first:\n%s", out)
	}
	app := t.TempDir()
	writeFiles(t, app, map[string]string{"app.py": "x"})
	if out := h.mustDeploy(t, "--app", app); !strings.Contains(out, unstarted) {
		t.Errorf("the app of somebody who starts it: no %q:\n%s", unstarted, out)
	}
	if out := h.mustDeploy(t, "--status"); !strings.Contains(out, host) {
		t.Errorf("status:\n%s", out)
	}
	h.Mkdir(t, "public_html/"+tempPrefix+"OFANOTHER")
	h.WriteFile(t, "public_html/"+challenge.KeyFile, "the key of another", 0o600)
	if out := h.mustDeploy(t, "--status"); !strings.Contains(out, "a deploy is under way, or broke off") || strings.Contains(out, host) {
		t.Errorf("status beside a deploy:\n%s", out)
	}
	if got := h.files(t, "public_html")[challenge.KeyFile]; got != "the key of another" {
		t.Errorf("its key is now %q", got)
	}
}

// TestScriptsOfAnother has a host that runs scripts as the web server's user, and
// what it is told to do there.
func TestScriptsOfAnother(t *testing.T) {
	t.Parallel()
	h := newHostWith(t, hosting.VsftpdPlain, webserver.ApacheEvent)
	app := runningApp(t, "the app")
	if out, status := h.deploy(t, "--upstream", app); status != 1 || !strings.Contains(out, "put an empty .htcgiproxy with permissions 644 there") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	h.wantPage(t, "the old site")
	h.WriteFile(t, "public_html/.htcgiproxy", "", 0o600)
	if out, status := h.deploy(t, "--upstream", app); status != 1 || !strings.Contains(out, "set the permissions of .htcgiproxy to 644") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	h.WriteFile(t, "public_html/.htcgiproxy", "", 0o644)
	h.mustDeploy(t, "--upstream", app)
	h.wantPage(t, "the app")

	h.Mkdir(t, "app")
	if err := os.Mkdir(filepath.Join(h.Home, "app/.cgiproxy"), 0o700); err != nil { // root's, which is another user, too
		t.Fatal(err)
	}
	if out := h.mustDeploy(t, "--app", "remote"); !strings.Contains(out, "cannot read app/.cgiproxy: the status page tells") {
		t.Errorf("that nobody knows whether the app starts is not said:\n%s", out)
	}
	settings := h.files(t, "public_html")[".htcgiproxy"] + "CGIPROXY_START=x\nCGIPROXY_REQUIRE_OWNER=false\nCGIPROXY_START_DIR=../app\n"
	h.WriteFile(t, "public_html/.htcgiproxy", settings, 0o644)
	if out := h.mustDeploy(t, "--status"); !strings.Contains(out, "how it is cannot be read") {
		t.Errorf("--status:\n%s", out)
	}
}

// TestReadableSecret has settings that hold a secret, and that others may read or
// even write: the copy of them is nobody else's, and what stays so is said.
func TestReadableSecret(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdPlain)
	const secret = "CGIPROXY_STATUS_PATH=/status\nCGIPROXY_STATUS_TOKEN=not-known-to-others\n"
	const warning = ".htcgiproxy holds CGIPROXY_STATUS_TOKEN and others may read it: set its permissions to 600"
	h.WriteFile(t, "public_html/.htcgiproxy", secret, 0o666)
	wantMode := func(name string, want os.FileMode) {
		t.Helper()
		if info, err := os.Stat(filepath.Join(h.Home, "public_html", name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
	if out := h.mustDeploy(t, "--upstream", runningApp(t, "the app")); strings.Contains(out, warning) {
		t.Errorf("a warning of what is no more:\n%s", out)
	}
	wantMode(".htcgiproxy", 0o600)
	wantMode(".htcgiproxy.proxycgi-old", 0o600)
	os.Chmod(filepath.Join(h.Home, "public_html/.htcgiproxy"), 0o644)
	os.Chmod(filepath.Join(h.Home, "public_html/.htcgiproxy.proxycgi-old"), 0o666) // as an earlier version has left it
	if out := h.mustDeploy(t, "--status"); !strings.Contains(out, "warning  settings: "+warning) {
		t.Errorf("status:\n%s", out)
	}
	if out := h.mustDeploy(t); !strings.Contains(out, "note: "+warning) {
		t.Errorf("a deploy:\n%s", out)
	}
	wantMode(".htcgiproxy", 0o644) // which the host may need
	wantMode(".htcgiproxy.proxycgi-old", 0o600)
}
