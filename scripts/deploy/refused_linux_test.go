package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/scripts/deploy/internal/hosting"
	"proxy.cgi/scripts/deploy/remote"
)

// TestRefused has what a host, or a check, refuses: the file or what else it is,
// and what to do, is said, and the site is as it was.
func TestRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdTLS)
	app := runningApp(t, "the app")
	// What stands in If comes after what all folders say.
	const showAll = "<If \"true\">\nRequire all granted\nRewriteEngine Off\n</If>\n"
	public := func(name string) string { return filepath.Join(h.Home, "public_html", name) }
	for _, c := range []struct {
		name  string
		begin func(*host) // what is so at this host
		flags []string
		want  string
	}{
		{"a folder without w", func(*host) { os.Chmod(public(""), 0o555) }, nil, "in public_html nothing can be written: "},
		{"another program", func(h *host) { h.WriteFile(t, "public_html/proxy.cgi", "#!/bin/sh\n", 0o755) }, nil, "proxy.cgi is there and is another program: move it away first"},
		{"a link", func(*host) { os.Symlink("/nowhere", public(".htaccess")) }, nil, "public_html/.htaccess is a symbolic link"},
		{"a folder in its place", func(*host) { os.Mkdir(public("proxy.cgi"), 0o755) }, nil, "public_html/proxy.cgi is no regular file"},
		{"an app that is not there", nil, []string{"--app", "/nowhere"}, "there is no folder /nowhere on this machine"},
		{"an app that is a file", nil, []string{"--app", "/etc/passwd"}, "/etc/passwd is no folder: --app names the one that the app's files are in, as in --app /etc"},
		{"an app without a file", nil, []string{"--app", t.TempDir()}, "there is no file in"},
		{"an app that visitors can download", func(h *host) { h.WriteFile(t, "public_html/.htaccess", showAll, 0o644) }, []string{"--app", "remote", "--app-to", "public_html/its own"}, "private files: everybody can download the app, as " + h.web.URL + "/its%20own/tmp/restart.txt: "},
		{"nobody is let in", func(h *host) { h.WriteFile(t, "public_html/.htaccess", "Require all denied\n", 0o644) }, nil, "reach: refused"},
		{"a line that is not allowed", func(h *host) { h.WriteFile(t, "public_html/.htaccess", "ServerName x\n", 0o644) }, nil, "reach: "},
		{"settings that are wrong", func(h *host) { h.WriteFile(t, "public_html/.htcgiproxy", "MAX_BODY=much\n", 0o600) }, nil, "CGIPROXY_MAX_BODY"},
		{"a wrong password", func(h *host) { h.Password = "wrong" }, nil, "the server refuses name or password: it says 530 "},
		{"an unknown certificate", func(h *host) { h.ftp = &hosting.Server{Scheme: h.ftp.Scheme, Addr: h.ftp.Addr} }, nil, "SSL_CERT_FILE=/path/ca.pem proxycgi-deploy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name := range h.files(t, "public_html") {
				if name != "index.html" {
					os.RemoveAll(public(name))
				}
			}
			os.Remove(public(".htaccess"))
			os.Remove(public("proxy.cgi"))
			os.Chmod(public(""), 0o755)
			its := *h
			if c.begin != nil {
				c.begin(&its)
			}
			before := h.files(t, "public_html")
			out, status := its.deploy(t, append(c.flags, "--upstream", app)...)
			if status != 1 || !strings.Contains(out, c.want) {
				t.Errorf("exit status %d, want %q:\n%s", status, c.want, out)
			}
			sameFiles(t, h.files(t, "public_html"), before)
		})
	}
}

// TestAppInServed has the app in the served folder, where some logins see nothing else:
// nobody is shown it, neither now nor when the site's .htaccess is gone.
func TestAppInServed(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdPlain)
	app := runningApp(t, "the app")
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x", ".htaccess": "Options -Indexes\n", "lib/remote.go": "x", "lib/.htaccess": "Require all granted\nRewriteEngine On\n"})
	for _, folder := range []string{".app", "its own"} {
		h.mustDeploy(t, "--upstream", app, "--app", dir, "--app-to", "public_html/"+folder)
		for _, when := range []string{"now", "after --uninstall"} {
			if when != "now" {
				h.mustDeploy(t, "--uninstall")
			}
			if status, body := h.page(t, "/"+folder+"/lib/remote.go"); status != 403 {
				t.Errorf("%s, %s: a file of the app is %d %.100q", folder, when, status, body)
			}
		}
	}
}

