package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/htaccess"
)

// A route is a request to a site with the files of siteFiles. In its texts
// {site} is the folder of the site.
type route struct {
	request string
	want    string // the page: "static ..." or "301 ..." from Apache, "" for a refusal, or what tellTarget says
}

// siteFiles are in the folder of the site beside .htaccess and proxy.cgi, some
// named like routes of the app.
var siteFiles = map[string]string{
	"style.css":                        "static style",
	"index.html":                       "static index",
	"api.json":                         "static api",
	"about.html":                       "static about",
	"assets/app.js":                    "static script",
	"app.py":                           "static source",
	".env":                             "static SECRET=1",
	".git/config":                      "static remote",
	"node_modules/.cache/x":            "static cache",
	".well-known/acme-challenge/token": "static token",
	".well-known/cpanel-dcv/token":     "static token",
	".well-known/rest":                 "static rest",
	"blog/.htaccess":                   "RewriteEngine On\nRewriteRule . index.html\n",
	"blog/index.html":                  "static blog",
	"news/.htaccess":                   "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteCond %{REQUEST_FILENAME} !-d\nRewriteRule . index.html [L]\n", // WordPress
	"news/index.html":                  "static news",
	"news/wp-admin/index.html":         "static admin",
	"news/wp-content/uploads/a.png":    "static upload",
	"public/logo.png":                  "static logo",
	"public/a b/ü+&.txt":               "static odd name",
	"public/.env":                      "static SECRET=2",
	"public/.well-known/x":             "static known",
	"public/docs/index.html":           "static docs",
}

// anyRoutes hold in each variant.
var anyRoutes = []route{
	{"GET /", "GET {site}/"},
	{"POST /", "POST {site}/"},
	{"GET ?x", "GET {site}?x"},
	{"POST ", "POST {site}"},
	{"GET /page?a=b", "GET {site}/page?a=b"},
	{"GET /assets", "GET {site}/assets"},
	{"POST /assets", "POST {site}/assets"},
	{"PUT /assets/", "PUT {site}/assets/"},
	{"PROPFIND /assets", "PROPFIND {site}/assets"},
	{"DELETE /assets/x/y", "DELETE {site}/assets/x/y"},
	{"POST /public", "POST {site}/public"},
	{"GET /public/docs", "GET {site}/public/docs"},
	{"GET /public/docs/", "GET {site}/public/docs/"},
	{"GET /api/users", "GET {site}/api/users"},
	{"POST /about", "POST {site}/about"},
	{"GET /about", "GET {site}/about"},
	{"GET /a%3Fb%23c%25d%2520e", "GET {site}/a%3Fb%23c%25d%2520e"},
	{"GET /.env", "GET {site}/.env"},
	{"GET /.git", "GET {site}/.git"},
	{"GET /.git/config", "GET {site}/.git/config"},
	{"GET /.git%2Fconfig", "GET {site}/.git%2Fconfig"},
	{"GET /%2Eenv", "GET {site}/%2Eenv"},
	{"GET //.env", "GET {site}//.env"},
	{"GET /node_modules/.cache/x", "GET {site}/node_modules/.cache/x"},
	{"GET /.well-known/openid-configuration", "GET {site}/.well-known/openid-configuration"},
	{"GET /.well-knownx", "GET {site}/.well-knownx"},
	{"GET /blog", "301 /blog/"},
	{"GET /blog/x", "static blog"},
	{"GET /news", "301 /news/"},
	{"GET /news/post", "static news"},
	{"GET /news/wp-admin", "301 /news/wp-admin/"},
	{"GET /news/wp-admin/", "static admin"},
	{"GET /news/wp-content/uploads", "301 /news/wp-content/uploads/"},
	{"GET /.htaccess", ""},
	{"GET /.htcgiproxy", ""},
	{"GET /assets/.htpasswd", ""},
	{"GET /{script}", "GET {site}/"},
	{"POST /{script}/", "POST {site}/"},
	{"GET /{script}/a%20b//c?e", "GET {site}/a%20b//c?e"},
	{"GET /{script}/.env", "GET {site}/.env"},
	{"GET /{script}/.htaccess", ""},
	{"GET /{script}/assets", "GET {site}/assets"},
	{"GET /error_log", ""},
	{"GET /error_log/x", ""}, // with AcceptPathInfo On a path behind a file is none
}

// folderRoutes hold where all files of the folder are static.
var folderRoutes = []route{
	{"GET /style.css", "static style"},
	{"GET /index.html", "static index"},
	{"GET /api.json", "static api"},
	{"GET /assets/app.js", "static script"},
	{"GET /app.py", "static source"},
	{"GET /.well-known/acme-challenge/token", "static token"},
	{"GET /.well-known/rest", "static rest"},
	{"GET /public/logo.png", "static logo"},
	{"GET /public/.env", "GET {site}/public/.env"},
	{"GET /docs/", "GET {site}/docs/"},
}

