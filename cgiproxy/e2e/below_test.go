package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestDomainBelow has a domain whose document root is a folder in that of the app, as
// cPanel gives it to addon domains: its pages are as without the app, but where only
// public/ is for visitors it has to say so itself. What begins with a dot stays closed,
// for some hosts find the document root by the Host that a visitor sends.
func TestDomainBelow(t *testing.T) {
	const addon = "addon.example"
	app := tellTarget(t)
	for _, c := range []struct {
		name  string
		kind  webserver.Kind
		rules string
		root  string
		own   string // its .htaccess
		deep  bool   // its folders have no redirect to their slash
		dots  string // the status of a file that begins with a dot
	}{
		{"example", webserver.ApacheEvent, example(t), "addon", "", false, "404"},
		{"example, slashes kept", webserver.ApacheEvent, example(t), "addon", "", false, "404"},
		{"example, a slash behind the root", webserver.ApacheEvent, example(t), "addon/", "", false, "404"},
		{"example, deep", webserver.ApacheEvent, example(t), "domains/addon", "", true, "404"},
		{"only public", webserver.ApacheEvent, publicExample(t), "addon", "RewriteEngine On\n", false, "200"},
		{"both", webserver.ApacheFcgid, hybridExample(t), "addon", "", false, "404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			virtual := func(name, root string) string {
				return "<VirtualHost *:*>\nServerName " + name + "\nDocumentRoot " + root + "\nDirectoryIndex index.html\n</VirtualHost>\n"
			}
			merge := "MergeSlashes On\n"
			if strings.HasSuffix(c.name, "slashes kept") {
				merge = "MergeSlashes Off\n"
			}
			s := webserver.Run(t, c.kind, webserver.Options{Config: merge + overriding("All", "FollowSymLinks") +
				virtual("main.example", "{root}") + virtual(addon, "{root}/"+c.root) + virtual("dot.example", "{root}/.git")})
			fillSite(t, s, "", c.rules, app, "proxy.cgi", "proxy.fcgi")
			root := strings.TrimSuffix(c.root, "/")
			for name, text := range map[string]string{
				".htaccess": c.own, "index.html": "static index", "docs/index.html": "static docs", "a b.txt": "static blank",
				".env": "static secret", "docs/.git/x": "static secret", ".well-known/acme-challenge/x": "static proof",
			} {
				s.WriteFile(t, root+"/"+name, text, 0o644)
			}
			if c.own == "" {
				if err := os.Remove(filepath.Join(s.Root, root, ".htaccess")); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range []struct{ host, target, status, page string }{
				{addon, "/", "200", "static index"},
				{addon, "/index.html", "200", "static index"},
				{addon, "/docs", "301", ""},
				{addon, "/docs/", "200", "static docs"},
				{addon, "/a%20b.txt", "200", "static blank"},
				{addon, "/.well-known/acme-challenge/x", "200", "static proof"},
				{addon, "/.env", c.dots, ""},
				{addon, "/docs/.git/x", c.dots, ""},
				{addon, "//.env", c.dots, ""},
				{addon, "/docs//.git/x", c.dots, ""},
				{addon, "/missing", "404", ""},
				{addon, "/missing/too?x", "404", ""},
				{addon, "/proxy.cgi", "404", ""},
				{"dot.example", "/", "500", ""},
				{"main.example", "/", "200", "GET / "},
				{"main.example", "/page", "200", "GET /page "},
				{"main.example", "/" + root, "200", "GET /" + root + " "},
				{"main.example", "/" + root + "/missing", "200", "GET /" + root + "/missing "},
				{"main.example", "/" + root + "//.env", "200", "GET /" + root + "//.env "},
				{"main.example", "/" + root + "/" + root + "/x", "200", "GET /" + root + "/" + root + "/x "},
			} {
				if r.target == "/docs" && c.deep || c.own != "" && r.host == "main.example" && strings.HasPrefix(r.target, "/"+root) {
					continue
				}
				got := visit(t, s.Addr, "GET "+r.target+" HTTP/1.1\r\nHost: "+r.host+"\r\nConnection: close\r\n\r\n")
				if got.Status[:3] != r.status || r.page != "" && got.body != r.page {
					t.Errorf("%s%s: %s %.100q, want %s %q", r.host, r.target, got.Status, got.body, r.status, r.page)
				}
			}
		})
	}
}

