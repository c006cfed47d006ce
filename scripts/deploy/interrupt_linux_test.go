package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/scripts/deploy/internal/hosting"
)

// TestInterrupted has the owner press Ctrl-C at some moments: all is as before
// then, and what the check has found by then is no finding.
func TestInterrupted(t *testing.T) {
	h := newCutHost(t)
	old, next := newVersion(t, "a"), newVersion(t, "b")
	if out, status := h.deploy(t, old); status != 0 {
		t.Fatal(out)
	}
	back := "interrupted\nwhat was there before is back"
	for _, c := range []struct {
		name    string
		command string // before which it is, "" is while the site is asked
		want    string
	}{
		{"while the app comes", "STOR /app/.proxycgi-deploy/new", "interrupted; the site is as it was"},
		{"while proxy.cgi comes", "STOR /public_html/.htproxycgi-new-", "interrupted; the site is as it was"},
		{"between two files of the app", "RNTO /app/same.txt", back},
		{"before the first page", "RNTO /public_html/.htaccess\r", back},
		{"while the site is asked", "", back},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			askLive = func(context.Context, live.Options) []finding.Finding {
				interrupt()
				return []finding.Finding{{Check: "path %25", Level: finding.Fault, Text: "no response"}}
			}
			h.cut.OnCommand(func(line string) {
				if c.command != "" && strings.HasPrefix(line, c.command) {
					interrupt()
				}
			})
			defer h.cut.OnCommand(nil)
			out, status := h.runUntil(t, ctx, "--upstream", next.port, "--app", next.folder, "--binary", next.binary)
			if status != 1 || !strings.Contains(out, c.want) || strings.Contains(out, "path %25") {
				t.Errorf("exit status %d, want %q:\n%s", status, c.want, out)
			}
			if err := h.isWhole(t, old); err != nil || h.left() != nil {
				t.Errorf("%v, left are %q", err, h.left())
			}
		})
	}
}

// A console is what a process prints, for others to wait for.
type console struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	seen chan struct{}
}

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(b)
	if c.want != "" && strings.Contains(c.text.String(), c.want) {
		c.want = ""
		close(c.seen)
	}
	return len(b), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// heldApp is an app that answers once its test is over, but for what comes while
// it is free.
type heldApp struct {
	port  string
	free  atomic.Bool
	asked chan struct{} // gets one for each that waits
}

func newHeldApp(t *testing.T) *heldApp {
	a := &heldApp{asked: make(chan struct{}, 10)}
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !a.free.Load() {
			a.asked <- struct{}{}
			<-over
		}
		w.Write([]byte("a"))
	}))
	t.Cleanup(func() { close(over); s.Close() })
	a.port = s.URL[strings.LastIndex(s.URL, ":")+1:]
	return a
}

// heldDeploy returns a host whose site has an app that answers, another that is silent,
// and what is served.
func heldDeploy(t *testing.T) (h *host, old, next *heldApp, before map[string]string) {
	t.Helper()
	h = newHost(t, hosting.VsftpdPlain)
	old, next = newHeldApp(t), newHeldApp(t)
	old.free.Store(true)
	h.mustDeploy(t, "--upstream", old.port)
	return h, old, next, h.files(t, "public_html")
}

// TestHungUp has the terminal closed while the new app is silent: nobody reads any more,
// and all is as before then.
func TestHungUp(t *testing.T) {
	t.Parallel()
	h, _, next, before := heldDeploy(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := h.command(h.target(), "--upstream", next.port)
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	select {
	case <-next.asked:
		cmd.Process.Signal(syscall.SIGHUP)
		cmd.Process.Signal(syscall.SIGHUP)
		<-ended
	case <-ended:
	}
	if status := cmd.ProcessState.ExitCode(); status != 1 {
		t.Errorf("it is %v, want exit status 1", cmd.ProcessState)
	}
	h.wantPage(t, "a")
	sameFiles(t, h.files(t, "public_html"), before)
}

// TestInterruptedTwice has a first Ctrl-C while the new app is silent, and a
// second while the old one is: that one waits for nothing.
func TestInterruptedTwice(t *testing.T) {
	t.Parallel()
	h, old, next, before := heldDeploy(t)
	out := &console{want: "interrupted: this ends when", seen: make(chan struct{})}
	cmd := h.command(h.target(), "--upstream", next.port)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	await := func(what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case err := <-ended:
			t.Fatalf("it ended before %s: %v:\n%s", what, err, out)
		}
	}
	await("the new app is asked", next.asked)
	old.free.Store(false)
	cmd.Process.Signal(os.Interrupt)
	await("it says what Ctrl-C does", out.seen)
	await("the old app is asked", old.asked)
	cmd.Process.Signal(os.Interrupt)
	<-ended
	if state := cmd.ProcessState.Sys().(syscall.WaitStatus); !state.Signaled() {
		t.Errorf("it is %v:\n%s", cmd.ProcessState, out)
	}
	old.free.Store(true)
	h.wantPage(t, "a")
	sameFiles(t, h.files(t, "public_html"), before)
}
