// Package statuspage is the page at STATUS_PATH, where the owner of a site, who
// may have neither a shell nor the error log, sees in the browser what is wrong
// with it, and restarts or stops the app.
//
//	statuspage.go  a request's way
//	login.go       whose it is: token, cookie, the form's own token
//	wrong.go       wrong tokens, and what they cost
//	report.go      what is on the page; mask.go: and what is not
//	page.go        as HTML (page.html, page.css, page.js); json.go: as JSON
//	actions.go     what the buttons do; livecheck.go: the live check
//
// It is above the gateway, whose requests pay nothing for it: nothing here may
// run before Serve is called.
package statuspage

import (
	"context"
	"net/http"
	"net/url"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/command/finding"
)

// A visit is a request for the page.
type visit struct {
	*cgiproxy.StatusRequest
	path   string // STATUS_PATH
	token  string // STATUS_TOKEN
	cookie string // a good one, "" for none
}

// Serve is a cgiproxy.StatusPage.
func Serve(ctx context.Context, r *cgiproxy.StatusRequest) (answered bool, err error) {
	cfg := r.Site.Config()
	v := &visit{StatusRequest: r, path: cfg.StatusPath, token: cfg.StatusToken}
	v.cookie = v.goodCookie()
	switch r.Env["REQUEST_METHOD"] {
	case http.MethodGet, http.MethodHead:
		if v.cookie == "" {
			return false, nil
		}
		return true, v.show(ctx, nil)
	case http.MethodPost:
		form := v.readForm()
		switch {
		case len(form) == 1 && len(form["token"]) == 1:
			return v.login(ctx, form.Get("token"))
		case v.cookie != "" && form.Has("form"):
			return true, v.act(ctx, form)
		}
	}
	return false, nil
}

// login compares the token. A wrong one is the app's, as if there were no page.
func (v *visit) login(ctx context.Context, token string) (answered bool, err error) {
	if !equal(token, v.token) {
		v.Log.Warnf("a wrong token for the status page, from %s", v.Env["REMOTE_ADDR"])
		sleep(ctx, pause(v.countWrong()))
		return false, nil
	}
	if !v.IsPrivate() {
		v.Log.Warnf("the token of the status page came from %s without https: choose another", v.Env["REMOTE_ADDR"])
		return true, v.refuse(http.StatusForbidden, v.notEncrypted())
	}
	v.forgetWrong()
	v.Log.Infof("the status page is opened from %s", v.Env["REMOTE_ADDR"])
	v.cookie = v.newCookie()
	v.W.Header().Set("Set-Cookie", v.cookieField())
	return true, v.show(ctx, nil)
}

// notEncrypted says why a right token is refused.
func (v *visit) notEncrypted() check.Finding {
	f := check.Finding{
		Check: "token", Level: check.Fault,
		Text:   "the token came without https: whoever is on the way may have read it",
		Remedy: "choose another CGIPROXY_STATUS_TOKEN, and log in by https",
	}
	if v.Env["HTTP_X_FORWARDED_PROTO"] == "https" {
		f.Text = "the token came without https, as far as the web server knows; a proxy at " + v.Env["REMOTE_ADDR"] + " in front of it says https, and is not believed"
		f.Remedy = "if it is a proxy of the host, write CGIPROXY_TRUSTED_PROXIES=" + v.Env["REMOTE_ADDR"] + " into .htcgiproxy (ask for all its addresses)"
	}
	return f
}

// show writes the page, with what came of a button.
func (v *visit) show(ctx context.Context, notice *check.Finding) error {
	r := v.report(ctx)
	r.notice = notice
	if v.Accepts() == "html" {
		return v.write(http.StatusOK, "text/html; charset=utf-8", v.html(r))
	}
	return v.write(http.StatusOK, "application/json", r.json())
}

// refuse says to the owner why nothing is done.
func (v *visit) refuse(status int, why check.Finding) error {
	if v.Accepts() == "html" {
		return v.write(status, "text/html; charset=utf-8", v.refusal(why))
	}
	return v.write(status, "application/json", finding.JSON([]check.Finding{why}))
}

// readForm reads the body of a form, as far as it may be one for the page, and
// leaves it as it was. Nobody but the owner gets more than a token's looked at.
func (v *visit) readForm() url.Values {
	limit := maxLogin
	if v.cookie != "" {
		limit = maxForm
	}
	text, ok := v.peek(limit)
	if !ok {
		return nil
	}
	form, err := url.ParseQuery(text)
	if err != nil {
		return nil
	}
	return form
}
