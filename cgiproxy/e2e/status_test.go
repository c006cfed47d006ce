package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

const statusToken = "right-token-of-32-letters-chosen"

// TestStatusPage has the owner log in at a site whose app is started on demand,
// restart it and stop it. Whoever has no token finds the app's own page.
func TestStatusPage(t *testing.T) {
	for _, kind := range onDemandKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			a := newAppSite(t, kind, "")
			path := a.folder + "/my-status"
			a.WriteFile(t, a.folder[1:]+"/.htcgiproxy", startOnDemand+"CGIPROXY_STATUS_PATH="+path+"\nCGIPROXY_STATUS_TOKEN="+statusToken+"\nCGIPROXY_START_DIR="+a.dir+"\n", 0o600)
			apps := a.mustGet(t)

			if page, err := a.get("/my-status"); page != apps || err != nil {
				t.Errorf("a stranger gets %q %v, want the app's %q", page, err, apps)
			}
			if _, page := a.form(t, "", "token", "wrong"); page != "token=wrong" {
				t.Errorf("a wrong token gets %q, want what the app answers", page)
			}

			resp, page := a.form(t, "", "token", statusToken)
			cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
			if resp.StatusCode != 200 || cookie == "" || !strings.Contains(page, "</html>") {
				t.Fatalf("a login: %s %v\n%s\n%s", resp.Status, resp.Header, page, a.log())
			}
			wantAll(t, page, "running", "What the check finds", "a line of the app", wayOf(kind))
			resp, page, err := a.send("GET", "/my-status", "", "Cookie", cookie, "Accept", "text/html")
			form := regexp.MustCompile(`name="form" value="(\w+)"`).FindStringSubmatch(page)
			if err != nil || resp.Header.Get("Cache-Control") != "no-store" || form == nil {
				t.Fatalf("with the cookie: %+v %v\n%s", resp, err, page)
			}

			pid, _ := a.status(t)
			if resp, _ = a.form(t, cookie, "action", "restart", "form", "of another site"); resp.StatusCode != http.StatusForbidden {
				t.Errorf("a restart by another site: %s", resp.Status)
			}
			if now, _ := a.status(t); now != pid {
				t.Error("another site has restarted the app")
			}
			const failed = "the last restart failed (the app&#39;s command ended with status 3 before the app was up), and the app from before goes on"
			a.put(t, "app.py", "raise SystemExit(3)")
			_, page = a.form(t, cookie, "action", "restart", "form", form[1])
			wantAll(t, page, failed)
			a.put(t, "app.py", onDemandApp)
			_, page = a.form(t, cookie, "action", "restart", "form", form[1])
			wantAll(t, page, "the app has been restarted")
			if strings.Contains(page, "the last restart failed") {
				t.Errorf("after a restart that succeeded:\n%s", page)
			}
			if now, _ := a.status(t); now == pid {
				t.Errorf("the app is process %d still", pid)
			}
			_, page = a.form(t, cookie, "action", "stop", "form", form[1])
			wantAll(t, page, "the app is stopped", "nobody")
			if out, code := a.command(t, "status"); code != 1 || !strings.Contains(out, "stopped") {
				t.Errorf("after the stop: exit status %d\n%s", code, out)
			}
			a.mustGet(t)
		})
	}
}

func wayOf(kind webserver.Kind) string {
	if scriptName(kind) == "proxy.fcgi" {
		return "FastCGI: one process"
	}
	return "CGI: a process for each request"
}

// form posts a form to the status page, as a browser does that has it open.
func (a appSite) form(t *testing.T, cookie string, fields ...string) (*http.Response, string) {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	header := []string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html", "Sec-Fetch-Site", "same-origin"}
	if cookie != "" {
		header = append(header, "Cookie", cookie)
	}
	resp, page, err := a.send("POST", "/my-status", values.Encode(), header...)
	if err != nil {
		t.Fatal(err)
	}
	return resp, page
}

func wantAll(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}
