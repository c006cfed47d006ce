package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/htaccess"
)

// TestOpenPath has a password for all but one path, by MANUAL's lines.
func TestOpenPath(t *testing.T) {
	for _, c := range []struct {
		kind    webserver.Kind
		scripts htaccess.Scripts
	}{
		{webserver.ApacheEvent, htaccess.CGI},
		{webserver.ApacheSuexec, htaccess.CGI},
		{webserver.ApacheFcgid, htaccess.Both},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			s := site{Server: webserver.Run(t, c.kind, webserver.Options{})}
			app := refusedApp(t)
			lines := strings.Replace(manualBlock(t, "<!-- a path without a password -->"), "/home/me/.htpasswd", filepath.Join(s.Root, ".htpasswd"), 1)
			s.WriteFile(t, ".htpasswd", passwords("me", "pw"), 0o644)
			fillSite(t, s.Server, "", lines+variant(t, htaccess.Variant{Scripts: c.scripts}), app.addr, c.scripts.Names()...)
			for _, r := range []struct{ request, fields, status, asks string }{
				{"GET /page", "", "401", ""},
				{"GET /page", badLogin, "401", ""},
				{"GET /page", login, "200", "GET /page me"},
				{"GET /api/hook", "", "200", "GET /api/hook "},
				{"POST /api/hook?x", "", "200", "POST /api/hook?x "},
				{"GET /API/hook", "", "401", ""},
				{"GET /api", "", "401", ""},
				{"GET /api/../page", "", "401", ""},
				{"GET /api/%2e%2e/page", "", "401", ""},
				{"GET /proxy.cgi/api/hook", "", "401", ""},
				{"GET /page", "REDIRECT_open: 1\r\nopen: 1\r\n", "401", ""},
			} {
				t.Run(r.request+" "+r.fields, func(t *testing.T) {
					checkRefused(t, s, app, r.request+" HTTP/1.1\r\n"+r.fields+"Host: "+s.Addr+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", r.status, r.asks)
				})
			}
		})
	}
}
