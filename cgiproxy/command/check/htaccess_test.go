package check

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

const (
	optionsLine = "Options -MultiViews"
	linksOn     = "<If \"true\">\n  Options +SymLinksIfOwnerMatch\n</If>\n"
	execLine    = "  Options +ExecCGI\n"
)

func htaccessTests() []findingTest {
	rules := func(pairs ...string) func(*testSite) { return func(s *testSite) { s.rules(pairs...) } }
	above := func(line string) func(*testSite) {
		return func(s *testSite) { s.write("../.htaccess", line+"\n", 0o644) }
	}
	below := func(line string) func(*testSite) {
		return func(s *testSite) { s.write(".htaccess", example(s.t)+line+"\n", 0o644) }
	}
	return []findingTest{
		{"htaccess", "none", Fault, "listing", func(s *testSite) { s.do(os.Remove(s.path(".htaccess"))) }, "there is no .htaccess"},
		{"htaccess", "another name", Fault, "listing", func(s *testSite) {
			s.do(os.Rename(s.path(".htaccess"), s.path("htaccess.txt")))
		}, "but htaccess.txt"},
		{"lines", "an unknown one", Warning, "500-everywhere", rules("RewriteEngine On", "RewriteEngin On"), "did you mean rewriteengine"},
		{"lines", "for the server alone", Fault, "500-everywhere", rules("RewriteEngine On", "RewriteEngine On\nProxyPass / http://x/"), "proxypass is not allowed"},
		{"lines", "for the server alone, though it looks harmless", Fault, "500-everywhere", rules("RewriteEngine On", "RewriteEngine On\nDeflateCompressionLevel 9"), "deflatecompressionlevel is not allowed"},
		{"lines", "HTTP/2", OK, "", rules("RewriteEngine On", "RewriteEngine On\nH2Push Off"), "Apache knows"},
		{"lines", "an open section", Fault, "500-everywhere", rules("</If>\n<Files", "<Files"), "is not closed"},
		{"lines", "an end too many", Fault, "500-everywhere", rules("RewriteEngine On", "</IfModule>\nRewriteEngine On"), "without <ifmodule>"},
		{"lines", "a byte order mark", Fault, "500-everywhere", rules("# proxy.cgi: copy", "\ufeff# proxy.cgi: copy"), "byte order mark"},
		{"lines", "saved as UTF-16", Fault, "500-everywhere", func(s *testSite) {
			text, err := os.ReadFile(s.path(".htaccess"))
			s.do(err)
			s.write(".htaccess", "\xff\xfe"+strings.Join(strings.Split(string(text), ""), "\x00")+"\x00", 0o644)
		}, "byte order mark"},
		{"lines", "unknown where its module is", OK, "", rules("RewriteEngine On", "<IfModule x>\nNoSuchLine On\n</IfModule>\nRewriteEngine On"), "Apache knows"},
		{"handler", "none", Fault, "download", rules("  SetHandler cgi-script\n", ""), "tells Apache to run proxy.cgi"},
		{"handler", "AddHandler", OK, "", rules("  SetHandler cgi-script\n", "", "RewriteEngine On", "AddHandler cgi-script .cgi\nRewriteEngine On"), "AddHandler"},
		{"exec-cgi", "turned off", Fault, "forbidden", rules(execLine, "", optionsLine, "Options FollowSymLinks"), "ExecCGI is off in this directory"},
		{"exec-cgi", "turned off for all else", OK, "", rules(optionsLine, "Options FollowSymLinks -ExecCGI"), "ExecCGI is on"},
		{"exec-cgi", "on for all", OK, "", rules(execLine, "", optionsLine, "Options +ExecCGI"), "ExecCGI is on"},
		{"exec-cgi", "no line", Warning, "forbidden", rules(execLine, ""), "only where the host does"},
		{"exec-cgi", "on in a section of another pattern", OK, "", rules(optionsLine, optionsLine+" -ExecCGI", "<Files \"proxy.cgi\">\n"+execLine, "<Files *.cgi>\nOptions ExecCGI\n"), "ExecCGI is on"},
		{"exec-cgi", "off in its section", Fault, "forbidden", rules(optionsLine, "Options +ExecCGI +SymLinksIfOwnerMatch", execLine, "  Options -ExecCGI\n"), "ExecCGI off for proxy.cgi"},
		{"exec-cgi", "on in the section of the other program", Fault, "forbidden", func(s *testSite) {
			s.write("proxy.fcgi", smallProgram, 0o755)
			s.rules(optionsLine, optionsLine+" -ExecCGI")
		}, "ExecCGI off for proxy.fcgi"},
		{"handler", "in a section of another pattern", OK, "", rules("<Files \"proxy.cgi\">", "<Files 'proxy.c?i'>"), "proxy.cgi is run: SetHandler"},
		{"exec-cgi", "replaced below, and back in the section", OK, "", rules(execLine, "", optionsLine, "Options +ExecCGI\nOptions None"), "ExecCGI is on"},
		{"exec-cgi", "replaced below, without a section", Fault, "forbidden", rules("<Files \"proxy.cgi\">\n", "", "</Files>\n", "", execLine, "", optionsLine, "Options +ExecCGI\nOptions None"), "ExecCGI is off"},
		{"exec-cgi", "off below, and back in the section", Fault, "forbidden", rules(execLine, "", optionsLine, "Options -ExecCGI\nOptions ExecCGI"), "ExecCGI is off"},
		{"links", "no line", Warning, "links", rules(linksOn, ""), "where the host has it off"},
		{"links", "a line that a host allows", OK, "", rules(linksOn, "", optionsLine, "Options FollowSymLinks"), "links are on"},
		{"links", "turned off", Fault, "links", rules(linksOn, "", optionsLine, "Options ExecCGI"), "AH00670"},
		{"links", "turned off by their names", Fault, "links", rules(linksOn, "", optionsLine, "Options -SymLinksIfOwnerMatch -FollowSymLinks"), "AH00670"},
		{"links", "one kind turned off", Warning, "links", rules(linksOn, "", optionsLine, "Options -SymLinksIfOwnerMatch"), "where the host has it off"},
		{"links", "off below, and on in the section", OK, "", rules("RewriteEngine On", "Options None\nRewriteEngine On"), "links are on"},
		{"links", "off above, and on in the section", OK, "", above("Options -FollowSymLinks -SymLinksIfOwnerMatch"), "links are on"},
		{"links", "off in a section like it below", Fault, "links", rules("RewriteEngine On", "<If \"true\">\nOptions None\n</If>\nRewriteEngine On", optionsLine, "Options None"), "AH00670"},
		{"links", "turned off for a file, where a module is", OK, "", rules(linksOn, "", optionsLine, "Options +SymLinksIfOwnerMatch", "RewriteEngine On", "<Files x>\n<IfModule a>\nOptions None\n</IfModule>\n</Files>\nRewriteEngine On"), "links are on"},
		{"slash", "none", Warning, "slash", rules("  DirectorySlash Off\n", ""), "arrives as GET"},
		{"authorization", "none", Warning, "", rules(`SetEnvIf Authorization "(.+)" HTTP_AUTHORIZATION=$1`, ""), "SetEnvIf Authorization"},
		{"length", "none", Warning, "", rules("SetEnv ap_trust_cgilike_cl 1", ""), "ap_trust_cgilike_cl"},
		{"cache", "none", Warning, "", rules(`SetEnvIf Request_URI "/proxy\.f?cgi$" no-cache`, ""), "mod_cache"},
		{"streams", "none", Warning, "late", rules(`SetEnvIf Accept "text/event-stream" no-gzip no-brotli`, ""), "no-gzip"},
		{"parents", "all denied", Warning, "forbidden", above("Require all denied"), "refuses every page"},
		{"parents", "scripts denied", Warning, "forbidden", above("<FilesMatch \"\\.(cgi|pl)$\">\nRequire all denied\n</FilesMatch>"), "where proxy.cgi is one of the files"},
		{"parents", "all denied where a module is", Warning, "forbidden", above("<IfModule a>\n<IfModule b>\nRequire all denied\n</IfModule>\n</IfModule>"), "refuses every page"},
		{"parents", "a redirect", Warning, "forbidden", above("Redirect 301 / https://example.org/"), "takes /shop/proxy.cgi"},
		{"parents", "a redirect of all in its own file", Warning, "forbidden", below("Redirect 301 / https://example.org/"), "takes /shop/proxy.cgi"},
		{"parents", "a list against scripts", Warning, "forbidden", below("RedirectMatch 403 (?i)\\.(aspx?|bash|cgi)$"), "redirectmatch 403 (?i)\\.(aspx?|bash|cgi)$ takes /shop/proxy.cgi"},
		{"parents", "a redirect of all but one", Warning, "forbidden", below("<IfModule mod_alias.c>\nRedirectMatch ^/(?!(api|img)/)(.*)$ https://example.org/$1\n</IfModule>"), "takes /shop/proxy.cgi"},
		{"parents", "a redirect for a domain of its own", Warning, "forbidden", below("RedirectMatch gone ^/[a-z]+\\.cgi"), "takes /proxy.cgi"},
		{"parents", "rules that go down", Warning, "forbidden", above("RewriteOptions InheritDown"), "count here, too"},
	}
}

