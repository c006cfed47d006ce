package e2e

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/htaccess"
)

// What the web server has refused never reaches the app, whatever page the host
// shows for it: that page is a request to proxy.cgi as well.

// errorDocuments are what hosts set, with pages that are not there.
const errorDocuments = `
ErrorDocument 401 /401.shtml
ErrorDocument 403 /403.shtml
ErrorDocument 404 /404.shtml
ErrorDocument 500 /500.shtml
`

// textDocuments need no internal redirect.
var textDocuments = regexp.MustCompile(`/...\.shtml`).ReplaceAllString(errorDocuments, `"No."`)

// statusCondition is the line of htaccess.example that leaves such a page to
// Apache.
const statusCondition = htaccess.StatusCondition

const (
	login    = "Authorization: Basic bWU6cHc=\r\n"     // me:pw
	badLogin = "Authorization: Basic bWU6d3Jvbmc=\r\n" // me:wrong
)

// refusedCases are requests to a site whose folder admin/ asks for a password,
// and whose .htaccess has the lines of refusedRules.
var refusedCases = []struct{ name, request, status, asks string }{
	{"wrong password", "GET {site}/admin/x HTTP/1.1\r\n" + badLogin, "401", ""},
	{"no password", "GET {site}/admin/x HTTP/1.1\r\n", "401", ""},
	{"the folder itself", "GET {site}/admin/ HTTP/1.1\r\n" + badLogin, "401", ""},
	{"POST", "POST {site}/admin/x HTTP/1.1\r\nContent-Length: 5\r\n" + badLogin, "401", ""},
	{"HEAD", "HEAD {site}/admin/x HTTP/1.1\r\n" + badLogin, "401", ""},
	{"right password", "GET {site}/admin/x HTTP/1.1\r\n" + login, "200", "GET {site}/admin/x me"},
	{"right password, POST", "POST {site}/admin/x HTTP/1.1\r\nContent-Length: 5\r\n" + login, "200", "POST {site}/admin/x me"},
	{"wrong password, script named", "GET {site}/{script}/admin/x HTTP/1.1\r\n" + badLogin, "401", ""},
	{"no password, script named", "GET {site}//{script}//admin/x HTTP/1.1\r\n", "401", ""},
	{"right password, script named", "GET {site}/{script}/admin/x HTTP/1.1\r\n" + login, "200", "GET {site}/admin/x me"},
	{"a rule that forbids, script named", "GET {site}/{script}/forbidden/x HTTP/1.1\r\n", "403", ""},
	{"an address that is not let in, script named", "GET {site}/{script}/inside?x HTTP/1.1\r\n", "403", ""},
	{"a rule that forbids", "GET {site}/forbidden/x HTTP/1.1\r\n", "403", ""},
	{"a rule that forbids, POST", "POST {site}/forbidden/x HTTP/1.1\r\nContent-Length: 5\r\n", "403", ""},
	{"an address that is not let in", "GET {site}/inside?x HTTP/1.1\r\n", "403", ""},
	{"a file that is not let out", "GET {site}/secret.txt HTTP/1.1\r\n", "403", ""},
	{"a rule that says gone", "GET {site}/gone/x HTTP/1.1\r\n", "410", ""},
	{".htaccess", "GET {site}/.htaccess HTTP/1.1\r\n", "403", ""},
	{".htcgiproxy", "GET {site}/.htcgiproxy HTTP/1.1\r\n", "403", ""},
	{"behind the script", "GET {site}/{script}/admin/x HTTP/1.1\r\n", "401", ""},
	{"behind the script, POST", "POST {site}/{script}/admin/x HTTP/1.1\r\nContent-Length: 5\r\n", "401", ""},
	{"behind the script, nothing", "GET {site}/{script}/ HTTP/1.1\r\n", "200", "GET {site}/ "},
	{"behind the script, a file", "GET {site}/{script}/secret.txt HTTP/1.1\r\n", "403", ""},
	{"behind the other script", "GET {site}/proxy.fcgi/admin/x HTTP/1.1\r\n", "401", ""},
	{"behind the script, encoded", "GET {site}/proxy%2E{extension}/admin/x HTTP/1.1\r\n", "401", ""},
	{"behind the script, all encoded", "GET {site}/%70%72oxy.%63gi/forbidden/x HTTP/1.1\r\n", "403", ""},
	{"behind the script, slashes doubled", "GET {site}//{script}//admin/x HTTP/1.1\r\n", "401", ""},
	{"behind the script, slashes doubled behind it", "GET {site}/{script}//forbidden/x HTTP/1.1\r\n", "403", ""},
	{"behind the script, by way of another folder", "GET {site}/admin/../{script}/admin/x HTTP/1.1\r\n", "401", ""},
	{"behind the script, a dot before it", "GET {site}/./{script}/./forbidden/x HTTP/1.1\r\n", "403", ""},
	{"behind the script, back from it", "GET {site}/{script}/../admin/x HTTP/1.1\r\n" + badLogin, "401", ""},
	{"behind the script, a parameter", "GET {site}/{script};x/inside HTTP/1.1\r\n", "403", ""},
	{"behind the script, dot segments encoded twice", "GET {site}/{script}/forbidden/%252e%252e/%252e%252e/open HTTP/1.1\r\n", "403", ""},
	{"behind the script, a rule's end encoded twice", "GET {site}/{script}/inside%2525 HTTP/1.1\r\n", "403", ""},
	{"behind the script, number sign", "GET {site}/{script}/x%23.secret HTTP/1.1\r\n", "403", ""},
	{"behind the script, question mark", "GET {site}/{script}/x%3F.secret HTTP/1.1\r\n", "403", ""},
	{"behind the script, line end", "GET {site}/{script}/forbidden/x%0Ay HTTP/1.1\r\n", "403", ""},
	{"behind the script, line end at the end", "GET {site}/{script}/x%0A HTTP/1.1\r\n", "403", ""},
	{"behind the script, mailto", "GET {site}/{script}/mailto:x HTTP/1.1\r\n", "403", ""},
	{"behind the script, news", "GET {site}/{script}/news:x HTTP/1.1\r\n", "403", ""},
	{"behind the script, a colon further down", "GET {site}/{script}/a/b:c HTTP/1.1\r\n", "200", "GET {site}/a/b:c "},
	{"behind the script, encoded slash", "GET {site}/{script}%2Fadmin/x HTTP/1.1\r\n", "404", ""},
	{"encoded slash", "GET {site}/a%2Fb HTTP/1.1\r\n", "404", ""},
	{"a broken .htaccess", "GET {site}/broken/x HTTP/1.1\r\n", "500", ""},
	{"the app's own 401", "GET {site}/401 HTTP/1.1\r\n", "401", "GET {site}/401 "},
	{"the app's own 403", "GET {site}/403 HTTP/1.1\r\n", "403", "GET {site}/403 "},
	{"the app's own 404", "GET {site}/404 HTTP/1.1\r\n", "404", "GET {site}/404 "},
	{"the app's own 500", "GET {site}/500 HTTP/1.1\r\n", "500", "GET {site}/500 "},
	{"the app's own 503", "GET {site}/503 HTTP/1.1\r\n", "503", "GET {site}/503 "},
}

