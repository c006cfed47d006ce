package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/scripts/deploy/internal/hosting"
	"proxy.cgi/scripts/deploy/remote"
)

// A version is one of two that are deployed in turn: all of it differs.
type version struct {
	page         string // of the site then
	port, folder string // of the app
	binary       string
}

func newVersion(t *testing.T, page string) version {
	t.Helper()
	v := version{page, runningApp(t, page), t.TempDir(), filepath.Join(t.TempDir(), "proxy.cgi")}
	program, err := os.ReadFile(filepath.Join(archive, "proxy.cgi"))
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(filepath.Join(archive, "htaccess.example"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		v.binary: append(program, page...), // which does not change what it does
		filepath.Join(filepath.Dir(v.binary), "htaccess.example"): bytes.Replace(example, []byte("GOMAXPROCS 1"), []byte("GOMAXPROCS 1"+page), 1),
		filepath.Join(v.folder, "same.txt"):                       []byte(page),
		filepath.Join(v.folder, "only-"+page+".txt"):              []byte(page),
	} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// A cutHost is one whose connections break off.
type cutHost struct {
	*host
	cut *hosting.Cut
}

func newCutHost(t *testing.T) *cutHost {
	t.Helper()
	h := newHost(t, hosting.VsftpdPlain)
	t.Setenv("PROXYCGI_PASSWORD", h.Password)
	remote.SetRetryPause(t, 0)
	setPatience(t, 0)
	askLive = func(context.Context, live.Options) []finding.Finding { return []finding.Finding{{Check: "reach"}} }
	t.Cleanup(func() { askLive = live.Run })
	return &cutHost{h, hosting.NewCut(t, h.ftp)}
}

// run runs the program in this process.
func (h *cutHost) run(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	return h.runUntil(t, t.Context(), args...)
}

func (h *cutHost) runUntil(t *testing.T, ctx context.Context, args ...string) (out string, status int) {
	t.Helper()
	var b console
	args = append(args, "--insecure", "--url", h.web.URL, "ftp://"+h.Name+"@"+h.cut.Addr+"/public_html")
	status = run(ctx, args, &b, &b)
	return b.String(), status
}

func (h *cutHost) deploy(t *testing.T, v version) (out string, status int) {
	t.Helper()
	return h.run(t, "--upstream", v.port, "--app", v.folder, "--binary", v.binary)
}

// isWhole returns what is not as a version has it.
func (h *cutHost) isWhole(t *testing.T, v version) error {
	t.Helper()
	if _, body := h.page(t, "/"); body != v.page {
		return fmt.Errorf("the page is %.100q", body)
	}
	app := h.files(t, "app")
	delete(app, ".proxycgi-deploy")
	if want := map[string]string{".htaccess": closed, "same.txt": v.page, "only-" + v.page + ".txt": v.page}; !maps.Equal(app, want) {
		return fmt.Errorf("the app is %q", app)
	}
	return nil
}

// left are the folders of runs: one whose last commands were lost leaves its own.
func (h *cutHost) left() []string {
	left, _ := filepath.Glob(filepath.Join(h.Home, "public_html", tempPrefix+"*"))
	return left
}

// everyCommand is how many commands are between two that a connection breaks off
// at: all of them take some minutes.
var everyCommand = flag.Int("cut", 11, "break off at each n-th command of a deploy")

// TestCut breaks the connection off at commands of a deploy: once, and then all
// is done in the end; and for good, and then the site is the old or the new one,
// and the next run finishes it.
func TestCut(t *testing.T) {
	h := newCutHost(t)
	now, next := newVersion(t, "b"), newVersion(t, "a")
	h.watch(t, "the old site", "a", "b")
	want := func(name, out string, status int) {
		t.Helper()
		if err := h.isWhole(t, next); status != 0 || err != nil || h.left() != nil {
			t.Fatalf("%s: %v, left are %q: exit status %d:\n%s", name, err, h.left(), status, out)
		}
		now, next = next, now
	}
	for range 2 { // the second one is as long as those that follow
		h.cut.Set(0, false, false)
		out, status := h.deploy(t, next)
		want("no cut", out, status)
	}
	commands := h.cut.Commands()
	for at := 1; at <= commands; at += *everyCommand {
		name := fmt.Sprintf("command %d of %d, of which the server gets nothing: %v", at, commands, at%2 == 0)
		h.cut.Set(at, at%2 == 0, false)
		out, status := h.deploy(t, next)
		want(name+": once", out, status)

		h.cut.Set(at, at%2 == 1, true)
		out, status = h.deploy(t, next)
		if _, body := h.page(t, "/"); body != now.page && body != next.page {
			t.Fatalf("%s: for good: the page is %.100q", name, body)
		}
		if err := h.isWhole(t, next); status == 0 && err != nil || status != 0 && !strings.Contains(out, "broke off") {
			t.Fatalf("%s: for good: %v: exit status %d:\n%s", name, err, status, out)
		}
		h.cut.Set(0, false, false)
		out, status = h.deploy(t, next)
		want(name+": after it", out, status)
	}
}

// TestCutFirst breaks off the first deploy for good: what is there then can be
// taken out again, and all is as before.
func TestCutFirst(t *testing.T) {
	h := newCutHost(t)
	v := newVersion(t, "a")
	h.WriteFile(t, "public_html/.htaccess", "Options -Indexes\n", 0o644)
	before := h.files(t, "public_html")
	h.watch(t, "the old site", "a")
	h.cut.Set(0, false, false)
	if out, status := h.deploy(t, v); status != 0 {
		t.Fatal(out)
	}
	commands := h.cut.Commands()
	for at := commands; at > 0; at -= *everyCommand {
		h.cut.Set(0, false, false)
		if out, status := h.run(t, "--uninstall"); status != 0 {
			t.Fatal(out)
		}
		h.wantPage(t, "the old site")
		sameFiles(t, h.files(t, "public_html"), before)
		h.cut.Set(at, at%2 == 0, true)
		out, status := h.deploy(t, v)
		if _, body := h.page(t, "/"); body != "the old site" && body != "a" || status == 0 && body != "a" {
			t.Fatalf("command %d: exit status %d, the page is %.100q:\n%s", at, status, body, out)
		}
	}
}

// TestCutEncrypted breaks off connections whose commands nobody sees.
func TestCutEncrypted(t *testing.T) {
	t.Parallel()
	app := runningApp(t, "a")
	for k, lengths := range map[hosting.Kind][]int64{
		hosting.SSH:       {100, 6000, 5 << 20},
		hosting.VsftpdTLS: {10, 1500},
	} {
		t.Run(string(k), func(t *testing.T) {
			t.Parallel()
			h := newHost(t, k)
			cut := hosting.NewCut(t, h.ftp)
			known := filepath.Join(h.home, ".ssh", "known_hosts")
			if text, err := os.ReadFile(known); err == nil {
				_, port, _ := strings.Cut(cut.Addr, ":")
				_, before, _ := strings.Cut(h.ftp.Addr, ":")
				if err := os.WriteFile(known, bytes.ReplaceAll(text, []byte(before), []byte(port)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			h.watch(t, "the old site", "a")
			h.ftp.Addr = cut.Addr
			for _, n := range lengths {
				cut.SetBytes(n)
				out := h.mustDeploy(t, "--upstream", app)
				if !strings.Contains(out, "trying again") {
					t.Errorf("%d bytes: it does not break off:\n%s", n, out)
				}
				h.wantPage(t, "a")
				h.mustDeploy(t, "--uninstall")
				h.wantPage(t, "the old site")
			}
		})
	}
}
