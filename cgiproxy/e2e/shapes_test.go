package e2e

import (
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A shape is a way to put proxy.cgi on a host, and an exchange that shows
// whether the app's URLs and the public ones fit together.
type shape struct {
	exchangeCase
	public   string // {site}: where the site is for the client
	folder   string // where proxy.cgi is
	htaccess string // in place of htaccess.example
}

// shapesConfig is what a host's own configuration has for the shapes: its
// document root, and folders elsewhere.
const shapesConfig = `
DocumentRoot {root}/site
Alias /aliased {root}/behind-alias
UserDir {root}/homes/*/public_html
SetEnvIf X-Test-TLS 1 HTTPS=on
`

// articleRule is the rewrite file of the article, with the CGI handler.
const articleRule = `
AddHandler cgi-script .cgi
RewriteEngine On
RewriteBase /article/
RewriteRule ^(proxy\.cgi/.*)$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteRule ^(.*)$ proxy.cgi/$1 [L]
`

// ownRule rewrites to another path on purpose.
const ownRule = `
AddHandler cgi-script .cgi
RewriteEngine On
RewriteRule ^blog/(.*)$ proxy.cgi/app/$1 [L,QSA]
`

// movedResponse has every field that holds a URL of the app's.
const movedResponse = "HTTP/1.1 302 Found\r\nLocation: /next?a=b\r\nContent-Location: http://{app}/here\r\nRefresh: 3; url=/later\r\nSet-Cookie: root=1; Path=/\r\nSet-Cookie: deep=1; Path=/deep; Secure\r\nContent-Length: 0\r\n\r\n"

var shapes = []shape{
	{
		public: "", folder: "site", exchangeCase: exchangeCase{name: "document root",
			request: "GET {site}/a%20b//c?d HTTP/1.1\r\n{}", line: "GET /a%20b//c?d HTTP/1.1", without: []string{"X-Forwarded-Prefix"},
			response: movedResponse, status: "302 Found",
			gets: []string{"Location: /next?a=b", "Content-Location: http://{host}/here", "Refresh: 3; url=/later", "Set-Cookie: root=1; Path=/", "Set-Cookie: deep=1; Path=/deep; Secure"}},
	},
	{
		public: "/plain", folder: "site/plain", exchangeCase: exchangeCase{name: "folder that the app knows",
			request: "GET {site}/a?d HTTP/1.1\r\n{}", line: "GET /plain/a?d HTTP/1.1", without: []string{"X-Forwarded-Prefix"},
			response: "HTTP/1.1 302 Found\r\nLocation: /plain/next\r\nSet-Cookie: a=1; Path=/plain\r\nContent-Length: 0\r\n\r\n", status: "302 Found",
			gets: []string{"Location: /plain/next", "Set-Cookie: a=1; Path=/plain"}},
	},
	{
		public: "/stripped/deep", folder: "site/stripped/deep", exchangeCase: exchangeCase{name: "folder stripped, auto", settings: "CGIPROXY_STRIP_PREFIX=auto\n",
			request: "GET {site}/a?d HTTP/1.1\r\n{}", line: "GET /a?d HTTP/1.1", fields: []string{"X-Forwarded-Prefix: {site}"},
			response: movedResponse, status: "302 Found", gets: movedBack},
	},
	{
		public: "/fixed", folder: "site/fixed", exchangeCase: exchangeCase{name: "folder stripped, fixed, without its slash", settings: "CGIPROXY_STRIP_PREFIX=/fixed/\n",
			request: "GET {site}?x HTTP/1.1\r\n{}", line: "GET /?x HTTP/1.1", fields: []string{"X-Forwarded-Prefix: {site}"},
			response: movedResponse, status: "302 Found", gets: movedBack},
	},
	{
		public: "/fixed2", folder: "site/fixed2", exchangeCase: exchangeCase{name: "folder stripped, fixed, at its root", settings: "CGIPROXY_STRIP_PREFIX=/fixed2/\n",
			request: "GET {site}/?x HTTP/1.1\r\n{}", line: "GET /?x HTTP/1.1", fields: []string{"X-Forwarded-Prefix: {site}"},
			response: movedResponse, status: "302 Found", gets: movedBack},
	},
	{
		public: "/knows", folder: "site/knows", exchangeCase: exchangeCase{name: "app that reads X-Forwarded-Prefix", settings: "CGIPROXY_STRIP_PREFIX=auto\n",
			request: "GET {site}/a HTTP/1.1\r\nHost: ex.org\r\nConnection: close\r\n\r\n", line: "GET /a HTTP/1.1",
			response: "HTTP/1.1 302 Found\r\nLocation: http://ex.org/knows/next\r\nSet-Cookie: a=1; Path=/knows/\r\nContent-Length: 0\r\n\r\n", status: "302 Found",
			gets: []string{"Location: http://ex.org/knows/next", "Set-Cookie: a=1; Path=/knows/"}},
	},
	{
		public: "/named/proxy.cgi", folder: "site/named", htaccess: "Options +ExecCGI\nAddHandler cgi-script .cgi\n", exchangeCase: exchangeCase{name: "called by name",
			request: "GET {site}/a%20b?d HTTP/1.1\r\n{}", line: "GET /named/a%20b?d HTTP/1.1"},
	},
	{
		public: "/named2/proxy.cgi", folder: "site/named2", htaccess: "Options +ExecCGI\nAddHandler cgi-script .cgi\n", exchangeCase: exchangeCase{name: "called by name, stripped", settings: "CGIPROXY_STRIP_PREFIX=auto\n",
			request: "GET {site}/a%20b?d HTTP/1.1\r\n{}", line: "GET /a%20b?d HTTP/1.1", fields: []string{"X-Forwarded-Prefix: /named2"}},
	},
	{
		public: "/article", folder: "site/article", htaccess: articleRule, exchangeCase: exchangeCase{name: "the article's rule",
			request: "GET {site}/a%20b//c?d=%3F HTTP/1.1\r\n{}", line: "GET /article/a%20b//c?d=%3F HTTP/1.1"},
	},
	{
		public: "/rewritten", folder: "site/rewritten", htaccess: ownRule, exchangeCase: exchangeCase{name: "a rule of the owner's", settings: "CGIPROXY_USE_PATH_INFO=true\n",
			request: "GET {site}/blog/a%20b?c=d HTTP/1.1\r\n{}", line: "GET /app/a%20b?c=d HTTP/1.1"},
	},
	{
		public: "/aliased", folder: "behind-alias", exchangeCase: exchangeCase{name: "Alias", settings: "CGIPROXY_STRIP_PREFIX=auto\n",
			request: "GET {site}/a?d HTTP/1.1\r\n{}", line: "GET /a?d HTTP/1.1", fields: []string{"X-Forwarded-Prefix: {site}"},
			response: movedResponse, status: "302 Found", gets: movedBack},
	},
	{
		public: "/~bob", folder: "homes/bob/public_html", exchangeCase: exchangeCase{name: "userdir", settings: "CGIPROXY_STRIP_PREFIX=auto\n",
			request: "GET {site}/a?d HTTP/1.1\r\n{}", line: "GET /a?d HTTP/1.1", fields: []string{"X-Forwarded-Prefix: /~bob"},
			response: movedResponse, status: "302 Found", gets: movedBack},
	},
	{
		public: "/~carol", folder: "homes/carol/public_html", exchangeCase: exchangeCase{name: "userdir, tilde encoded", settings: "CGIPROXY_STRIP_PREFIX=auto\n",
			request: "GET /%7Ecarol/a HTTP/1.1\r\n{}", line: "GET /a HTTP/1.1", fields: []string{"X-Forwarded-Prefix: /~carol"}},
	},
	{
		public: "/secure", folder: "site/secure", exchangeCase: exchangeCase{name: "https in front", settings: "CGIPROXY_STRIP_PREFIX=auto\n",
			request: "GET {site}/a HTTP/1.1\r\nX-Test-TLS: 1\r\nHost: ex.org\r\nConnection: close\r\n\r\n", line: "GET /a HTTP/1.1",
			fields:   []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: ex.org"},
			response: "HTTP/1.1 302 Found\r\nLocation: http://{app}/next\r\nContent-Length: 0\r\n\r\n", status: "302 Found", gets: []string{"Location: https://ex.org{site}/next"}},
	},
	{
		public: "/fronted", folder: "site/fronted", exchangeCase: exchangeCase{name: "a trusted proxy in front", settings: "CGIPROXY_STRIP_PREFIX=auto\nCGIPROXY_TRUSTED_PROXIES=127.0.0.1\n",
			request: "GET {site}/a HTTP/1.1\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-Host: ex.org:8443\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /outer\r\n{}", line: "GET /a HTTP/1.1",
			fields:   []string{"X-Forwarded-For: 203.0.113.9, 127.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: ex.org:8443", "X-Forwarded-Port: 8443", "X-Forwarded-Prefix: /outer{site}"},
			response: "HTTP/1.1 302 Found\r\nLocation: http://{app}/next\r\nContent-Length: 0\r\n\r\n", status: "302 Found", gets: []string{"Location: https://ex.org:8443/outer{site}/next"}},
	},
}

// movedBack is what a client must get of movedResponse where a prefix is
// stripped.
var movedBack = []string{
	"Location: {site}/next?a=b", "Content-Location: http://{host}{site}/here", "Refresh: 3; url={site}/later",
	"Set-Cookie: root=1; Path={site}", "Set-Cookie: deep=1; Path={site}/deep; Secure",
}

func TestShapes(t *testing.T) {
	t.Parallel()
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: shapesConfig, Folders: []string{"site"}})
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			app := shape.app(t)
			path := shape.folder + "/"
			htaccess := shape.htaccess
			if htaccess == "" {
				htaccess = example(t)
			}
			s.Install(t, path+"proxy.cgi", binary)
			s.WriteFile(t, path+".htaccess", htaccess, 0o644)
			s.WriteFile(t, path+".htcgiproxy", "CGIPROXY_UPSTREAM="+app.addr+"\n"+shape.settings, 0o600)
			shape.check(t, site{s, shape.public, s.ErrorLog}, app)
		})
	}
}
