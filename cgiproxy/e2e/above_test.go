package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/htaccess"
)

// rulesAbove stand above ours, as installing leaves them: a redirect that leaves out
// what is asked for by other programs, and lines of a firewall list (7G). All have
// MANUAL's line.
const rulesAbove = `RewriteEngine On
BUT
RewriteCond %{HTTP_HOST} .
RewriteRule ^(closed/.*|.*\.f?cgi)$ - [F]
BUT
RewriteCond %{HTTPS} off
RewriteCond %{REQUEST_URI} !^/(sub/)?(public/)?(api|assets|style|proxy\.f?cgi/)
RewriteRule ^ https://site.test%{REQUEST_URI} [R=301,L]
BUT
RewriteCond %{REQUEST_URI} (\.)(ab4|cfml?|f?cgi|conf\b)$ [NC]
RewriteRule .* - [F]
`

// TestRulesAbove has them see the visitor's URL, and none that Apache goes on with.
func TestRulesAbove(t *testing.T) {
	app := tellTarget(t)
	above := strings.ReplaceAll(rulesAbove, "BUT", manualBlock(t, "<!-- but for proxy.cgi -->"))
	for _, c := range []struct {
		kind webserver.Kind
		htaccess.Variant
	}{
		{webserver.ApacheEvent, htaccess.Variant{}},
		{webserver.ApacheSuexec, htaccess.Variant{}},
		{webserver.ApacheFcgid, htaccess.Variant{Scripts: htaccess.FastCGI}},
		{webserver.ApacheFcgid, htaccess.Variant{Scripts: htaccess.Both}},
		{webserver.ApacheEvent, htaccess.Variant{PublicOnly: true}},
	} {
		t.Run(fmt.Sprintf("%s/%+v", c.kind, c.Variant), func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, c.kind, webserver.Options{})
			for _, folder := range []string{"", "sub/"} {
				fillSite(t, s, folder, above+variant(t, c.Variant), app, c.Scripts.Names()...)
				routes := []route{
					{"POST /api/hook?a", "POST {site}/api/hook?a"},
					{"GET /api/hook", "GET {site}/api/hook"},
					{"GET /assets", "GET {site}/assets"},
					{"GET /other", "301 https://site.test{site}/other"},
					{"GET /api/x.conf", ""},
					{"GET /closed/x", ""},
					{"GET /api/../closed/", ""},
					{"GET /{script}/closed/x", ""},
					{"GET /closed/{script}", ""},
					{"GET /{script}", ""},
					{"GET /{script}/closed/{script}", ""},
					{"GET /{script}/api/x", "GET {site}/api/x"},
				}
				if !c.PublicOnly {
					routes = append(routes, route{"GET /style.css", "static style"})
				}
				checkRoutes(t, s, "/"+folder, c.Scripts.Names()[0], routes)
			}
		})
	}
}

// TestHTTPSByRule has a rule above say that the visitor came by https, as hosts with a
// proxy in front are told to.
func TestHTTPSByRule(t *testing.T) {
	const rules = "RewriteEngine On\nRewriteCond %{HTTP:X-Forwarded-Proto} =https\nRewriteRule .* - [E=HTTPS:on]\n"
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, webserver.ApacheSuexec, fcgid} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			app := newRecorder(t, func(conn net.Conn, _ received) { io.WriteString(conn, plainResponse) })
			s := webserver.Run(t, kind, webserver.Options{})
			script := scriptName(kind)
			lines := example(t)
			if kind == fcgid {
				lines = fastCGIExample(t)
			}
			fillSite(t, s, "", rules+lines, app.addr, script)
			for _, r := range []struct{ field, want string }{
				{"X-Forwarded-Proto: https\r\n", "https"}, {"", "http"}, {"REDIRECT_HTTPS: on\r\nHTTPS: on\r\n", "http"},
			} {
				visit(t, s.Addr, "GET /page HTTP/1.1\r\nHost: "+s.Addr+"\r\n"+r.field+"Connection: close\r\n\r\n")
				if got := app.request(t).header.Get("X-Forwarded-Proto"); got != r.want {
					t.Errorf("with %q the app is told of %q, want %q", r.field, got, r.want)
				}
			}
		})
	}
}