const refusedRules = `
RewriteEngine On
RewriteRule ^forbidden - [F]
RewriteRule ^gone - [G]
<Files "secret.txt">
  Require all denied
</Files>
<If "%{REQUEST_URI} =~ m#/inside#">
  Require ip 192.0.2.1
</If>
`

// TestRefused has htaccess.example and its variants, and without the line that keeps
// the error's page from proxy.cgi, so that only the program itself is left.
func TestRefused(t *testing.T) {
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, webserver.ApachePrefork, webserver.ApacheSuexec, webserver.ApacheFcgid} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, kind, webserver.Options{Config: errorDocuments + "ErrorDocument 410 \"This is gone.\"\n"})
			rules := exampleFor(t, kind)
			if !strings.Contains(rules, statusCondition) {
				t.Fatalf("htaccess.example has no line %q", statusCondition)
			}
			for _, script := range []string{"proxy.cgi", "proxy.fcgi"} {
				s.Install(t, script, binary)
				s.Install(t, "sub/"+script, binary)
			}
			alone := strings.ReplaceAll(rules, statusCondition, "")
			for _, c := range []struct{ name, folder, rules string }{
				{"example", "", rules},
				{"example in a folder", "/sub", rules},
				{"only public", "/sub", publicExample(t)},
				{"FastCGI or CGI", "/sub", fastCGIExample(t)},
				{"both", "/sub", hybridExample(t)},
				{"program alone", "", alone},
				{"program alone in a folder", "/sub", alone}, // the error's page is the document root's
				{"pages as text", "/sub", alone + textDocuments},
				{"program named as the page", "/sub", alone + "ErrorDocument 401 /sub/" + scriptName(kind) + "\n"},
			} {
				t.Run(c.name, func(t *testing.T) { testRefused(t, site{s, c.folder, s.ErrorLog}, c.rules) })
				if strings.Contains(c.rules, statusCondition) && strings.Contains(s.ErrorLog(), "the web server itself refused") {
					t.Errorf("%s: the page of an error was left to proxy.cgi", c.name)
				}
			}
		})
	}
}

