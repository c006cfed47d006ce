package e2e

import (
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A namedCase is a request to a server that MANUAL has the lines for, what the
// client gets, and what the app is asked, with the name it is told: "" for
// nothing.
type namedCase struct{ request, status, asks string }

var manualCases = []namedCase{
	{"GET /", "200", "GET / "},
	{"POST /", "200", "POST / "},
	{"GET /page?a=b&c", "200", "GET /page?a=b&c "},
	{"GET /?", "200", "GET /? "},
	{"GET /a%2Fb%20c//d;e?f=%2F", "200", "GET /a%2Fb%20c//d;e?f=%2F "},
	{"PUT /assets", "200", "PUT /assets "},
	{"DELETE /assets/", "200", "DELETE /assets/ "},
	{"PROPFIND /x", "200", "PROPFIND /x "},
	{"GET /.well-known/openid-configuration", "200", "GET /.well-known/openid-configuration "},
	{"GET /403", "403", "GET /403 "},
	{"GET /style.css?x", "200", ""},
	{"GET /assets/app.js", "200", ""},
	{"GET /.well-known/acme-challenge/token", "200", ""},
	{"GET /.htcgiproxy", "403", ""},
	{"GET /%2Ehtcgiproxy", "403", ""},
	{"GET //.htaccess", "403", ""},
	{"GET /.env", "403", ""},
	{"GET /.git/config", "403", ""},
	{"GET /.git", "403", ""},
	{"GET /app.log", "403", ""},
	{"GET /app%2Elog?x", "403", ""},
	{"GET /.cgiproxy/state", "403", ""},
	{"GET /app.logs", "200", "GET /app.logs "},
	{"GET /.well-knownx", "403", ""},
	{"GET /admin/x", "403", ""},
	{"POST /admin/x", "403", ""},
	{"GET /%61dmin/x", "403", ""},
	{"GET //admin/x", "403", ""},
	{"GET /a/../admin/x", "403", ""},
	{"GET /admin%2Fx", "403", ""},
	{"GET /proxy.cgi/admin/x", "403", ""},
	{"POST /proxy.cgi/admin/x", "403", ""},
	{"GET /proxy.cgi/", "403", ""},
	{"GET /proxy.cgi//admin/x", "403", ""},
	{"GET //proxy.cgi/admin/x", "403", ""},
	{"GET /proxy%2Ecgi/admin/x", "403", ""},
	{"GET /proxy.cgi%2Fadmin/x", "403", ""},
	{"GET /x/../proxy.cgi/admin/x", "403", ""},
	{"GET /./proxy.cgi/admin/x", "403", ""},
	{"GET /proxy.cgi/.%2e/admin/x", "403", ""},
	{"GET /proxy.fcgi/admin/x", "403", ""},
	{"GET /%70roxy.fcgi/admin/x", "403", ""},
	{"POST //proxy.fcgi//admin/x", "403", ""},
}

// memberCases are of the location with a password, which only nginx needs.
var memberCases = []namedCase{
	{"GET /members/x?y", "200", "GET /members/x?y me"},
	{"POST /members/", "200", "POST /members/ me"},
	{"GET /members/style.css", "200", "GET /members/style.css me"},
	{"GET /proxy.cgi/members/x", "403", ""},
	{"GET /.htcgiproxy", "403", ""},
}

// TestManualServers has the lines of MANUAL for servers without .htaccess, with
// a location that is closed and a page for that error.
func TestManualServers(t *testing.T) {
	closed := "location ^~ /admin/ { deny all; }\nerror_page 403 /error;\nerror_page 401 /error;\n"
	for _, c := range []struct {
		name, config string
		kind         webserver.Kind
	}{
		{"nginx", closed + nginxLines(t, "<!-- nginx: a password -->"), webserver.NginxFcgiwrap},
		{"lighttpd", "$HTTP[\"url\"] =~ \"^/admin/\" { url.access-deny = (\"\") }\nserver.error-handler = \"/error\"\n", webserver.LighttpdCGI},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := site{Server: webserver.Run(t, c.kind, webserver.Options{
				Rules:  nginxLines(t, "<!-- web server: "+c.name+" -->"),
				Config: c.config,
			})}
			app := refusedApp(t)
			fillSite(t, s.Server, "", "", app.addr, "proxy.cgi")
			s.WriteFile(t, "app.log", "static log", 0o644)
			s.WriteFile(t, ".cgiproxy/state", "static state", 0o644)
			s.WriteFile(t, ".htpasswd", passwords("me", "pw"), 0o644)
			checkNamed(t, s, app, login, manualCases)
			checkRefused(t, s, app, "POST /large HTTP/1.1\r\nHost: "+s.Addr+"\r\nConnection: close\r\nContent-Length: 2097152\r\n\r\n"+strings.Repeat("x", 2<<20), "200", "POST /large ")
			if c.kind == webserver.LighttpdCGI { // its regular expressions do not see these
				s.WriteFile(t, "caf\xe9/.htcgiproxy", "static secret", 0o644)
				checkNamed(t, s, app, login, []namedCase{{"GET /caf%e9/.htcgiproxy", "403", ""}})
				checkNamed(t, s, app, login, []namedCase{{"GET /proxy.cgi/admin/%a0", "400", ""}, {"GET /proxy.cgi/admin/\xa0", "400", ""}})
			}
			if c.kind == webserver.NginxFcgiwrap {
				checkNamed(t, s, app, login, memberCases)
				checkNamed(t, s, app, badLogin, []namedCase{{"GET /members/x", "401", ""}, {"GET /x", "200", "GET /x "}})
				checkNamed(t, s, app, "", []namedCase{{"POST /members/x", "401", ""}})
			}
		})
	}
}

// nginxLines returns a block of MANUAL, with the files of this machine where it
// has those of a host's nginx.
func nginxLines(t *testing.T, marker string) string {
	t.Helper()
	return strings.NewReplacer("include fastcgi_params;", "include /etc/nginx/fastcgi_params;", "unix:/run/fcgiwrap.socket", "unix:{fcgiwrap}",
		"/etc/nginx/members", "{root}/.htpasswd").Replace(manualBlock(t, marker))
}

// checkNamed sends each request with a field that claims a name.
func checkNamed(t *testing.T, s site, app *recorder, claim string, cases []namedCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.request, func(t *testing.T) {
			request := c.request + " HTTP/1.1\r\nHost: " + s.Addr + "\r\nConnection: close\r\n" + claim
			if strings.HasPrefix(c.request, "GET") {
				request += "\r\n"
			} else {
				request += "Content-Length: 5\r\n\r\n12345"
			}
			checkRefused(t, s, app, request, c.status, c.asks)
		})
	}
}
