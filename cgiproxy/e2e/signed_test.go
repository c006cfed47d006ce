package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/e2e/webserver"
)

const (
	// signedSecret has what must not be lost on its way out of a file and
	// through an environment.
	signedSecret = `a long, random $text #1 = ü`

	// signedUser is a name in UTF-8, which some libraries take for Latin-1.
	signedUser, signedPassword = "zoë", "p:ss"

	trusted, refused = "200 user=", "403 refused"
	trustedUser      = trusted + signedUser
)

// signedCases go through proxy.cgi: each app must see that they did. settings
// are further lines of .htcgiproxy, and requests are as in exchangeCase.
var signedCases = []struct{ name, settings, request, want string }{
	{"GET", "", "GET {site}/ HTTP/1.1\r\n{}", trusted},
	{"odd target", "", "GET {site}/a%2fb;c?x=1&;&y=%zz HTTP/1.1\r\n{}", trusted},
	{"odd path", "", "GET {site}/%7ea//b%20%C3%a9+'(c)*,@:!$&=? HTTP/1.1\r\n{}", trusted},
	{"two slashes first", "CGIPROXY_STRIP_PREFIX=auto", "GET {site}//ex.org/a HTTP/1.1\r\n{}", trusted},
	{"POST", "", "POST {site}/form HTTP/1.1\r\nContent-Type: text/x\r\nContent-Length: 5\r\nHost: {host}\r\nConnection: close\r\n\r\nhello", trusted},
	{"Host with a port", "", "GET {site}/ HTTP/1.1\r\nHost: ex.org:8443\r\nConnection: close\r\n\r\n", trusted},
	{"Host without a port", "", "GET {site}/ HTTP/1.1\r\nHost: Ex.org\r\nConnection: close\r\n\r\n", trusted},
	{"no Host", "", "GET {site}/ HTTP/1.0\r\n\r\n", trusted},
	{"the app's own Host", "CGIPROXY_PRESERVE_HOST=false", "GET {site}/ HTTP/1.1\r\n{}", trusted},
	{"a chain of proxies", "CGIPROXY_TRUSTED_PROXIES=127.0.0.0/8", "GET {site}/ HTTP/1.1\r\nX-Forwarded-For: 203.0.113.9\r\n{}", trusted},
	{"a user", "", signedAsUser, trustedUser},
	{"a forged user", "", "GET {site}/ HTTP/1.1\r\nX-Forwarded-User: root\r\nX_Forwarded_User: root\r\n{}", trusted},
	{"a forged user in place of one", "", "GET {site}/private/ HTTP/1.1\r\nX-Forwarded-User: root\r\n" + signedLogin + "{}", trustedUser},
	{"forged fields", "", "GET {site}/ HTTP/1.1\r\nX-Proxy-Signature: t=1,v1=00\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-User: root\r\n{}", trusted},
	{"signed with another SECRET", "CGIPROXY_SECRET=other", "GET {site}/ HTTP/1.1\r\n{}", refused},
	{"not signed", "CGIPROXY_SECRET=", "GET {site}/ HTTP/1.1\r\n{}", refused},
}

var (
	signedLogin  = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(signedUser+":"+signedPassword)) + "\r\n"
	signedAsUser = "GET {site}/private/a%2fb?c HTTP/1.1\r\n" + signedLogin + "{}"
)

// strangerCases are sent to the app by another user of the machine, who has
// seen signedAsUser as proxy.cgi sent it, a moment ago, and changes it. Each
// shows as well that the one before it has left the app alive.
var strangerCases = []struct {
	name   string
	change func(*received)
	want   string
}{
	{"as seen", func(*received) {}, trustedUser},
	{"no signature", withField(signatureField, ""), refused},
	{"garbage", withField(signatureField, "garbage"), refused},
	{"bytes outside of ASCII", withField(signatureField, "\xff\xfe\xc3"), refused},
	{"a time outside of ASCII", withField(signatureField, "t=\xb2\xb3\xd9\xa1,v1="+strings.Repeat("0", 64)), refused},
	{"a MAC outside of ASCII", withField(signatureField, "t={now},v1="+strings.Repeat("\xe9", 64)), refused},
	{"a MAC of zeros", withField(signatureField, "t={now},v1="+strings.Repeat("0", 64)), refused},
	{"an empty MAC", withField(signatureField, "t={now},v1="), refused},
	{"no MAC", withField(signatureField, "t={now}"), refused},
	{"no time", withField(signatureField, "t=,v1="+strings.Repeat("0", 64)), refused},
	{"a time of 400 digits", withField(signatureField, "t="+strings.Repeat("9", 400)+",v1="+strings.Repeat("0", 64)), refused},
	{"a time of 5000 digits", withField(signatureField, "t="+strings.Repeat("9", 5000)+",v1="+strings.Repeat("0", 64)), refused},
	{"the time written otherwise", func(r *received) {
		withField(signatureField, strings.Replace(r.header.Get(signatureField), "t=", "t=0", 1))(r)
	}, refused},
	{"another user", withField("X-Forwarded-User", "root"), refused},
	{"no user", withField("X-Forwarded-User", ""), refused},
	{"another address", withField("X-Forwarded-For", "203.0.113.9"), refused},
	{"another Host", withField("Host", "ex.org"), refused},
	{"another method", func(r *received) { r.line = strings.Replace(r.line, "GET", "POST", 1) }, refused},
	{"another path", func(r *received) { r.line = strings.Replace(r.line, "/a%2fb", "/a/b", 1) }, refused},
	{"another query", func(r *received) { r.line = strings.Replace(r.line, "?c", "?d", 1) }, refused},
	{"signed with another secret", signed("other", 0), refused},
	{"signed half a minute ago", signed(signedSecret, 30*time.Second), trustedUser},
	{"signed two minutes ago", signed(signedSecret, 2*time.Minute), refused},
	{"signed two minutes from now", signed(signedSecret, -2*time.Minute), refused},
	{"as seen, again", func(*received) {}, trustedUser},
}

