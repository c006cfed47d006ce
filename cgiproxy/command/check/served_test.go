package check

func servedTests() []findingTest {
	has := func(names ...string) func(*testSite) {
		return func(s *testSite) {
			for _, name := range names {
				s.write(name, "x", 0o644)
			}
		}
	}
	publicOnly := func(s *testSite) {
		s.rules("RewriteRule ^.*$ proxy.cgi [L]", "RewriteRule ^(?!public/)([^?%#\\\\]*(?:$|/)|) public/$1 [L]\nRewriteRule ^.*$ proxy.cgi [L]")
	}
	return []findingTest{
		{"served", "data", Fault, "", has("data.sqlite3", "dump.sql.gz", "debug.log", "tls.key"), "data.sqlite3, debug.log, dump.sql.gz, tls.key"},
		{"served", "the log that the rules keep", OK, "", has("app.log"), "no file in the folder"},
		{"served", "sources", Warning, "", has("app.py", "lib/x.rb", "requirements.txt"), "app.py, lib/x.rb, requirements.txt"},
		{"served", "closed by the rules", OK, "", has(".env", ".git/config", ".htpasswd", "error_log", "index.html", "a.js", "a.php"), "no file"},
		{"served", "scripts taken for files", Fault, "", func(s *testSite) {
			s.rules("RewriteEngine On", "<IfModule x>\nSetHandler default-handler\n</IfModule>\nRewriteEngine On")
		}, "visitors see the text of scripts"},
		{"served", "scripts taken for files, by their type", Warning, "", func(s *testSite) {
			s.rules("RewriteEngine On", "ForceType 'text/plain'\nRewriteEngine On")
		}, "visitors see the text of them"},
		{"served", "an old block", Fault, "", func(s *testSite) {
			has(".env", ".git/config")(s)
			s.rules(`RewriteCond %{REQUEST_URI} /\.(?!well-known(/|$))`, "")
		}, ".env, .git/config"},
		{"served", "public only", OK, "", func(s *testSite) { has("app.py", "data.db", "public/a.css")(s); publicOnly(s) }, "no file"},
		{"served", "public only, and data there", Fault, "", func(s *testSite) { has("public/data.db")(s); publicOnly(s) }, "public/data.db"},
		{"served", "public only, and folders beside it", OK, "", func(s *testSite) {
			publicOnly(s)
			s.write("closed/.htaccess", "Require all denied\n", 0o644)
			s.write("public/.htaccess", "Require all granted\n<Files x.php>\nRequire all denied\n</Files>\n", 0o644)
			s.write("public/blog/.htaccess", "RewriteEngine On\n", 0o644)
			s.write("shop/.htaccess", "RewriteEngine On\n", 0o644)
			s.write("shop/proxy.cgi", "x", 0o755)
		}, "no file"},
		{"rewrite", "public only, and rewrite lines there", Fault, "apache-404", func(s *testSite) {
			publicOnly(s)
			s.write("public/.htaccess", "<IfModule mod_rewrite.c>\nRewriteOptions Inherit\n</IfModule>\n", 0o644)
		}, "count there in place of those that lead to the app"},
		{"rewrite", "public only, and rewrite lines there for a file", OK, "", func(s *testSite) {
			publicOnly(s)
			s.write("public/.htaccess", "<Files x>\nRewriteEngine On\n</Files>\nOptions -Indexes\n", 0o644)
		}, "sent to proxy.cgi"},
		{"served", "public only, and a password there for all", Warning, "", func(s *testSite) {
			publicOnly(s)
			s.write("public/.htaccess", "AuthType Basic\nRequire valid-user\n", 0o644)
		}, "public/.htaccess requires"},
		{"served", "public only, and a folder with rules of its own", Warning, "", func(s *testSite) {
			publicOnly(s)
			s.write("vendor/old/.htaccess", "<IfModule mod_rewrite.c>\nRewriteEngine Off\n</IfModule>\n", 0o644)
		}, "each file of vendor/old:"},
		{"served", "public only, and a folder in which a file is closed", Warning, "", func(s *testSite) {
			publicOnly(s)
			s.write("blog/.htaccess", "RewriteEngine On\n<Files xmlrpc.php>\nDeny from all\n</Files>\n", 0o644)
		}, "each file of blog:"},
		{"served", "public only, and a folder that is closed to some", Warning, "", func(s *testSite) {
			publicOnly(s)
			s.write("vendor/.htaccess", "RewriteEngine On\nRewriteCond %{HTTP_REFERER} bad\nRewriteRule ^ - [F]\n", 0o644)
		}, "each file of vendor:"},
		{"served", "public only, and folders below that are closed by rules of their own", OK, "", func(s *testSite) {
			publicOnly(s)
			for folder, line := range map[string]string{"a": "RewriteRule .* - [F]", "b": "Require all denied", "c": "RewriteOptions Inherit", "d": "Deny from all"} {
				s.write(folder+"/.htaccess", "RewriteEngine On\n"+line+"\n", 0o644)
			}
		}, "no file"},
		{"served", "a site below", OK, "", has("below/.htaccess", "below/app.py"), "no file"},
	}
}
