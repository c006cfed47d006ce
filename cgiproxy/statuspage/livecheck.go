package statuspage

import (
	"context"
	"net/http"
	"net/url"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/command/live"
)

// The live check asks as visitors do, by the way that leads through all that is
// in front of the web server. The page's script gets the questions here, sends
// them, and brings back what it has seen; what that means is package live's to
// say, as for `proxy.cgi check --url`.

func (v *visit) browser(form url.Values) live.Browser {
	return live.Browser{
		Origin: form.Get("origin"), Folder: v.Folder, Session: v.cookie,
		Key: challenge.TokenKey(v.token),
	}
}

// plan writes the questions.
func (v *visit) plan(ctx context.Context, form url.Values) error {
	questions, err := v.browser(form).Questions(ctx)
	if err != nil {
		return v.refuse(http.StatusBadRequest, badOrigin(err))
	}
	return v.write(http.StatusOK, "application/json", live.QuestionsJSON(questions))
}

// judge writes the findings, as a part of the page.
func (v *visit) judge(ctx context.Context, form url.Values) error {
	found, err := v.browser(form).Judge(ctx, live.ReadObservations(form))
	if err != nil {
		return v.refuse(http.StatusBadRequest, badOrigin(err))
	}
	m := newMasker(v.Site.Config().Secrets())
	for i := range found {
		found[i].Text, found[i].Remedy = m.text(found[i].Text), m.text(found[i].Remedy)
	}
	if v.Accepts() != "html" {
		return v.write(http.StatusOK, "application/json", finding.JSON(found))
	}
	return v.write(http.StatusOK, "text/html; charset=utf-8", "<h3>"+title(found)+"</h3>\n"+findings(found))
}

func badOrigin(err error) check.Finding {
	return check.Finding{Check: "origin", Level: check.Fault, Text: err.Error(), Remedy: "open the page again"}
}