const signatureField = "X-Proxy-Signature"

// withField puts a field in the place of those of that name; "" is none.
func withField(name, value string) func(*received) {
	return func(r *received) {
		r.lines = slices.DeleteFunc(r.lines, func(line string) bool { return strings.HasPrefix(line, name+": ") })
		if value != "" {
			r.lines = append(r.lines, name+": "+strings.ReplaceAll(value, "{now}", fmt.Sprint(time.Now().Unix())))
		}
	}
}

// signed signs a request as proxy.cgi does, some time ago.
func signed(secret string, age time.Duration) func(*received) {
	return func(r *received) {
		t := time.Now().Add(-age).Unix()
		method, target, _ := strings.Cut(strings.TrimSuffix(r.line, " HTTP/1.1"), " ")
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%d\n%s\n%s\n%s\n%s\n%s", t, method, target,
			r.header.Get("Host"), r.header.Get("X-Forwarded-For"), r.header.Get("X-Forwarded-User"))
		withField(signatureField, fmt.Sprintf("t=%d,v1=%x", t, mac.Sum(nil)))(r)
	}
}

// TestSigned has an app in each language of MANUAL check the signature with
// the function shown there, and one with VerifySignature.
func TestSigned(t *testing.T) {
	t.Parallel()
	for _, l := range signedLanguages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			program := l.program(t, "60")
			addr := startApp(t, signedSecret, nil, program...)
			testSigned(t, webserver.ApacheEvent, addr)
			if l.name == "go" {
				t.Run("fastcgi", func(t *testing.T) { testSigned(t, webserver.ApacheFcgid, addr) })
			}
			t.Run("no secret", func(t *testing.T) {
				// As under php-fpm, which empties the environment: anybody can sign.
				r := received{line: "GET / HTTP/1.1", lines: []string{"Host: x"}, header: http.Header{"Host": {"x"}}}
				signed("", 0)(&r)
				sendDirectly(t, startApp(t, "", nil, program...), r, refused)
			})
			t.Run("a wider window", func(t *testing.T) { // for uploads that come whole
				app := startApp(t, signedSecret, nil, l.program(t, "3600")...)
				for age, want := range map[time.Duration]string{30 * time.Minute: trusted, -30 * time.Minute: trusted, 2 * time.Hour: refused} {
					r := received{line: "GET / HTTP/1.1", lines: []string{"Host: x"}, header: http.Header{"Host": {"x"}}}
					signed(signedSecret, age)(&r)
					sendDirectly(t, app, r, want)
				}
			})
		})
	}
	t.Run("VerifySignature", func(t *testing.T) {
		t.Parallel()
		app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := cgiproxy.VerifySignature(r, signedSecret, time.Minute); err != nil {
				http.Error(w, "refused", http.StatusForbidden)
				return
			}
			fmt.Fprint(w, "user="+r.Header.Get("X-Forwarded-User"))
		}))
		t.Cleanup(app.Close)
		testSigned(t, webserver.ApacheEvent, strings.TrimPrefix(app.URL, "http://"))
	})
}

// testSigned runs both tables with an app, one case after the other.
func testSigned(t *testing.T, kind webserver.Kind, app string) {
	s := newSite(t, kind, "")
	protect(t, s, s.folder[1:]+"/private", signedUser, signedPassword)
	upstream := func(addr, settings string) {
		s.WriteFile(t, s.folder[1:]+"/.htcgiproxy", fmt.Sprintf("CGIPROXY_UPSTREAM=%s\nCGIPROXY_SECRET='%s'\n%s\n", addr, signedSecret, settings), 0o600)
	}
	send := func(t *testing.T, request, want string) {
		t.Helper()
		request = strings.Replace(request, "{}", "Host: {host}\r\nConnection: close\r\n\r\n", 1)
		checkSigned(t, s.Addr, exchangeCase{}.fill(&s, app, request, ""), want)
	}
	for _, c := range signedCases {
		t.Run(c.name, func(t *testing.T) {
			upstream(app, c.settings)
			send(t, c.request, c.want)
		})
	}
	eavesdropper := newRecorder(t, func(conn net.Conn, _ received) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nuser=")
	})
	upstream(eavesdropper.addr, "")
	for _, c := range strangerCases {
		t.Run("stranger/"+c.name, func(t *testing.T) {
			send(t, signedAsUser, trusted)
			r := eavesdropper.request(t)
			c.change(&r)
			sendDirectly(t, app, r, c.want)
		})
	}
}

// sendDirectly sends a request to an app, past proxy.cgi.
func sendDirectly(t *testing.T, app string, r received, want string) {
	t.Helper()
	checkSigned(t, app, r.line+"\r\n"+strings.Join(r.lines, "\r\n")+"\r\n\r\n", want)
}

func checkSigned(t *testing.T, addr, request, want string) {
	t.Helper()
	got := visit(t, addr, request)
	response := fmt.Sprintf("%d %s", got.StatusCode, strings.TrimSpace(got.body))
	if response != want || got.err != nil {
		t.Errorf("%.1000q:\n got %.300q %v\nwant %q", request, response, got.err, want)
	}
}