func ruleTests() []findingTest {
	rules := func(pairs ...string) func(*testSite) { return func(s *testSite) { s.rules(pairs...) } }
	before := func(lines string) func(*testSite) { return rules("RewriteEngine On", "RewriteEngine On\n"+lines) }
	const wordPress = "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . /index.php [L]"
	return []findingTest{
		{"rewrite", "no rule", Fault, "listing", rules("RewriteRule ^.*$ proxy.cgi [L]", ""), "no RewriteRule"},
		{"rewrite", "off", Fault, "listing", rules("RewriteEngine On", "RewriteEngine Off"), "RewriteEngine On"},
		{"rewrite", "another program", Fault, "apache-404", rules("RewriteRule ^.*$ proxy.cgi [L]", "RewriteRule ^.*$ proxy.fcgi [L]"), "leads to proxy.fcgi"},
		{"rewrite", "a wrong base", Warning, "apache-404", before("RewriteBase /other/"), "RewriteBase /other/"},
		{"rewrite", "the right base", OK, "", before("RewriteBase /shop/"), "are sent to proxy.cgi"},
		{"rule-order", "WordPress", Fault, "apache-404", before(wordPress), "WordPress"},
		{"rule-order", "another rule", Warning, "apache-404", before("RewriteRule ^page - [L]"), "does not reach the app"},
		{"rule-order", "in a section", Warning, "apache-404", before("<If \"true\">\nRewriteRule ^x$ y [L]\n</If>"), "rewriterule in a section <if \"true\"> counts there in place of"},
		{"rule-order", "to https", OK, "", before("RewriteCond %{HTTPS} off\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]"), "no other"},
		{"rule-order", "WordPress below", OK, "", func(s *testSite) { s.write(".htaccess", example(s.t)+wordPress+"\n", 0o644) }, "no other"},
		{"rule-order", "to https, below", Warning, "", func(s *testSite) {
			s.write(".htaccess", example(s.t)+"RewriteCond %{HTTPS} off\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI}\n", 0o644)
		}, "comes after the app's"},
		{"rule-order", "to https without L", Warning, "", before("RewriteCond %{HTTPS} off\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301]\n"), "visitors are led to /proxy.cgi"},
		{"rule-order", "to https but for a path", Warning, "forbidden", before("RewriteCond %{HTTPS} off\nRewriteCond %{REQUEST_URI} !^/api/\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n"), "RewriteCond %{REQUEST_URI} !^/api/ is looked at again for proxy.cgi, which it does not leave out"},
		{"rule-order", "to https but for a path, and the program", OK, "", before("RewriteCond %{ENV:REDIRECT_STATUS} =200\nRewriteRule ^proxy\\.f?cgi$ - [S=1]\nRewriteCond %{HTTPS} off\nRewriteCond %{REQUEST_URI} !^/api/\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n"), "no other rewrite rule"},
		{"rule-order", "to https but for this folder", OK, "", before("RewriteCond %{HTTPS} off\nRewriteCond %{REQUEST_URI} !^/shop/\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n"), "no other rewrite rule"},
		{"rule-order", "to https but for the host's proofs", OK, "", before("RewriteCond %{HTTPS} off\nRewriteCond %{REQUEST_URI} !^/\\.well-known/acme-challenge/[0-9a-zA-Z_-]+$\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n"), "no other rewrite rule"},
		{"rule-order", "a list against scripts", Warning, "forbidden", before("RewriteCond %{REQUEST_URI} (\\.)(ab4|cfml?|cgi)$ [NC]\nRewriteRule .* - [F]\n"), "which it takes: no page reaches the app"},
		{"rule-order", "a fence with its login left out", OK, "", before("RewriteCond %{REMOTE_ADDR} !^203\\.0\\.113\\.7$\nRewriteCond %{REQUEST_URI} !^/admin/login$\nRewriteRule ^admin/ - [F]\n"), "no other rewrite rule"},
		{"rule-order", "a list of several lines", Warning, "forbidden", func(s *testSite) {
			s.write(".htaccess", "RewriteEngine On\nRewriteCond %{REQUEST_URI} ^/private [OR]\nRewriteCond %{REQUEST_URI} (\\.)(ab4|cgi)$ [NC]\nRewriteRule .* - [F]\n"+example(s.t), 0o644)
		}, ".htaccess, line 2"},
		{"rule-order", "a rule against scripts", Warning, "forbidden", before("RewriteRule \\.(cgi|pl)$ - [F]\n"), "which it takes: no page reaches the app"},
		{"rule-order", "a rule against pictures on other sites", OK, "", before("RewriteCond %{HTTP_REFERER} !^https://example.org/ [NC]\nRewriteRule \\.(gif|jpg)$ - [F,NC]\n"), "no other rewrite rule"},
		{"rule-order", "what only Apache can read", OK, "", before("RewriteCond %{REQUEST_URI} !(?>a)\nRewriteRule ^ - [F]\n"), "no other rewrite rule"},
		{"rule-order", "to https, in the folder above", Warning, "", func(s *testSite) {
			s.write("../.htaccess", "RewriteEngine On\nRewriteCond %{HTTPS} off\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\nRewriteRule . /index.php [L]\n", 0o644)
		}, "are not read for this folder"},
		{"rule-order", "to https, in the folder above and here", OK, "", func(s *testSite) {
			const toHTTPS = "RewriteEngine On\nRewriteCond %{HTTPS} off\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n"
			s.write("../.htaccess", toHTTPS, 0o644)
			s.write(".htaccess", toHTTPS+example(s.t), 0o644)
		}, "no other rewrite rule"},
		{"rule-order", "WordPress in the folder above", OK, "", func(s *testSite) {
			s.write("../.htaccess", "RewriteEngine On\nRewriteRule ^index\\.php$ - [L]\nRewriteRule . /index.php [L]\n", 0o644)
		}, "no other rewrite rule"},
		{"rule-order", "a refusal below", Warning, "", func(s *testSite) {
			s.write(".htaccess", example(s.t)+"RewriteRule \\.jpg$ - [NC,F,L]\n", 0o644)
		}, "none of the app's pages"},
		{"error-pages", "no condition", Fault, "refused", func(s *testSite) {
			s.rules("RewriteCond %{ENV:REDIRECT_STATUS}%{ENV:REDIRECT_REDIRECT_STATUS} ^(200)*$\n", "")
			s.write("../.htaccess", "ErrorDocument 403 /no.shtml\n", 0o644)
		}, "REDIRECT_STATUS"},
		{"block", "one that lets Apache read the path twice", Warning, "", rules(`RewriteRule ^proxy\.f?cgi/(.*[?%#[:cntrl:]]|[^/]*:) - [F]`, ""), "which refuses what Apache would read twice"},
		{"block", "without the first condition", Warning, "", rules("RewriteCond %{REQUEST_FILENAME} !-f [OR]\n", ""), "which sends to the app what is no file"},
		{"block", "an older one", Warning, "", rules(`RewriteRule ^proxy\.f?cgi/(.*)$ $1 [L]`, ""), "of another version"},
		{"block", "between a condition and its rule", Fault, "", before("RewriteCond a b\n\n# BEGIN proxy.cgi\n# END proxy.cgi"), "a RewriteCond is for the next RewriteRule, which is one of proxy.cgi's block"},
		{"block", "below a rule with its condition", OK, "", before("RewriteCond %{HTTPS} off\nRewriteRule ^ https://x/ [R]\n# BEGIN proxy.cgi\n# END proxy.cgi"), "are those of this version"},
		{"block", "its beginning goes on a line above", Fault, "", before("Options -Indexes \\\n# BEGIN proxy.cgi\n# END proxy.cgi"), "0 marks of a beginning and 1 of an end"},
		{"block", "half of its marks", Fault, "", before("# BEGIN proxy.cgi"), "1 marks of a beginning and 0 of an end"},
	}
}