func testRefused(t *testing.T, s site, rules string) {
	app := refusedApp(t)
	folder := strings.TrimPrefix(s.folder+"/", "/")
	s.WriteFile(t, folder+".htcgiproxy", "CGIPROXY_UPSTREAM="+app.addr+"\n", 0o600)
	s.WriteFile(t, folder+".htaccess", refusedRules+rules, 0o644)
	s.WriteFile(t, folder+"broken/.htaccess", "NoSuchDirective\n", 0o644)
	protect(t, s, folder+"admin", "me", "pw")
	for _, c := range refusedCases {
		t.Run(c.name, func(t *testing.T) {
			script := scriptName(s.Kind)
			request := strings.NewReplacer("{site}", s.folder, "{script}", script, "{extension}", filepath.Ext(script)[1:]).Replace(c.request) + "Host: " + s.Addr + "\r\nConnection: close\r\n\r\n"
			if strings.HasPrefix(c.request, "POST") {
				request += "12345"
			}
			checkRefused(t, s, app, request, c.status, strings.ReplaceAll(c.asks, "{site}", s.folder))
		})
	}
}

// TestRefusedAndLedOn has a script for the page of an error, which leads to a page of
// the app by a redirect within the server (RFC 3875, section 6.2.2). Of the redirects
// before the last one suEXEC says nothing.
func TestRefusedAndLedOn(t *testing.T) {
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, webserver.ApacheSuexec} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := site{Server: webserver.Run(t, kind, webserver.Options{Config: "ErrorDocument 401 /error.cgi\n"})}
			app := refusedApp(t)
			s.Install(t, "proxy.cgi", binary)
			s.WriteFile(t, "error.cgi", "#!/bin/sh\necho 'Status: 200 OK'\necho 'Location: /login'\necho\n", 0o755)
			s.WriteFile(t, ".htcgiproxy", "CGIPROXY_UPSTREAM="+app.addr+"\n", 0o600)
			s.WriteFile(t, ".htaccess", "<Files error.cgi>\nSetHandler cgi-script\n</Files>\n"+example(t), 0o644)
			protect(t, s, "admin", "me", "pw")
			host := "Host: " + s.Addr + "\r\nConnection: close\r\n\r\n"
			checkRefused(t, s, app, "GET /admin/x HTTP/1.1\r\n"+host, "404", "")
			checkRefused(t, s, app, "GET /admin/x HTTP/1.1\r\n"+login+host, "200", "GET /admin/x me")
		})
	}
}

// checkRefused sends a request and compares what the app was asked.
func checkRefused(t *testing.T, s site, app *recorder, request, status, asks string) {
	t.Helper()
	got := visit(t, s.Addr, request)
	if got.Status[:3] != status {
		t.Errorf("%s, want %s; body %.300q", got.Status, status, got.body)
	}
	var asked string
	select {
	case r := <-app.got:
		method, rest, _ := strings.Cut(r.line, " ")
		target, _, _ := strings.Cut(rest, " ")
		asked = method + " " + target + " " + r.header.Get("X-Forwarded-User")
	default:
	}
	if asked != asks {
		t.Errorf("the app was asked %q, want %q", asked, asks)
	}
	if asks == "" && status == "401" && got.Header.Get("WWW-Authenticate") != `Basic realm="private"` {
		t.Errorf("WWW-Authenticate %q", got.Header["Www-Authenticate"])
	}
	if want := "the app's own page"; asks != "" && got.body != want {
		t.Errorf("got the page %.300q, want %q", got.body, want)
	}
	if len(app.got) > 0 {
		t.Errorf("the app was asked again: %+v", <-app.got)
	}
}

