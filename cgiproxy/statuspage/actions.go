package statuspage

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/ondemand"
)

// act does what a button is for.
func (v *visit) act(ctx context.Context, form url.Values) error {
	if !v.isFromPage(form.Get("form")) {
		return v.refuse(http.StatusForbidden, check.Finding{
			Check: "form", Level: check.Fault,
			Text:   "this was not sent by the status page, or by one of an earlier login",
			Remedy: "open the page again, and use its buttons",
		})
	}
	app := v.Site.App()
	switch action := form.Get("action"); {
	case action == "questions":
		return v.plan(ctx, form)
	case action == "judge":
		return v.judge(ctx, form)
	case app != nil && action == "restart":
		v.Log.Infof("restart, from the status page")
		return v.show(ctx, v.outcome(app.Restart(ctx), "the app has been restarted"))
	case app != nil && action == "stop":
		v.Log.Infof("stop, from the status page")
		return v.show(ctx, v.outcome(app.Stop(ctx), "the app is stopped; the next request starts it"))
	default:
		return v.refuse(http.StatusBadRequest, check.Finding{
			Check: "action", Level: check.Fault,
			Text:   "there is no such button",
			Remedy: "open the page again",
		})
	}
}

// outcome says what came of a restart or stop.
func (v *visit) outcome(err error, done string) *check.Finding {
	if err == nil {
		return &check.Finding{Check: "app", Level: check.OK, Text: done}
	}
	m := newMasker(v.Site.Config().Secrets())
	f := &check.Finding{Check: "app", Level: check.Fault, Text: m.text(err.Error()), Remedy: "see the app's log below"}
	if e, ok := errors.AsType[*ondemand.Error](err); ok && e.Remedy != "" {
		f.Remedy = m.text(e.Remedy)
	}
	return f
}
