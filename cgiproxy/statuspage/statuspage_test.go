package statuspage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/internal/testkit"
)

const token = "right-token-of-32-letters-chosen"

// A recorder is a ResponseWriter that keeps what it is given.
type recorder struct{ *httptest.ResponseRecorder }

func (r recorder) WriteStatus(code int, _ string) { r.WriteHeader(code) }
func (r recorder) HasStarted() bool               { return false }
func (r recorder) LargeBuffer() []byte            { return nil }

// A tested is a site whose app keeps what it is sent.
type tested struct {
	folder string
	got    chan string
	log    bytes.Buffer
}

// newTested makes a site with more settings than the app's address.
func newTested(t *testing.T, settings string) *tested {
	t.Helper()
	s := &tested{folder: t.TempDir(), got: make(chan string, 1000)} // room for all that a test sends
	app := testkit.StartApp(t, func(conn net.Conn) {
		head, err := testkit.ReadHead(conn)
		if err != nil {
			return
		}
		_, rest, _ := strings.Cut(head, "\r\nContent-Length: ")
		length, _, _ := strings.Cut(rest, "\r\n")
		n, _ := strconv.Atoi(length)
		body := make([]byte, n)
		io.ReadFull(conn, body)
		s.got <- head + string(body)
		io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nthe app")
	})
	testkit.WriteFile(t, s.folder, ".htcgiproxy", app.Upstream()+"\n"+settings)
	return s
}

const pageSettings = "STATUS_PATH=/my-status\nSTATUS_TOKEN=" + token + "\nSECRET=the-secret-of-the-site\n"

// A request is one for the page, or the like.
type request struct {
	method, target string // "" for GET and /my-status
	cookie         string
	body           string // a form, where there is one
	vars           []string
}

func (s *tested) send(t *testing.T, r request) *httptest.ResponseRecorder {
	t.Helper()
	return s.sendTo(t, cgiproxy.LoadSite(cgiproxy.Environ{}, s.folder), r)
}

func (s *tested) sendTo(t *testing.T, site *cgiproxy.Site, r request) *httptest.ResponseRecorder {
	t.Helper()
	if r.method == "" {
		r.method = "GET"
	}
	if r.target == "" {
		r.target = "/my-status"
	}
	vars := append(r.vars, "REQUEST_METHOD="+r.method, "REQUEST_URI="+r.target)
	if r.cookie != "" {
		vars = append(vars, "HTTP_COOKIE="+r.cookie)
	}
	if r.body != "" {
		vars = append(vars, "CONTENT_LENGTH="+strconv.Itoa(len(r.body)), "CONTENT_TYPE=application/x-www-form-urlencoded")
	}
	if !slices.Contains(vars, "HTTPS=") {
		vars = append(vars, "HTTPS=on")
	}
	env := cgiproxy.NewEnviron(testkit.Visit(vars...))
	w := recorder{httptest.NewRecorder()}
	in := &cgiproxy.Request{Env: env, Body: strings.NewReader(r.body), Log: &s.log, Way: "CGI", StatusPage: Serve}
	if err := cgiproxy.Serve(t.Context(), w, in, site); err != nil {
		t.Error(err)
	}
	return w.ResponseRecorder
}

// login returns what the browser has after a login: the cookie, and the page's
// form token.
func (s *tested) login(t *testing.T) (cookie, form string) {
	t.Helper()
	w := s.send(t, request{method: "POST", body: "token=" + token, vars: []string{"HTTP_ACCEPT=text/html"}})
	cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	_, form, _ = strings.Cut(w.Body.String(), `data-form="`)
	form, _, _ = strings.Cut(form, `"`)
	if cookie == "" || form == "" {
		t.Fatalf("no login: %d %v\n%s\n%s", w.Code, w.Header(), w.Body, &s.log)
	}
	return cookie, form
}

// hush has wrong tokens wait for nothing, and returns how long they would.
func hush(t *testing.T) *[]time.Duration {
	t.Helper()
	var waited []time.Duration
	before := sleep
	sleep = func(_ context.Context, d time.Duration) { waited = append(waited, d) }
	t.Cleanup(func() { sleep = before })
	return &waited
}

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
		{"over 1 KiB", request{method: "POST", body: right + strings.Repeat("+", 1024)}, 0},
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

// TestWrong has somebody try tokens: each is slower, up to a bound, and the
// owner never waits.
func TestWrong(t *testing.T) {
	waited := hush(t)
	s := newTested(t, pageSettings)
	file := filepath.Join(s.folder, wrongFile)
	try := func(times int) (last time.Duration) {
		t.Helper()
		for range times {
			if w := s.send(t, request{method: "POST", body: "token=wrong"}); w.Body.String() != "the app" {
				t.Fatalf("a wrong token: %d %.200q", w.Code, w.Body)
			}
			<-s.got
		}
		return (*waited)[len(*waited)-1]
	}
	for _, step := range []struct {
		more int
		want time.Duration
	}{{1, 0}, {4, 0}, {1, time.Second}, {1, 2 * time.Second}, {1, 4 * time.Second}, {100, 4 * time.Second}} {
		if got := try(step.more); got != step.want {
			t.Errorf("after %d more the wait is %v, want %v", step.more, got, step.want)
		}
	}
	testkit.WantText(t, s.log.String(), "a wrong token for the status page, from 198.51.100.7")
	if info, err := os.Stat(file); err != nil || info.Size() != wrongMost || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of wrong tokens: %v %v", info, err)
	}
	if strings.Contains(s.log.String(), "wrong-token") || strings.Contains(s.log.String(), token) {
		t.Error("the log has what was tried")
	}

	before := len(*waited)
	s.login(t)
	if len(*waited) != before {
		t.Error("the right token waits")
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the wrong tokens are not forgotten: %v", err)
	}

	try(9)
	old := time.Now().Add(-wrongTime - time.Second)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	if got := try(1); got != 0 {
		t.Errorf("after %v the wait is %v", wrongTime, got)
	}
}

// TestWrongSettings wants the page where a setting is wrong: that is what it is
// for.
func TestWrongSettings(t *testing.T) {
	s := newTested(t, "HEADER_TIMEOUT=soon\n"+pageSettings)
	w := s.send(t, request{method: "POST", body: "token=" + token})
	if w.Code != 200 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	testkit.WantText(t, w.Body.String(), `{"check":"settings","level":"fault","text":"CGIPROXY_HEADER_TIMEOUT is \"soon\"`)
	if w := s.send(t, request{}); w.Code != 500 || strings.Contains(w.Body.String(), "soon") {
		t.Errorf("a stranger gets %d %.300q", w.Code, w.Body)
	}
}