// TestNoSuchFolder makes no folder that nobody serves.
func TestNoSuchFolder(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdTLS)
	h.Mkdir(t, "public_html/shop")
	app := runningApp(t, "the app")
	ftp := strings.TrimSuffix(h.target(), "public_html")
	for _, c := range []struct{ name, target, missing, there string }{
		{"in the login's folder", ftp + "public_htlm", "public_htlm", "(in the login's folder there are: logs, public_html)"},
		{"below it", ftp + "public_html/shpo", "public_html/shpo", "(in public_html there are: shop)"},
		{"two of them", ftp + "public_html/shpo/new", "public_html/shpo", "(in public_html there are: shop)"},
		{"in the lowest", ftp + "public_html/shop/new", "public_html/shop/new", "(in public_html/shop there is no folder)"},
		{"absolute", ftp + "/public_htlm/shop", "public_htlm", "(in / there are: logs, public_html)"},
		{"of this machine", filepath.Join(h.Home, "public_htlm"), "public_htlm", "(in " + h.Home + " there are: logs, public_html)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, status := h.deployTo(t, c.target, "--upstream", app)
			if status != 1 || !strings.Contains(out, "there is no folder") || !strings.Contains(out, c.there) {
				t.Errorf("exit status %d, want %q:\n%s", status, c.there, out)
			}
			if _, err := os.Stat(filepath.Join(h.Home, c.missing)); err == nil {
				t.Errorf("%s was made", c.missing)
			}
		})
	}
}

// TestForgottenFolder deploys to the login's folder, where nobody is served.
func TestForgottenFolder(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdTLS)
	target := strings.TrimSuffix(h.target(), "public_html")
	const app = "--upstream=6543"
	for _, args := range [][]string{{app}, {app, "--app", "remote"}, {app, "--dry-run"}, {"--status"}} {
		if out, status := h.deployTo(t, target, args...); status != 1 || !strings.Contains(out, "there is a public_html in it: did you mean "+h.target()+"?") {
			t.Errorf("%q: exit status %d:\n%s", args, status, out)
		}
	}
	if out := h.mustDeployTo(t, target, app, "--public-only", "--dry-run"); strings.Contains(out, "did you mean") {
		t.Errorf("with a folder for the public:\n%s", out)
	}
	h.WriteFile(t, "index.html", "mine", 0o644)
	if out := h.mustDeployTo(t, target, app, "--dry-run"); strings.Contains(out, "did you mean") {
		t.Errorf("with a page of its own:\n%s", out)
	}
}

// TestAsRoot has root deploy to a folder of this machine, where its owner has
// links that lead elsewhere: nothing is written, neither there nor here.
func TestAsRoot(t *testing.T) {
	t.Parallel()
	h := newHost(t, hosting.VsftpdPlain)
	elsewhere := filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(elsewhere, []byte("root's"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"public_html/" + tempPrefix, "public_html/" + challenge.KeyFile, "app"} {
		if err := os.Symlink(elsewhere, filepath.Join(h.Home, name)); err != nil {
			t.Fatal(err)
		}
	}
	before := h.files(t, "public_html")
	for _, args := range [][]string{{"--upstream", runningApp(t, "the app")}, {"--app", "remote"}, {"--dry-run"}, {"--rollback"}, {"--uninstall"}, {"--status"}, {"--logs"}} {
		cmd := h.command(filepath.Join(h.Home, "public_html"), args...)
		cmd.SysProcAttr = nil // root, as the tests are
		out, _ := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status != 1 || !strings.Contains(string(out), "run this as the user whose site it is, as in sudo -u NAME") {
			t.Errorf("%q: exit status %d:\n%s", args, status, out)
		}
		sameFiles(t, h.files(t, "public_html"), before)
		if text, err := os.ReadFile(elsewhere); string(text) != "root's" {
			t.Fatalf("%q: elsewhere is %.100q, %v", args, text, err)
		}
	}
}

// mangling is a host that changes what it gets.
type mangling struct{ remote.Host }

func (m mangling) Read(name string, offset, most int64) ([]byte, error) {
	text, err := m.Host.Read(name, offset, most)
	return []byte(strings.ReplaceAll(string(text), "\n", "\r\n")), err
}

// TestMangled finds an upload that is not what was sent.
func TestMangled(t *testing.T) {
	target, err := remote.ParseTarget(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	host, err := target.Open("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(host, target.Folder+"/x", []byte("a\nb\n"), 0o644, meter{}); err != nil {
		t.Error(err)
	}
	if err := put(mangling{host}, target.Folder+"/x", []byte("a\nb\n"), 0o644, meter{}); err == nil || !strings.Contains(err.Error(), "does the server change files?") {
		t.Errorf("not found: %v", err)
	}
}
