package statuspage

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// TestWhose tells the owner's requests from those that are the app's, which has
// to get them as if there were no page.
func TestWhose(t *testing.T) {
	hush(t)
	s := newTested(t, pageSettings)
	cookie, form := s.login(t)
	name, value, _ := strings.Cut(cookie, "=")
	parts := strings.Split(value, ".")
	later := &visit{StatusRequest: &cgiproxy.StatusRequest{Begun: time.Now().Add(-sessionTime - time.Second)}, path: "/my-status", token: token}
	elsewhere := &visit{StatusRequest: &cgiproxy.StatusRequest{Begun: time.Now()}, path: "/other", token: token}
	http := []string{"HTTPS=", "REQUEST_SCHEME=http"}
	local := append([]string{"REMOTE_ADDR=127.0.0.1"}, http...)
	right := "token=" + token

	for _, tt := range []struct {
		name    string
		request request
		want    int // the page's status; 0 for the app
	}{
		{"a stranger", request{}, 0},
		{"a cookie", request{cookie: cookie}, 200},
		{"HEAD with a cookie", request{method: "HEAD", cookie: cookie}, 200},
		{"among other cookies", request{cookie: "a=b; " + name + "=1.2.3; " + cookie + ";c=d"}, 200},
		{"PUT with a cookie", request{method: "PUT", cookie: cookie, body: right}, 0},
		{"OPTIONS with a cookie", request{method: "OPTIONS", cookie: cookie}, 0},
		{"an expired cookie", request{cookie: name + "=" + later.newCookie()}, 0},
		{"a cookie made longer", request{cookie: name + "=9" + value}, 0},
		{"a cookie of another path", request{cookie: name + "=" + elsewhere.newCookie()}, 0},
		{"a cookie without a proof", request{cookie: name + "=" + parts[0] + "." + parts[1] + "."}, 0},
		{"the token as the cookie", request{cookie: name + "=" + token}, 0},
		{"a query", request{target: "/my-status?a=b", cookie: cookie}, 0},
		{"the token in the query", request{target: "/my-status?token=" + token}, 0},
		{"the token in the query of a POST", request{method: "POST", target: "/my-status?token=" + token, body: "a=b"}, 0},
		{"below the path", request{target: "/my-status/a", cookie: cookie}, 0},
		{"with a slash", request{target: "/my-status/", cookie: cookie}, 0},
		{"in other letters", request{target: "/My-status", cookie: cookie}, 0},
		{"encoded", request{target: "/my%2Dstatus", cookie: cookie}, 0},
		{"by the script's name", request{target: "/proxy.cgi/my-status", cookie: cookie}, 0},
		{"as an absolute form", request{target: "https://example.com/my-status", cookie: cookie}, 200},
		{"refused by the web server", request{cookie: cookie, vars: []string{"REDIRECT_STATUS=403"}}, -403},

		{"the right token", request{method: "POST", body: right}, 200},
		{"the right token, percent-encoded", request{method: "POST", body: "token=%72" + token[1:]}, 200},
		{"the right token from another site", request{method: "POST", body: right, vars: []string{"HTTP_ORIGIN=null", "HTTP_SEC_FETCH_SITE=cross-site"}}, 200},
		{"the right token with a charset", request{method: "POST", body: right, vars: []string{"CONTENT_TYPE=application/x-www-form-urlencoded; charset=UTF-8"}}, 200},
		{"a wrong token", request{method: "POST", body: "token=wrong-token-of-32-letters-chosen"}, 0},
		{"a part of the token", request{method: "POST", body: right[:20]}, 0},
		{"no token", request{method: "POST", body: "token="}, 0},
		{"two tokens", request{method: "POST", body: right + "&" + right}, 0},
		{"another field beside", request{method: "POST", body: right + "&a=b"}, 0},
		{"no form", request{method: "POST", body: "token=%zz"}, 0},
		{"another type", request{method: "POST", body: right, vars: []string{"CONTENT_TYPE=text/plain"}}, 0},
		{"as JSON", request{method: "POST", body: `{"token":"` + token + `"}`, vars: []string{"CONTENT_TYPE=application/json"}}, 0},
		{"over 1 KiB", request{method: "POST", body: right + strings.Repeat("&", 1024)}, 0},
		{"with a cookie, a form of the app's", request{method: "POST", cookie: cookie, body: "name=Ada"}, 0},

		{"the right token without https", request{method: "POST", body: right, vars: http}, 403},
		{"a wrong token without https", request{method: "POST", body: "token=wrong", vars: http}, 0},
		{"a cookie without https", request{cookie: cookie, vars: http}, 0},
		{"the right token without https, on this machine", request{method: "POST", body: right, vars: local}, 200},
		{"a cookie without https, on this machine", request{cookie: cookie, vars: local}, 200},
		{"without https, through a proxy on this machine", request{method: "POST", body: right, vars: append([]string{"HTTP_X_FORWARDED_FOR=203.0.113.9"}, local...)}, 403},
		{"who claims https", request{method: "POST", body: right, vars: append([]string{"HTTP_X_FORWARDED_PROTO=https"}, http...)}, 403},

		{"a form of another site", request{method: "POST", cookie: cookie, body: "action=x&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=cross-site"}}, 403},
		{"a form of another name of the site", request{method: "POST", cookie: cookie, body: "action=x&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=same-site"}}, 403},
		{"a form of another origin", request{method: "POST", cookie: cookie, body: "action=x&form=" + form, vars: []string{"HTTP_ORIGIN=https://evil.example"}}, 403},
		{"a form of no origin", request{method: "POST", cookie: cookie, body: "action=x&form=" + form}, 403},
		{"a form without its token", request{method: "POST", cookie: cookie, body: "action=x&form=", vars: []string{"HTTP_SEC_FETCH_SITE=same-origin"}}, 403},
		{"a form without a cookie", request{method: "POST", body: "action=x&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=same-origin"}}, 0},
		{"the page's form, and no such button", request{method: "POST", cookie: cookie, body: "action=x&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=same-origin"}}, 400},
		{"the page's form, of an older browser", request{method: "POST", cookie: cookie, body: "action=x&form=" + form, vars: []string{"HTTP_ORIGIN=https://example.com"}}, 400},
		{"questions", request{method: "POST", cookie: cookie, body: "action=questions&origin=https://example.com&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=same-origin"}}, 200},
		{"questions of another site", request{method: "POST", cookie: cookie, body: "action=questions&origin=https://example.com&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=cross-site"}}, 403},
		{"questions without an origin", request{method: "POST", cookie: cookie, body: "action=questions&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=same-origin"}}, 400},
		{"nothing to judge", request{method: "POST", cookie: cookie, body: "action=judge&origin=https://example.com&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=same-origin"}}, 200},
		{"a restart, where nothing is started", request{method: "POST", cookie: cookie, body: "action=restart&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=same-origin"}}, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := s.send(t, tt.request)
			isApps := w.Body.String() == "the app"
			if tt.want == 0 {
				if !isApps || w.Code != 404 || len(w.Header()["Set-Cookie"]) > 0 {
					t.Errorf("got %d %v %.200q, want what the app has", w.Code, w.Header(), w.Body)
				}
				return
			}
			if tt.want == -403 {
				if w.Code != 403 || strings.Contains(w.Body.String(), "finding") {
					t.Errorf("got %d %.200q, want the page of the web server's error", w.Code, w.Body)
				}
				return
			}
			if isApps || w.Code != tt.want {
				t.Errorf("got %d %.200q, want %d and the page", w.Code, w.Body, tt.want)
			}
			wantHeader(t, w)
			if tt.request.method == "HEAD" && w.Body.Len() > 0 {
				t.Errorf("HEAD has a body: %.200q", w.Body)
			}
		})
	}
}

