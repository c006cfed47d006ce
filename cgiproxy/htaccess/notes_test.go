package htaccess

import (
	"strings"
	"testing"
)

func TestNotes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"alone", "", ""},
		{"a handler", phpHandler, ""},
		{"a redirect", toHTTPS, ""},
		{"WordPress", wordPress, "WordPress is in this folder"},
		{"a front controller", "RewriteRule ^ index.php [L]\n", "other rewrite rules"},
		{"RewriteBase", "RewriteBase /shop/\n", "RewriteBase /shop/ counts"},
		{"a byte order mark", "\ufeff# mine\n", "a byte order mark is there"},
		{"engine off above", "RewriteEngine Off\n", ""},
		{"engine off below", "RewriteRule ^ index.php [L]\nRewriteEngine off\n", "RewriteEngine Off below"},
		{"rules in a section", "<If \"true\">\nRewriteRule ^x$ y [R]\n</If>\n", "the rewrite lines in <If \"true\"> count there in place"},
		{"the engine in a section", "<FilesMatch \"\\.php$\">\nRewriteEngine On\n</FilesMatch>\n", "count there in place"},
		{"rules in a section for a module", "<IfModule mod_rewrite.c>\nRewriteEngine On\n</IfModule>\n", ""},
		{"rules after a section", "<Files x>\n</Files>\nRewriteEngine On\n", ""},
		{"scripts refused", "<FilesMatch \"\\.(py|cgi)$\">\n  Require all denied\n</FilesMatch>\n", "every page is 403"},
		{"scripts refused as of old", "<Files *.cgi>\nOrder allow,deny\nDeny from all\n</Files>\n", "every page is 403"},
		{"others refused", "<FilesMatch \"\\.(py|pl)$\">\nRequire all denied\n</FilesMatch>\n", ""},
		{"redirects that take the program", "RedirectMatch 403 (?i)\\.(bak|cgi)$\n", "RedirectMatch 403 (?i)\\.(bak|cgi)$ takes the program itself"},
		{"a refusal below", "RewriteRule ^ index.php [L]\nRewriteRule ^private - [F]\n", "RewriteRule ^private - [F] below the lines of proxy.cgi is for existing files"},
		{"redirects in a section", "<Files x>\nRedirectMatch 403 \\.cgi$\n</Files>\nRedirect 301 /old /new\n", ""},
	} {
		text, err := Put(c.text, "SetEnv a\n")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(Notes(text), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: notes %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRewrites(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "# RewriteEngine On\nOptions -Indexes\n": false, "rewriteoptions Inherit\n": true,
		"<IfModule mod_rewrite.c>\nRewriteEngine On\n</IfModule>\n":                          true,
		"<If \"true\">\n<Files x>\nRewriteEngine On\n</Files>\nRewriteRule ^ - [F]\n</If>\n": false,
		"<FilesMatch x>\n</FilesMatch>\nRewriteEngine Off":                                   true,
	} {
		if got := Rewrites(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}
