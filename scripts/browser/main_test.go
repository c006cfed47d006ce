package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

var (
	binary string          // proxy.cgi, as `make build` has it
	demo   string          // scripts/demo
	chrome context.Context // of the one browser, which starts with the first tab
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "proxycgi-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary, demo = filepath.Join(dir, "proxy.cgi"), filepath.Join(dir, "demo")
	for _, build := range []*exec.Cmd{
		exec.Command("make", "-s", "-C", "../..", "build", "OUT="+binary),
		exec.Command("go", "build", "-C", "../..", "-o", demo, "./scripts/demo"),
	} {
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
			return 1
		}
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which Chromium has for other users only
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, closeBrowser := chromedp.NewContext(allocator)
	defer closeBrowser()
	chrome = ctx
	return m.Run()
}

// startBrowser is once for all: parallel tests must not each start one.
var startBrowser = sync.OnceValue(func() error { return chromedp.Do(chrome) })

// A tab is a window of a visitor of its own: it shares no cookies.
type tab struct {
	ctx context.Context
}

func newTab(t *testing.T) tab {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		webserver.Need(t, fmt.Errorf("%w: chromium is missing: run scripts/webservers", webserver.ErrUnavailable))
	}
	if err := startBrowser(); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	ctx, cancel := chromedp.NewContext(chrome, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	b := tab{ctx}
	// Keys go to each tab as if it were the one in front.
	call(t, b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return b
}
