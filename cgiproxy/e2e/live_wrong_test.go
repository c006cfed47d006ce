package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/e2e/webserver"
)

// without returns htaccess.example without the lines that hold a text.
func without(t *testing.T, texts ...string) string {
	t.Helper()
	rules := example(t)
	for _, text := range texts {
		lines := regexp.MustCompile(`(?m)^.*` + regexp.QuoteMeta(text) + `.*\n`)
		if !lines.MatchString(rules) {
			t.Fatalf("no line with %q in htaccess.example", text)
		}
		rules = lines.ReplaceAllString(rules, "")
	}
	return rules
}

// TestLiveCheckHtaccess has what is wrong in the folder of a site on Apache.
func TestLiveCheckHtaccess(t *testing.T) {
	noRules := "RewriteEngine Off\nOptions +ExecCGI\n<Files proxy.cgi>\nSetHandler cgi-script\n</Files>\n"
	rule := func(t *testing.T, line string) string {
		return noRules + "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nSetEnv ap_trust_cgilike_cl 1\n" +
			"SetEnvIf Authorization \"(.+)\" HTTP_AUTHORIZATION=$1\n" + line + "\n"
	}
	plus := func(line string) func(*testing.T) string {
		return func(t *testing.T) string { return example(t) + line + "\n" }
	}
	tests := []struct {
		name, settings string
		rules          func(t *testing.T) string
		change         func(t *testing.T, s site)
		want           findings
	}{
		{name: "no line for Authorization", rules: func(t *testing.T) string { return without(t, "SetEnvIf Authorization") },
			want: findings{"Authorization": "fault: does not arrive"}},
		{name: "another Authorization", rules: plus(`SetEnvIf Authorization "(.+)" HTTP_AUTHORIZATION=x`),
			want: findings{"Authorization": `fault: arrives as "x"`}},
		{name: "no ap_trust_cgilike_cl", rules: func(t *testing.T) string { return without(t, "ap_trust_cgilike_cl") },
			want: findings{"Content-Length": "warning: lost", "HEAD": "warning: no Content-Length", "cut response": "warning: looks whole"}},
		{name: "no handler", rules: func(t *testing.T) string {
			return strings.Replace(example(t), between(t, example(t), "\n<Files \"proxy.cgi\">\n", "\n</Files>\n"), "\n", 1)
		},
			want: findings{"reach": "fault: the file itself was sent: CGI is off"}},
		{name: "no handler and no rules", rules: func(*testing.T) string { return "" },
			want: findings{"reach": "fault: proxy.cgi itself was sent: CGI is off, and requests are not led to it"}},
		{name: "no rules", rules: func(*testing.T) string { return noRules },
			want: findings{"reach": "fault: proxy.cgi runs, but requests are not led to it: 404"}},
		{name: "nothing there", rules: func(*testing.T) string { return noRules }, change: func(t *testing.T, s site) {
			if err := os.Remove(s.Root + s.folder + "/proxy.cgi"); err != nil {
				t.Fatal(err)
			}
		}, want: findings{"reach": "fault: not found: 404 Not Found from Apache"}},
		{name: "by ErrorDocument", rules: func(*testing.T) string { return noRules + "ErrorDocument 404 {site}/proxy.cgi\n" },
			want: findings{"reach": "fault: the web server refuses the request (404)"}},
		{name: "the article's rule", settings: "CGIPROXY_USE_PATH_INFO=true\n", rules: func(t *testing.T) string { return rule(t, "RewriteRule ^(.*)$ proxy.cgi/$1 [L]") },
			want: findings{"path %2F": "fault: arrives as /a%252Fb", "path //": "fault: arrives as /a/b", "path %3F": "warning: refuses it: 403", "path %25": "warning: refuses it: 400"}},
		{name: "a rule that loses the query", settings: "CGIPROXY_USE_PATH_INFO=true\n", rules: func(t *testing.T) string { return rule(t, "RewriteRule ^(.*)$ proxy.cgi/$1? [L]") },
			want: findings{"path %2F": "fault: ", "path //": "fault: ", "path %3F": "warning: ", "path %25": "warning: ", "query": `fault: arrives as ""`}},
		{name: "methods forbidden", rules: plus("<LimitExcept GET POST OPTIONS>\nRequire all denied\n</LimitExcept>"),
			want: findings{"method": "warning: refused: PUT (403 Forbidden), PATCH (403 Forbidden), DELETE (403 Forbidden), PROPFIND (403 Forbidden)"}},
		{name: "uploads bounded", rules: plus("LimitRequestBody 150000"), want: findings{"upload": "fault: 200 KiB are refused: 413"}},
		{name: "all uploads bounded", rules: plus("LimitRequestBody 10000"), want: findings{"upload": "fault: 413", "chunked upload": "warning: 413", "early response": "warning: becomes 413"}},
		{name: "MAX_BODY", settings: "CGIPROXY_MAX_BODY=100000\n", rules: example, want: findings{"upload": "fault: request body over 100000 bytes"}},
		{name: "compressed", rules: func(t *testing.T) string {
			return without(t, "SetOutputFilter BYTERANGE", "no-gzip") + "SetOutputFilter DEFLATE\n"
		}, want: findings{"compression": "ok: the host compresses (gzip)", "cut response": "warning: looks whole", "streaming": "warning: held back", "event stream": "warning: held back"}},
		{name: "compressed, but not event streams", rules: plus("SetOutputFilter DEFLATE"),
			want: findings{"compression": "ok: the host compresses (gzip)", "cut response": "warning: looks whole", "streaming": "warning: held back"}},
		{name: ".ht files served", rules: func(t *testing.T) string {
			return rule(t, "RewriteRule ^.*$ proxy.cgi [L]") + "<Files \".ht*\">\nRequire all granted\n</Files>\n"
		}, want: findings{"private files": "fault: everybody can read .htcgiproxy"}},
		{name: "https claimed", rules: plus("SetEnv HTTPS on"), want: findings{"https": "fault: seen as https, and it is http"}},
		{name: "everybody is a trusted proxy", settings: "CGIPROXY_TRUSTED_PROXIES=0.0.0.0/0\n", rules: example,
			want: findings{"client address": "fault: whoever writes X-Forwarded-For is believed", "forged fields": "warning: X-Forwarded-Host"}},
		{name: "settings that cannot be used", settings: "CGIPROXY_HEADER_TIMEOUT=-1s\n", rules: example, want: findings{"settings": "fault: CGIPROXY_HEADER_TIMEOUT", "app": "ok: not asked"}},
		{name: "a line that is not allowed", rules: plus("NoSuchDirective On"), want: findings{"reach": "fault: the server or proxy.cgi fails: 500"}},
		{name: "not executable", rules: example, change: func(t *testing.T, s site) {
			s.WriteFile(t, s.folder[1:]+"/proxy.cgi", "\x7fELF", 0o644)
		}, want: findings{"reach": "fault: the server or proxy.cgi fails: 500"}},
		{name: "a name and a password", rules: func(t *testing.T) string {
			return example(t) + "AuthType Basic\nAuthName x\nAuthUserFile /dev/null\nRequire valid-user\n"
		}, want: findings{"reach": "fault: the site asks for a name and a password: 401"}},
		{name: "forbidden", rules: plus("Require all denied"), want: findings{"reach": "fault: refused: 403 Forbidden"}},
		{name: "redirected", rules: func(*testing.T) string { return "RedirectMatch 301 .* https://www.example.com/\n" },
			want: findings{"reach": "fault: redirected to https://www.example.com/ (301 Moved Permanently)"}},
		{name: "a page of the host", rules: func(t *testing.T) string { return rule(t, "RewriteRule ^ parked.html [L]") }, change: func(t *testing.T, s site) {
			s.WriteFile(t, s.folder[1:]+"/parked.html", "<html><title>Parked</title>\n<h1>This domain is for sale</h1>", 0o644)
		}, want: findings{"reach": `fault: something else answers: 200 OK from Apache/2.4.71 (Debian), which begins "Parked This domain is for sale"`}},
		{name: "another SECRET", rules: example, change: func(t *testing.T, s site) {
			s.WriteFile(t, s.folder[1:]+"/.htcgiproxy", "CGIPROXY_UPSTREAM=1\nCGIPROXY_SECRET=another\n", 0o600)
		}, want: findings{"reach": "fault: unavailable: 502"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, webserver.ApacheEvent, liveSettings+tt.settings)
			s.WriteFile(t, s.folder[1:]+"/.htaccess", strings.ReplaceAll(tt.rules(t), "{site}", s.folder), 0o644)
			if tt.change != nil {
				tt.change(t, s)
			}
			wantFindings(t, live.Options{URL: s.URL + s.folder, Secret: "hunter2"}, tt.want)
		})
	}
}