// publicRoutes hold where only those of public/ are.
var publicRoutes = []route{
	{"GET /logo.png", "static logo"},
	{"GET /logo.png?v=1", "static logo"},
	{"GET /a%20b/%C3%BC+&.txt", "static odd name"},
	{"GET /.well-known/x", "static known"},
	{"GET /docs", "GET {site}/docs"},
	{"POST /docs/", "POST {site}/docs/"},
	{"GET /logo.png/edit", "GET {site}/logo.png/edit"},
	{"GET /public/.env", "GET {site}/public/.env"},
	{"GET /style.css", "GET {site}/style.css"},
	{"GET /index.html", "GET {site}/index.html"},
	{"GET /app.py", "GET {site}/app.py"},
	{"GET /app%2Epy", "GET {site}/app%2Epy"},
	{"GET /api.json", "GET {site}/api.json"},
	{"GET /assets/app.js", "GET {site}/assets/app.js"},
	{"GET /.well-known/acme-challenge/token", "static token"},
	{"GET /.well-known/cpanel-dcv/token", "static token"},
	{"GET /.well-known/acme-challenge/token/x", "GET {site}/.well-known/acme-challenge/token/x"},
	{"GET /.well-known/acme-challenge/other", "GET {site}/.well-known/acme-challenge/other"},
	{"GET /.well-known/rest", "GET {site}/.well-known/rest"},
}

// TestRoutes has htaccess.example and its variants on a host where the folder
// of the site has files and folders of all kinds.
func TestRoutes(t *testing.T) {
	app := tellTarget(t)
	for _, c := range []struct {
		name   string
		kind   webserver.Kind
		rules  string
		script string
		routes []route
	}{
		{"example", webserver.ApacheEvent, example(t), "proxy.cgi", folderRoutes},
		{"example", webserver.ApachePrefork, example(t), "proxy.cgi", folderRoutes},
		{"example", webserver.ApacheSuexec, example(t), "proxy.cgi", folderRoutes},
		{"only public", webserver.ApacheEvent, publicExample(t), "proxy.cgi", publicRoutes},
		{"only public", webserver.ApacheSuexec, publicExample(t), "proxy.cgi", publicRoutes},
		{"FastCGI", webserver.ApacheFcgid, fastCGIExample(t), "proxy.fcgi", folderRoutes},
		{"FastCGI, no module", webserver.ApacheEvent, fastCGIExample(t), "proxy.fcgi", folderRoutes},
		{"both", webserver.ApacheFcgid, hybridExample(t), "proxy.fcgi proxy.cgi", folderRoutes},
		{"both, no module", webserver.ApacheEvent, hybridExample(t), "proxy.fcgi proxy.cgi", folderRoutes},
		{"only public, FastCGI", webserver.ApacheFcgid, variant(t, htaccess.Variant{Scripts: htaccess.FastCGI, PublicOnly: true}), "proxy.fcgi", publicRoutes},
		{"only public, both", webserver.ApacheFcgid, variant(t, htaccess.Variant{Scripts: htaccess.Both, PublicOnly: true}), "proxy.fcgi proxy.cgi", publicRoutes},
	} {
		t.Run(fmt.Sprintf("%s/%s", c.kind, c.name), func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, c.kind, webserver.Options{Config: "AllowEncodedSlashes NoDecode\nAcceptPathInfo On\n" + overriding("All", "FollowSymLinks MultiViews ExecCGI")})
			for _, folder := range []string{"", "sub/"} {
				fillSite(t, s, folder, c.rules, app, strings.Fields(c.script)...)
				t.Run("/"+folder, func(t *testing.T) {
					checkRoutes(t, s, "/"+strings.TrimSuffix(folder, "/"), strings.Fields(c.script)[0], anyRoutes)
					checkRoutes(t, s, "/"+strings.TrimSuffix(folder, "/"), strings.Fields(c.script)[0], c.routes)
				})
			}
		})
	}
}

// overriding is what a host allows a .htaccess, and what it has set itself.
func overriding(allow, options string) string {
	return fmt.Sprintf("<Directory {root}>\nAllowOverride None\nAllowOverride %s\nOptions None\nOptions %s\n</Directory>\n", allow, options)
}

func fillSite(t *testing.T, s *webserver.Server, folder, rules, app string, scripts ...string) {
	t.Helper()
	for _, script := range scripts {
		s.Install(t, folder+script, binary)
	}
	s.WriteFile(t, folder+".htaccess", rules, 0o644)
	s.WriteFile(t, folder+".htcgiproxy", "CGIPROXY_UPSTREAM="+app+"\n", 0o600)
	for name, content := range siteFiles {
		s.WriteFile(t, folder+name, content, 0o644)
	}
}

