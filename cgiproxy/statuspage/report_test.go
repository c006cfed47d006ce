package statuspage

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// pageOf returns the page as a browser gets it, and as JSON.
func (s *tested) pageOf(t *testing.T, vars ...string) (html, asJSON string) {
	t.Helper()
	cookie, _ := s.login(t)
	page := s.send(t, request{cookie: cookie, vars: append([]string{"HTTP_ACCEPT=text/html"}, vars...)})
	data := s.send(t, request{cookie: cookie, vars: append([]string{"HTTP_ACCEPT=application/json"}, vars...)})
	if page.Header().Get("Content-Type") != "text/html; charset=utf-8" || data.Header().Get("Content-Type") != "application/json" {
		t.Errorf("the types are %v and %v", page.Header(), data.Header())
	}
	return page.Body.String(), data.Body.String()
}

// TestHidden has secrets wherever they may come from. The page has none of them.
func TestHidden(t *testing.T) {
	s := newTested(t, pageSettings+"START='DATABASE_URL=postgres://me:hunter22@db/x exec false'\nSTART_ENV=DATABASE_URL,SHORT\nDATABASE_URL=postgres://me:hunter22@db/x\nSHORT=1\n")
	testkit.WriteFile(t, s.folder, "app.log", "connected to postgres://me:hunter22@db/x\nsecret: the-secret-of-the-site\n")
	html, asJSON := s.pageOf(t,
		"HTTP_AUTHORIZATION=Bearer hidden-1", "HTTP_X_API_KEY=hidden-2", "HTTP_X_CSRF_TOKEN=hidden-3", "HTTP_X_SESSION_ID=hidden-4",
		"HTTP_PROXY_AUTHORIZATION=hidden-5", "DB_PASSWORD=hidden-6", "CGIPROXY_LOG_LEVEL=debug", "REDIRECT_STRIPE=hidden-7",
		"REDIRECT_REDIRECT_HTTP_COOKIE=hidden-8", "HTTP_X_NOTE=the-secret-of-the-site", "SSL_CLIENT_CERT=hidden-9", "HTTP_X_OPEN=shown-1", "REDIRECT_URL=/shown-2")
	cookie, _ := s.login(t)
	for name, page := range map[string]string{"HTML": html, "JSON": asJSON} {
		for _, secret := range []string{"hidden-", token, "the-secret-of-the-site", "hunter22", strings.TrimPrefix(cookie, cookieName+"=")} {
			if strings.Contains(page, secret) {
				_, after, _ := strings.Cut(page, secret)
				t.Errorf("%s: the page has %q, before %.80q", name, secret, after)
			}
		}
		testkit.WantText(t, page, "HTTP_X_API_KEY", "X-Api-Key", "DB_PASSWORD", "X-Proxy-Signature", "bytes, not shown)",
			"shown-1", "shown-2", "CGIPROXY_SECRET", "CGIPROXY_STATUS_TOKEN", "connected to (not shown)", ".htcgiproxy")
	}
}

// TestHiddenStart has a password in the command, and a secret of several lines that
// the app prints: whole, each line for itself, and as JSON has it. Where the command
// is a program and nothing more, that may be in the log.
func TestHiddenStart(t *testing.T) {
	const start, key = "DBPASS=hunter22 exec false", `"-----BEGIN KEY-----\nhunter23AAAA\nhunter24BBBB\nab==\n-----END KEY-----"`
	s := newTested(t, pageSettings+"START='"+start+"'\nSTART_ENV=APP_KEY\nAPP_KEY="+key+"\n")
	lines, _ := strconv.Unquote(key)
	testkit.WriteFile(t, s.folder, "app.log", "one\n"+lines+"\ntwo "+key+" three\n> "+strings.ReplaceAll(lines, "\n", "\r\n> ")+"\nfour\n"+start+"\n")
	html, asJSON := s.pageOf(t)
	for name, page := range map[string]string{"HTML": html, "JSON": asJSON} {
		if at := strings.Index(page, "hunter2"); at >= 0 {
			t.Errorf("%s: the page has a secret in %.200q", name, page[max(0, at-100):])
		}
		testkit.WantText(t, page, "START runs in ", ": (not shown)", "two ", " three", "four")
	}
	if strings.Count(asJSON, "ab==") > 2 { // too short where it is not a part of the whole
		t.Error("the key is not hidden as a whole")
	}

	s = newTested(t, pageSettings+"START=start-app\n")
	testkit.WriteFile(t, s.folder, "app.log", "start-app: line 1: x: not found\n")
	_, asJSON = s.pageOf(t)
	testkit.WantText(t, asJSON, "start-app: line 1")
}