// TestNoList has folders of others below, on a host that shows lists: what an index file
// hides is not shown under the folder's name without its slash, at any depth.
func TestNoList(t *testing.T) {
	const addon = "addon.example"
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: overriding("All", "FollowSymLinks Indexes") + "<VirtualHost *:*>\nDocumentRoot {root}\n</VirtualHost>\n<VirtualHost *:*>\nServerName " + addon + "\nDocumentRoot {root}/domains/addon\n</VirtualHost>\nDirectoryIndex index.html\n"})
	fillSite(t, s, "", example(t), tellTarget(t), "proxy.cgi")
	for _, folder := range []string{"news", "news/1", "news/1/2", "news/1/2/3", "news/1/2/3/4", "domains/addon/docs"} {
		s.WriteFile(t, folder+"/index.html", "static silence", 0o644)
		s.WriteFile(t, folder+"/secret.csv", "static secret", 0o644)
	}
	s.WriteFile(t, "news/lists/a.txt", "static a", 0o644)
	s.WriteFile(t, "deep/.htaccess", "<If \"true\">\nDirectorySlash On\n</If>\nRewriteEngine Off\n", 0o644)
	s.WriteFile(t, "deep/1/2/3/index.html", "static silence", 0o644)
	if got := visit(t, s.Addr, "GET /deep/1/2/3 HTTP/1.1\r\nHost: main.example\r\nConnection: close\r\n\r\n"); got.StatusCode != http.StatusMovedPermanently {
		t.Errorf("what the MANUAL says to have the redirect deeper: %s", got.Status)
	}
	for _, r := range []struct {
		host, target string
		isList       bool
	}{
		{"main.example", "/news", false},
		{"main.example", "/news/1", false},
		{"main.example", "/news/1/2", false},
		{"main.example", "/news/1/2/3", false},
		{"main.example", "/news/1/2/3/4", false},
		{"main.example", "/news/1/2/3/4/", false},
		{"main.example", "/news/lists/", true},
		{addon, "/docs", false},
	} {
		got := visit(t, s.Addr, "GET "+r.target+" HTTP/1.1\r\nHost: "+r.host+"\r\nConnection: close\r\n\r\n")
		if is := strings.Contains(got.body, "secret.csv") || strings.Contains(got.body, "a.txt"); is != r.isList {
			t.Errorf("%s%s: %s, a list: %v, want %v; %.300q", r.host, r.target, got.Status, is, r.isList, got.body)
		}
	}
}

// TestSiteBelowProgram has a site in a folder of a document root above which a proxy.cgi
// lies that is no site's: README has it in the home folder.
func TestSiteBelowProgram(t *testing.T) {
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: overriding("All", "FollowSymLinks") + "<VirtualHost *:*>\nDocumentRoot {root}/www\n</VirtualHost>\n"})
	s.Install(t, "proxy.cgi", binary)
	fillSite(t, s, "www/blog/", example(t), tellTarget(t), "proxy.cgi")
	for _, target := range []string{"/blog", "/blog/assets", "/blog/1", "/blog/1/2", "/blog/1/2/3"} {
		s.WriteFile(t, "www"+target+"/index.html", "static", 0o644)
	}
	for _, target := range []string{"/blog", "/blog/assets", "/blog/1", "/blog/1/2", "/blog/1/2/3"} {
		got := visit(t, s.Addr, "POST "+target+" HTTP/1.1\r\nHost: main.example\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab")
		if got.Status[:3] != "200" || !strings.HasPrefix(got.body, "POST "+target+" ") {
			t.Errorf("%s: %s %.100q", target, got.Status, got.body)
		}
	}
}

// TestOthersDoNotRun has a host with a handler for scripts everywhere, and ExecCGI in one
// folder alone: proxy.cgi runs, and what else has such a name does not.
func TestOthersDoNotRun(t *testing.T) {
	for _, rules := range []string{example(t), fastCGIExample(t), hybridExample(t)} {
		s := webserver.Run(t, webserver.ApacheFcgid, webserver.Options{Config: "AddHandler cgi-script .py\n" + overriding("All", "FollowSymLinks")})
		fillSite(t, s, "", rules, tellTarget(t), "proxy.cgi", "proxy.fcgi")
		s.WriteFile(t, "sub/tool.py", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nit runs'\n", 0o755)
		for target, want := range map[string]string{"/page": "200", "/sub/tool.py": "403"} {
			got := visit(t, s.Addr, "GET "+target+" HTTP/1.1\r\nHost: "+s.Addr+"\r\nAccept: */*\r\nConnection: close\r\n\r\n")
			if got.Status[:3] != want {
				t.Errorf("%s: %s %.100q, want %s", target, got.Status, got.body, want)
			}
		}
	}
}

// TestOptionsBelow has folders and a domain below whose own Options leave out links,
// which rewrite rules need, and links that the host follows: all is as it was before.
func TestOptionsBelow(t *testing.T) {
	app := tellTarget(t)
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: overriding("All", "FollowSymLinks") +
		"<VirtualHost *:*>\nServerName main.example\nDocumentRoot {root}\n</VirtualHost>\n<VirtualHost *:*>\nServerName files.example\nDocumentRoot {root}/files\n</VirtualHost>\n"})
	for name, text := range map[string]string{
		"files/.htaccess": "Options Indexes\n", "files/a.txt": "static a", "closed/.htaccess": "Options None\n", "closed/b.txt": "static b", "c.txt": "static c",
	} {
		s.WriteFile(t, name, text, 0o644)
	}
	for _, name := range []string{"link.txt", "closed/link.txt"} {
		if err := os.Symlink(filepath.Join(s.Root, "c.txt"), filepath.Join(s.Root, name)); err != nil {
			t.Fatal(err)
		}
		_ = os.Lchown(filepath.Join(s.Root, name), os.Getuid()+1, -1) // another than its file's, where we are root
	}
	for _, rules := range []struct{ name, text string }{{"before", ""}, {"with the example", example(t)}} {
		fillSite(t, s, "", rules.text, app, "proxy.cgi")
		for _, r := range []struct{ url, want string }{
			{"main.example/files/a.txt", "200 static a"}, {"files.example/a.txt", "200 static a"},
			{"main.example/closed/b.txt", "200 static b"}, {"main.example/link.txt", "200 static c"},
			{"main.example/closed/link.txt", "403 "},
		} {
			host, path, _ := strings.Cut(r.url, "/")
			got := visit(t, s.Addr, "GET /"+path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
			if page := got.Status[:4] + got.body; !strings.HasPrefix(page, r.want) {
				t.Errorf("%s: %s: %.60q, want %q", rules.name, r.url, page, r.want)
			}
		}
	}
}
