package browser

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const statusToken = "right-token-of-32-letters-chosen"

// TestStatusPage has the owner log in with the form that is on their own
// machine, restart the app, and come back later.
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

// login sends the token from a page of no site.
func (b tab) login(t *testing.T, target, token string) {
	t.Helper()
	form := `<form method="post" action="` + target + `"><input name="token" type="password"><button>Open</button></form>`
	b.do(t, chromedp.Navigate("data:text/html,"+url.PathEscape(form)))
	b.focus(t, "input")
	b.do(t, chromedp.KeyEvent(token), chromedp.KeyEvent(kb.Enter))
}