func checkRoutes(t *testing.T, s *webserver.Server, site, script string, routes []route) {
	t.Helper()
	site = strings.TrimSuffix(site, "/")
	for _, r := range routes {
		method, target, _ := strings.Cut(strings.ReplaceAll(r.request, "{script}", script), " ")
		if site == "" && !strings.HasPrefix(target, "/") {
			continue // a document root has no name without its slash
		}
		got := visit(t, s.Addr, method+" "+site+target+" HTTP/1.1\r\nHost: "+s.Addr+"\r\nAccept: */*\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
		page := got.body
		switch got.StatusCode {
		case http.StatusForbidden:
			page = ""
		case http.StatusMovedPermanently:
			page = "301 " + strings.TrimPrefix(got.Header.Get("Location"), s.URL+site)
		}
		want := strings.ReplaceAll(r.want, "{site}", site)
		if method, _, _ := strings.Cut(r.request, " "); strings.HasPrefix(want, method+" ") {
			want += " abc" // from the app
		}
		if page != want {
			t.Errorf("%s %s: %s %.100q, want %q", method, site+target, got.Status, page, want)
		}
	}
}

// tellTarget starts an app that says what it was asked.
func tellTarget(t *testing.T) (addr string) {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 3)
		n, _ := r.Body.Read(body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body[:n])
	}))
	t.Cleanup(app.Close)
	return strings.TrimPrefix(app.URL, "http://")
}

// TestAllowOverride has the lines of htaccess.example that a host may forbid,
// as its comment tells to leave them out, and what does not work then.
func TestAllowOverride(t *testing.T) {
	const options, exec = "Options -MultiViews\n<If \"true\">\n  Options +SymLinksIfOwnerMatch\n</If>\n", "  Options +ExecCGI\n"
	whole := example(t)
	slash := between(t, whole, "\n<If \"%{REQUEST_URI}", "\n</If>\n")
	onlyExecCGI := strings.Replace(whole, options, "", 1)
	noOptions := strings.Replace(onlyExecCGI, exec, "", 1)
	noSlash := strings.Replace(whole, slash, "", 1)
	app := tellTarget(t)
	for _, c := range []struct {
		name, allow, options string // of the host
		rules                string
		page, folder, views  string // for a page, POST to a folder, and POST to a file's name without .html
		log                  string
	}{
		{"All", "All", "None", whole, "200", "200", "200", ""},
		{"as cPanel has it", "All Options=ExecCGI,Includes,IncludesNOEXEC,Indexes,MultiViews,SymLinksIfOwnerMatch", "FollowSymLinks MultiViews", whole, "200", "200", "200", ""},
		{"no Indexes", "FileInfo Options=ExecCGI,MultiViews,SymLinksIfOwnerMatch", "None", whole, "500", "500", "500", "DirectorySlash not allowed"},
		{"no Indexes, line left out", "FileInfo Options=ExecCGI,MultiViews,SymLinksIfOwnerMatch", "None", noSlash, "200", "301", "200", ""},
		{"Options, which are not all", "FileInfo Indexes Options", "FollowSymLinks", whole, "500", "500", "500", "Option MultiViews not allowed here"},
		{"Options, which are not all, line left out", "FileInfo Indexes Options", "FollowSymLinks", onlyExecCGI, "200", "200", "200", ""},
		{"no Options", "FileInfo Indexes", "ExecCGI FollowSymLinks", whole, "500", "500", "500", "Options not allowed here"},
		{"no Options, lines left out", "FileInfo Indexes", "ExecCGI FollowSymLinks", noOptions, "200", "200", "200", ""},
		{"no Options, and MultiViews", "FileInfo Indexes", "ExecCGI FollowSymLinks MultiViews", noOptions, "200", "200", "static", ""},
		{"no Options, no links", "FileInfo Indexes", "ExecCGI", noOptions, "403", "403", "403", "AH00670"},
		{"only ExecCGI", "FileInfo Indexes Options=ExecCGI", "FollowSymLinks", whole, "500", "500", "500", "Option MultiViews not allowed here"},
		{"only ExecCGI, line left out", "FileInfo Indexes Options=ExecCGI", "FollowSymLinks", onlyExecCGI, "200", "200", "200", ""},
		{"only FileInfo", "FileInfo", "ExecCGI FollowSymLinks", strings.Replace(noOptions, slash, "", 1), "200", "301", "200", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: overriding(c.allow, c.options)})
			fillSite(t, s, "", c.rules, app, "proxy.cgi")
			for _, r := range []struct{ target, want string }{{"/page", c.page}, {"/assets", c.folder}, {"/about", c.views}} {
				got := visit(t, s.Addr, "POST "+r.target+" HTTP/1.1\r\nHost: "+s.Addr+"\r\nAccept: */*\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
				response := got.Status[:3]
				if strings.HasPrefix(got.body, "static") {
					response = "static"
				}
				if response != r.want {
					t.Errorf("POST %s: %s, want %s; %.100q", r.target, response, r.want, got.body)
				}
			}
			if log := s.ErrorLog(); !strings.Contains(log, c.log) {
				t.Errorf("no %q in the log:\n%s", c.log, log)
			}
		})
	}
}