func TestParseHtaccess(t *testing.T) {
	h := &rulesFile{path: "x"}
	h.parse("# no\n\nOptions \\\r\n  +A   +B\r\n<Files \"a b\">\n SetHandler x\n</Files>\nLast \\")
	var got []string
	for _, d := range h.directives {
		got = append(got, d.place()+" "+d.name+" "+d.args+" "+strings.Join(d.sections, "|"))
	}
	want := []string{
		"x, line 3 options +A +B ",
		`x, line 5 files "a b"> `,
		`x, line 6 sethandler x files "a b"`,
		`x, line 8 last \ `,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || h.unclosed != nil {
		t.Errorf("got %q and %q, want %q", got, h.unclosed, want)
	}
}

// A .htaccess may be of somebody who wants to keep root's check busy. What is
// allocated grows with it, and not with its square, and so does what is told.
func TestLongHtaccess(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
	}{
		{"one line", strings.Repeat("setenv \\\n", 10000) + "a b", ""},
		{"sections within one another", strings.Repeat("<ifmodule x>\n", 10000), "line 101: more than 100 sections within one another"},
		{"ends of sections", strings.Repeat("</a>\n", 20000), "line 1: </a> without <a>"},
		{"lines that are none", strings.Repeat("x y\n", 20000), "x may be a line that the host does not know"},
		{"a long word", strings.Repeat("x", 100000), "xxx may be a line that the host does not know"},
		{"a long section", "<" + strings.Repeat("x", 100000), "xxx> is not closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			h := &rulesFile{path: "file"}
			h.parse(tt.text)
			all := h.badLines()
			runtime.ReadMemStats(&after)
			if size := after.TotalAlloc - before.TotalAlloc; size > 200*uint64(len(tt.text)) {
				t.Errorf("%d bytes took %d", len(tt.text), size)
			}
			var told strings.Builder
			for _, f := range all {
				told.WriteString(f.Text + "\n")
			}
			if !strings.Contains(told.String(), tt.want) || told.Len() > 10000 {
				t.Errorf("it says %.1000q, want %q and no more than is read", &told, tt.want)
			}
		})
	}
}