// TestEscaped has a stranger's and the app's bytes on the page. They are text
// there.
func TestEscaped(t *testing.T) {
	const bad = `</script></pre><img src=x onerror=alert(1)>"'&amp;`
	s := newTested(t, pageSettings+"START='exec false'\n")
	testkit.WriteFile(t, s.folder, "app.log", "one\n"+bad+"\x1b[31mred\x00\r\n\u202efdp\xff\n{form} {nonce}\n")
	html, asJSON := s.pageOf(t, "HTTP_X_NOTE="+bad, "HTTP_USER_AGENT=\xffa\u2028b")
	if strings.Contains(html, "<img") || strings.Count(html, "</script>") != 1 || strings.Count(html, "<script") != 1 {
		t.Errorf("markup is obeyed in\n%s", html)
	}
	for name, page := range map[string]string{"HTML": html, "JSON": asJSON} {
		if !utf8.ValidString(page) || strings.ContainsAny(page, "\x00\x1b\r\u202e\u2028") {
			t.Errorf("%s: control bytes in\n%q", name, page)
		}
		testkit.WantText(t, page, " [31mred", `\xff`, "{form} {nonce}")
	}
	testkit.WantText(t, html, "&lt;/script&gt;&lt;/pre&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;amp;")
	if other := strings.ReplaceAll(html, "&lt;img src=x", ""); strings.Contains(other, "src=") || strings.Contains(other, "://") || strings.Contains(other, "@import") {
		t.Error("the page asks for something from elsewhere")
	}
}

// TestJSON wants what a program can read, with the same findings as check has.
func TestJSON(t *testing.T) {
	s := newTested(t, pageSettings+"MAX_BODDY=1\n")
	_, text := s.pageOf(t)
	var page struct {
		About, Request, Limits, Settings [][2]string
		Findings                         []struct{ Check, Level, Text, Remedy string }
		ToApp                            struct {
			Line   string
			Fields [][2]string
		}
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(page.Findings) < 10 || len(page.Settings) != 4 || len(page.Limits) < 3 || page.ToApp.Line != "GET /my-status HTTP/1.1" || page.About[0] != [2]string{"version", cgiproxy.Version()} {
		t.Errorf("got %+v", page)
	}
	found := false
	for _, f := range page.Findings {
		found = found || f.Check == "notes" && f.Level == "warning" && strings.Contains(f.Text, "MAX_BODDY") && f.Remedy != ""
	}
	if !found {
		t.Errorf("no finding about MAX_BODDY in %+v", page.Findings)
	}
}

func TestIsShown(t *testing.T) {
	for name, want := range map[string]bool{
		"HTTP_HOST": true, "HTTPS": true, "REQUEST_URI": true, "PATH_INFO": true, "REDIRECT_STATUS": true, "AUTH_TYPE": true, "SERVER_NAME": true,
		"HTTP_COOKIE": false, "HTTP_AUTHORIZATION": false, "REDIRECT_HTTP_AUTHORIZATION": false, "HTTP_X_PROXY_SIGNATURE": false, "HTTP_X_PROXY_CHECK": false,
		"CGIPROXY_UPSTREAM": false, "REDIRECT_CGIPROXY_SECRET": false, "DATABASE_URL": false, "AWS_ACCESS_KEY_ID": false, "": false,
	} {
		if got := isShown(name); got != want {
			t.Errorf("isShown(%q) is %v", name, got)
		}
	}
}
