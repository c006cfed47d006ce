package e2e

import (
	"fmt"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/htaccess"
)

// TestRefusedInPublic has passwords in public/, where it alone is for visitors: they
// are asked for whatever bytes the path has that Apache would read a second time.
func TestRefusedInPublic(t *testing.T) {
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
			s := site{Server: webserver.Run(t, c.kind, webserver.Options{Config: "MergeSlashes Off\n" + errorDocuments})}
			app := refusedApp(t)
			for _, folder := range []string{"", "all/"} {
				for _, script := range c.scripts.Names() {
					s.Install(t, folder+script, binary)
				}
				s.WriteFile(t, folder+".htcgiproxy", "CGIPROXY_UPSTREAM="+app.addr+"\n", 0o600)
				s.WriteFile(t, folder+".htaccess", variant(t, htaccess.Variant{Scripts: c.scripts, PublicOnly: true}), 0o644)
			}
			s.WriteFile(t, "public/open.txt", "static", 0o644)
			protect(t, s, "public/members", "me", "pw")
			protect(t, s, "all/public", "me", "pw")
			for _, path := range []string{
				"/members/", "/members/x", "/members/x%0Ay", "/members//a/b//",
				"/members/x%3Fy", "/members/x%23y", "/members/x%25y", "/members/x%5Cy", "/members/%3F", "/members/a/%253F/b",
				"//members//a//b%3F", "/public/members/x%3Fy", "/proxy.cgi/members/x",
				"/all/", "/all/?x", "/all/x", "/all/%3F", "/all/a/%25/b", "/all/proxy.cgi/",
			} {
				t.Run(path, func(t *testing.T) {
					request := "GET " + path + " HTTP/1.1\r\nHost: " + s.Addr + "\r\nConnection: close\r\n"
					checkRefused(t, s, app, request+"\r\n", "401", "")
					checkRefused(t, s, app, request+badLogin+"\r\n", "401", "")
				})
			}
			for _, c := range []struct{ path, asks, user string }{
				{"/members/x%3Fy", "", "me"},
				{"/members/a/%2525/b%23?c=d%3F", "", "me"},
				{"/all/", "", "me"},
				{"/all/a%5Cb", "", "me"},
				{"/members/x%0Ay", "", "me"},
				{"/all/proxy.cgi/", "/all/", "me"},
				{"/x%0Ay", "", ""},
				{"/x%3F/members/", "", ""},
				{"/open.txt%3F", "", ""},
				{"/open.txt/%23", "", ""},
				{"/", "", ""},
			} {
				t.Run("to the app "+c.path, func(t *testing.T) {
					if c.asks == "" {
						c.asks = c.path
					}
					checkRefused(t, s, app, "GET "+c.path+" HTTP/1.1\r\n"+login+"Host: "+s.Addr+"\r\nConnection: close\r\n\r\n", "200", "GET "+c.asks+" "+c.user)
				})
			}
		})
	}
}

// TestRulesInPublic has rewrite lines in public/, which count there in place of those
// that lead to the app: check and install say so of the same ones.
func TestRulesInPublic(t *testing.T) {
	app := tellTarget(t)
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: overriding("All", "None")})
	for i, c := range []struct{ lines, page string }{
		{"", "200"},
		{"Options -Indexes\n", "200"},
		{"<Files x>\nRewriteEngine On\n</Files>\n", "200"},
		{"RewriteEngine Off\n", "404"},
		{"RewriteBase /\n", "404"},
		{"<IfModule mod_rewrite.c>\nRewriteEngine On\n</IfModule>\n", "404"},
		{"RewriteOptions Inherit\n", "404"},
	} {
		folder := fmt.Sprintf("p%d/", i)
		fillSite(t, s, folder, publicExample(t), app, "proxy.cgi")
		s.WriteFile(t, folder+"public/.htaccess", c.lines, 0o644)
		got := visit(t, s.Addr, "GET /"+folder+"page HTTP/1.1\r\nHost: "+s.Addr+"\r\nConnection: close\r\n\r\n")
		if tells := htaccess.Rewrites(c.lines); got.Status[:3] != c.page || tells != (c.page == "404") {
			t.Errorf("%q: %s, want %s; install tells of it: %t", c.lines, got.Status, c.page, tells)
		}
	}
}