// TestProxyBefore wants a token that has come without https to be taken from this
// machine alone, and not from a proxy on it that tells of its client, in any of the
// fields that are usual.
func TestProxyBefore(t *testing.T) {
	s := newTested(t, pageSettings)
	for field, want := range map[string]int{
		"VIA": 403, "FORWARDED": 403, "CDN_LOOP": 403, "X_REAL_IP": 403, "X_FORWARDED_FOR": 403, "X_FORWARDED_SERVER": 403, "X_FORWARDED": 403,
		"CLIENT_IP": 403, "TRUE_CLIENT_IP": 403, "CF_CONNECTING_IP": 403, "X_CLIENT_IP": 403, "X_CLUSTER_CLIENT_IP": 403, "FORWARDED_FOR": 403, "X_SCHEME": 403,
		"ACCEPT": 200, "USER_AGENT": 200, "ORIGIN": 200, "X_REQUESTED_WITH": 200, "COOKIE": 200,
	} {
		r := request{method: "POST", body: "token=" + token, vars: []string{"HTTPS=", "REQUEST_SCHEME=http", "REMOTE_ADDR=127.0.0.1", "HTTP_" + field + "=203.0.113.9"}}
		if w := s.send(t, r); w.Code != want {
			t.Errorf("with %s: %d, want %d", field, w.Code, want)
		}
	}
}

