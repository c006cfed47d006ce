package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"crypto/ed25519"
	"crypto/rand"

	"proxy.cgi/scripts/deploy/internal/hosting"
)

// runningApp is an app that somebody keeps running.
func runningApp(t *testing.T, page string) (port string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(page))
	}))
	t.Cleanup(s.Close)
	return s.URL[strings.LastIndex(s.URL, ":")+1:]
}

// TestKinds deploys through each kind of server: a first time, again, another
// app, as FastCGI, with an app that does not run, and out again.
func TestKinds(t *testing.T) {
	t.Parallel()
	one, two := runningApp(t, "app one"), runningApp(t, "app two")
	for _, k := range append(hosting.Kinds, "folder") {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			kind := k
			if k == "folder" {
				kind = hosting.VsftpdPlain
			}
			h := newHost(t, kind)
			target := h.target()
			if k == "folder" {
				target = filepath.Join(h.Home, "public_html")
			}
			h.WriteFile(t, "public_html/.htaccess", "Options -Indexes\n", 0o644)
			before := h.files(t, "public_html")
			stop := h.watch(t, "the old site", "app one", "app two")
			deploy := func(want string, args ...string) string {
				t.Helper()
				out, status := h.deployTo(t, target, args...)
				if status != 0 {
					t.Fatalf("%q: exit status %d:\n%s\nlog:\n%s", args, status, out, h.errorLog())
				}
				h.wantPage(t, want)
				return out
			}
			if out := deploy("the old site", "--dry-run", "--upstream", one); !strings.Contains(out, "+CGIPROXY_UPSTREAM="+one) {
				t.Errorf("dry run:\n%s", out)
			}
			deploy("app one", "--upstream", one)
			if out := deploy("app one"); !strings.Contains(out, "nothing to upload") {
				t.Errorf("again:\n%s", out)
			}
			deploy("app two", "--upstream", two)
			stop() // that there is no app is for all to see, until it is noticed
			now := h.files(t, "public_html")
			if out, status := h.deployTo(t, target, "--upstream", "1"); status != 1 || !strings.Contains(out, "502") || !strings.Contains(out, "is back; its first page is 200 OK") {
				t.Errorf("an app that does not run: exit status %d:\n%s", status, out)
			}
			h.wantPage(t, "app two")
			sameFiles(t, h.files(t, "public_html"), now)
			h.watch(t, "the old site", "app two")
			deploy("the old site", "--uninstall")
			sameFiles(t, h.files(t, "public_html"), before)
			refusesManifest(t, h, target)
		})
	}
}

func sameFiles(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is left", name)
		}
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is %.200q, want %.200q", name, got[name], text)
		}
	}
}

// TestScripts changes how proxy.cgi is run while visitors come: neither name is
// a download.
func TestScripts(t *testing.T) {
	t.Parallel()
	app := runningApp(t, "the app")
	h := newHost(t, hosting.VsftpdPlain)
	h.watch(t, "the old site", "the app")
	for _, flags := range [][]string{nil, {"--fastcgi"}, nil, {"--both"}, {"--cgi"}} {
		h.mustDeploy(t, append(flags, "--upstream", app)...)
		h.wantPage(t, "the app")
		for _, name := range []string{"/proxy.cgi", "/proxy.fcgi"} {
			if _, body := h.page(t, name); strings.HasPrefix(body, "\x7fELF") {
				t.Errorf("%q: %s is a download", flags, name)
			}
		}
	}
}

// TestPublicOnly deploys once more, as for each change: what visitors may not have stays
// so, until it is said.
func TestPublicOnly(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdPlain)
	h.WriteFile(t, "public_html/config.ini", "secret", 0o644)
	app := "--upstream=" + runningApp(t, "the app")
	for _, c := range []struct{ flag, want string }{
		{"--public-only", "the app"},
		{app, "the app"},
		{"--fastcgi", "the app"},
		{"--public-only=false", "secret"},
	} {
		h.mustDeploy(t, app, c.flag)
		if _, body := h.page(t, "/config.ini"); strings.TrimSpace(body) != c.want {
			t.Errorf("after %s visitors get %.100q, want %q", c.flag, body, c.want)
		}
	}
}

// TestKeys logs in with a key, and refuses a host whose key is another.
func TestKeys(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.SSH)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.home, ".ssh", "id_ed25519"), pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.ftp.Authorized, ssh.MarshalAuthorizedKey(key), 0o644); err != nil {
		t.Fatal(err)
	}
	h.Password = "wrong, and not needed"
	h.mustDeploy(t, "--upstream", runningApp(t, "the app"))
	h.wantPage(t, "the app")

	known := filepath.Join(h.home, ".ssh", "known_hosts")
	for _, c := range []struct{ name, lines, want string }{
		{"another key", "[" + strings.Replace(h.ftp.Addr, ":", "]:", 1) + " " + string(ssh.MarshalAuthorizedKey(key)), "somebody else's machine"},
		{"no key", "", "connect once with ssh"},
	} {
		if err := os.WriteFile(known, []byte(c.lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, status := h.deploy(t, "--status"); status != 1 || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit status %d:\n%s", c.name, status, out)
		}
	}
}
