package browser

import (
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestErrorPage has an app that does not run. The number on the page is the one
// in the log.
func TestErrorPage(t *testing.T) {
	t.Parallel()
	b := newTab(t)
	s := newSite(t, "CGIPROXY_UPSTREAM="+closedPort(t)+"\n")
	// As long as proxy.cgi takes it from the web server.
	s.WriteFile(t, ".htaccess", rules(t)+"SetEnv UNIQUE_ID "+strings.Repeat("x", 64)+"\n", 0o644)
	if status := b.open(t, s.URL+"/"); status != 502 {
		t.Errorf("status %d, want 502", status)
	}
	text := eval[string](t, b, "document.body.innerText")
	number := regexp.MustCompile(`Request (\S+)`).FindStringSubmatch(text)
	if number == nil || len(number[1]) != 64 || !strings.Contains(s.ErrorLog(), "["+number[1]+"]") {
		t.Errorf("no request number of the log in %q", text)
	}
	if title := eval[string](t, b, "document.title"); title != "502 Bad Gateway" {
		t.Errorf("title %q", title)
	}
	b.checkLooks(t, "error")
}

// closedPort returns a port of this machine where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// TestStartingPage has an app that starts when it is told to: until then the
// visitor has a page that reloads itself, and then the app.
func TestStartingPage(t *testing.T) {
	t.Parallel()
	b := newTab(t)
	s, dir := newAppSite(t, `CGIPROXY_START='while [ ! -e ready ]; do sleep 0.1; done; exec python3 -m http.server --bind 127.0.0.1 --directory site $PORT'
`)
	put(t, dir, "site/index.html", "<title>the app</title>")
	if status := b.open(t, s.URL+"/"); status != 503 {
		t.Errorf("status %d, want 503", status)
	}
	b.stop(t)
	if title := eval[string](t, b, "document.title"); title != "Starting" {
		t.Errorf("title %q, want Starting", title)
	}
	b.checkLooks(t, "starting")
	b.do(t, chromedp.Reload())
	put(t, dir, "ready", "")
	b.await(t, `document.title === "the app"`)
}