// wantHeader holds each response of the page to what keeps it private.
func wantHeader(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
		"Content-Length": strconv.Itoa(w.Body.Len()),
	} {
		if got := w.Header().Get(name); got != want && !(name == "Content-Length" && w.Body.Len() == 0) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	policy := w.Header().Get("Content-Security-Policy")
	testkit.WantText(t, policy, "default-src 'none'", "frame-ancestors 'none'")
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("the policy %q", policy)
	}
}

// TestCookie wants the cookie to be one that only this path gets, and that does
// not hold the token.
func TestCookie(t *testing.T) {
	s := newTested(t, pageSettings)
	for name, vars := range map[string][]string{"https": nil, "this machine": {"HTTPS=", "REQUEST_SCHEME=http", "REMOTE_ADDR=::1"}} {
		field := s.send(t, request{method: "POST", body: "token=" + token, vars: vars}).Header().Get("Set-Cookie")
		testkit.WantText(t, field, "; Path=/my-status; HttpOnly; SameSite=Strict")
		if strings.Contains(field, token) || strings.HasSuffix(field, "; Secure") != (name == "https") {
			t.Errorf("%s: %q", name, field)
		}
	}
	one, _ := s.login(t)
	two, form := s.login(t)
	if one == two {
		t.Error("two logins have the same cookie")
	}
	if w := s.send(t, request{method: "POST", cookie: one, body: "action=x&form=" + form, vars: []string{"HTTP_SEC_FETCH_SITE=same-origin"}}); w.Code != 403 {
		t.Errorf("a form of another login: %d", w.Code)
	}
}

// TestUnseen compares what the app gets of a wrong login, byte for byte, and what
// the stranger gets, with a site that has no page.
func TestUnseen(t *testing.T) {
	hush(t)
	with, without := newTested(t, pageSettings), newTested(t, "SECRET=the-secret-of-the-site\n")
	for _, r := range []request{
		{},
		{method: "HEAD"},
		{method: "POST", body: "token=wrong&token=wrong"},
		{method: "POST", body: "token=wrong", vars: []string{"HTTP_COOKIE=proxycgi-status=1.2.3", "HTTP_X_A=b", "HTTP_ACCEPT=text/html"}},
		{method: "POST", body: "form=a&action=restart"},
		{method: "POST", body: strings.Repeat("a", 4000)},
		{target: "/my-status?token=" + token},
	} {
		t.Run(fmt.Sprintf("%.60v", r), func(t *testing.T) {
			one, two := with.send(t, r), without.send(t, r)
			if a, b := comparable(with, <-with.got), comparable(without, <-without.got); a != b {
				t.Errorf("the app gets\n%q\nand without a page\n%q", a, b)
			}
			if !maps.EqualFunc(one.Header(), two.Header(), func(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }) ||
				one.Code != two.Code || one.Body.String() != two.Body.String() {
				t.Errorf("the stranger gets %d %v, and without a page %d %v", one.Code, one.Header(), two.Code, two.Header())
			}
		})
	}
}

// comparable takes out of a request what differs from site to site.
func comparable(s *tested, got string) string {
	var kept []string
	for line := range strings.SplitSeq(got, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		if name == "X-Proxy-Loop" || name == "X-Proxy-Signature" {
			line = name
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\r\n")
}

// TestWrongSettings wants the page where a setting is wrong, whichever it is: that is
// what it is for. A proxy in front, which tells of https, is believed all the same.
func TestWrongSettings(t *testing.T) {
	front := []string{"HTTPS=", "REQUEST_SCHEME=http", "REMOTE_ADDR=192.0.2.7", "HTTP_X_FORWARDED_PROTO=https"}
	for _, name := range []string{"UPSTREAM", "USE_PATH_INFO", "HEADER_TIMEOUT", "MAX_BODY", "START_TIMEOUT"} {
		t.Run(name, func(t *testing.T) {
			s := newTested(t, name+"=soon\nTRUSTED_PROXIES=192.0.2.7\n"+pageSettings)
			for way, vars := range map[string][]string{"https": nil, "https in front": front} {
				w := s.send(t, request{method: "POST", body: "token=" + token, vars: vars})
				if w.Code != 200 {
					t.Fatalf("by %s: got %d %s", way, w.Code, w.Body)
				}
				testkit.WantText(t, w.Body.String(), `{"check":"settings","level":"fault","text":"CGIPROXY_`+name+` is \"soon\"`)
			}
			if w := s.send(t, request{}); w.Code != 500 || strings.Contains(w.Body.String(), "soon") {
				t.Errorf("a stranger gets %d %.300q", w.Code, w.Body)
			}
		})
	}
}