// refusedApp answers /401 with 401 and so on.
func refusedApp(t *testing.T) *recorder {
	return newRecorder(t, func(conn net.Conn, r received) {
		status := 200
		_, target, _ := strings.Cut(r.line, " ")
		target, _, _ = strings.Cut(target, " ")
		fmt.Sscanf(target[strings.LastIndexByte(target, '/')+1:], "%d", &status)
		fmt.Fprintf(conn, "HTTP/1.1 %d X\r\nContent-Length: 18\r\n\r\n", status)
		io.WriteString(conn, "the app's own page")
	})
}

// protect lets only one user into a folder of the document root.
func protect(t *testing.T, s site, folder, user, password string) {
	t.Helper()
	s.WriteFile(t, folder+"/.htpasswd", passwords(user, password), 0o644)
	s.WriteFile(t, folder+"/.htaccess", fmt.Sprintf("AuthType Basic\nAuthName private\nAuthUserFile %q\nRequire valid-user\n",
		filepath.Join(s.Root, folder, ".htpasswd")), 0o644)
}

// passwords returns a file of one user.
func passwords(user, password string) string {
	hash := sha1.Sum([]byte(password))
	return user + ":{SHA}" + base64.StdEncoding.EncodeToString(hash[:]) + "\n"
}

// TestRefusedElsewhere has servers without .htaccess, with a page of an error
// that their own rule sends to proxy.cgi. lighttpd tells by itself, nginx as
// MANUAL says.
func TestRefusedElsewhere(t *testing.T) {
	const errorHandler = "server.error-handler = \"/error\"\n$HTTP[\"url\"] =~ \"^/admin/\" { url.access-deny = (\"\") }\n"
	const errorPage = "error_page 403 /error;\nlocation /admin/ { deny all; }\n"
	for _, c := range []struct {
		kind   webserver.Kind
		config string
	}{
		{webserver.LighttpdCGI, errorHandler},
		{webserver.LighttpdFastCGI, errorHandler},
		{webserver.NginxFcgiwrap, errorPage},
		{webserver.NginxFastCGI, errorPage},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			o := webserver.Options{Config: c.config}
			if c.kind == webserver.LighttpdFastCGI {
				o.Program = binary
			}
			s := site{Server: webserver.Run(t, c.kind, o)}
			app := refusedApp(t)
			s.WriteFile(t, ".htcgiproxy", "CGIPROXY_UPSTREAM="+app.addr+"\n", 0o600)
			switch c.kind {
			case webserver.NginxFastCGI:
				s.Install(t, "proxy.fcgi", binary)
				s.Spawn(t, "proxy.fcgi")
			case webserver.LighttpdCGI, webserver.NginxFcgiwrap:
				s.Install(t, "proxy.cgi", binary)
			}
			host := "Host: " + s.Addr + "\r\nConnection: close\r\n\r\n"
			for _, c := range []struct{ name, request, status, asks string }{
				{"refused", "GET /admin/x HTTP/1.1\r\n" + host, "403", ""},
				{"refused, POST", "POST /admin/x HTTP/1.1\r\nContent-Length: 5\r\n" + host + "12345", "403", ""},
				{"a name that nobody proved", "GET /x HTTP/1.1\r\n" + login + host, "200", "GET /x "},
				{"the app's own 403", "GET /403 HTTP/1.1\r\n" + host, "403", "GET /403 "},
			} {
				t.Run(c.name, func(t *testing.T) { checkRefused(t, s, app, c.request, c.status, c.asks) })
			}
		})
	}
}

// TestRewrittenRoot has a document root that is rewritten into a folder, as
// hosts with one account for several sites do it: the internal redirect to
// ours is no error's.
func TestRewrittenRoot(t *testing.T) {
	s := site{Server: webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: errorDocuments})}
	app := refusedApp(t)
	s.WriteFile(t, ".htaccess", "RewriteEngine On\nRewriteCond %{REQUEST_URI} !^/sub/\nRewriteRule ^(.*)$ sub/$1 [L]\n", 0o644)
	s.Install(t, "sub/proxy.cgi", binary)
	s.WriteFile(t, "sub/.htcgiproxy", "CGIPROXY_UPSTREAM="+app.addr+"\n", 0o600)
	s.WriteFile(t, "sub/.htaccess", example(t), 0o644)
	checkRefused(t, s, app, "GET /a/b?c HTTP/1.1\r\nHost: "+s.Addr+"\r\nConnection: close\r\n\r\n", "200", "GET /a/b?c ")
}
