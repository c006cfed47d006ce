package browser

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const statusToken = "right-token-of-32-letters-chosen"

// TestStatusPage has the owner log in with the form that is on their own
// machine, check the way of a request, restart the app, and look again.
func TestStatusPage(t *testing.T) {
	t.Parallel()
	b := newTab(t)
	s, dir := newAppSite(t, "CGIPROXY_STATUS_PATH=/my-status\nCGIPROXY_STATUS_TOKEN="+statusToken+`
CGIPROXY_START='exec python3 -m http.server --bind 127.0.0.1 --directory site $PORT'
`)
	put(t, dir, "site/index.html", "<title>the app</title>")
	b.open(t, s.URL+"/")
	if status := b.open(t, s.URL+"/my-status"); status != 404 {
		t.Errorf("a stranger gets status %d, want the app's 404", status)
	}
	b.login(t, s.URL+"/my-status", statusToken)
	b.await(t, `document.querySelector("#app") !== null`)
	b.checkLooks(t, "status")
	b.checkKeyboard(t)
	eval[chromedp.Void](t, b, `document.querySelectorAll("details").forEach((e) => { e.open = true; })`)
	b.press(t, "#live")
	b.await(t, `document.querySelector("#progress").innerText.endsWith(" requests sent.")`)
	if eval[string](t, b, `document.querySelector("#rows").innerText`) == "" {
		t.Error("the live check shows nothing")
	}
	if got := eval[string](t, b, focused); !strings.HasSuffix(got, " live") {
		t.Errorf("after the live check the focus is at %s", got)
	}
	b.checkLooks(t, "status-all")

	b.press(t, `button[value="restart"]`)
	b.await(t, `document.querySelector("[role=status]")?.innerText.includes("the app has been restarted")`)
	b.press(t, "header a")
	b.await(t, `document.querySelector("#app") !== null && !document.body.innerText.includes("has been restarted")`)
}

// login sends the token from the file that the owner has for it.
func (b tab) login(t *testing.T, target, token string) {
	t.Helper()
	file, err := filepath.Abs("../status.html")
	if err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
	b.checkLooks(t, "status-login")
	b.checkKeyboard(t)
	b.focus(t, "#address")
	b.do(t, chromedp.KeyEvent(target))
	b.focus(t, "#token")
	b.do(t, chromedp.KeyEvent(token), chromedp.KeyEvent(kb.Enter))
}
