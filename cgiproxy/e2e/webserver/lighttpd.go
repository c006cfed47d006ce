// lighttpd with mod_cgi. It has no .htaccess: the rules stand in its
// configuration.

package webserver

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

func lighttpd(s *Server, o Options) ([]command, error) {
	program, err := program("lighttpd", "lighttpd")
	if err != nil {
		return nil, err
	}
	config := lighttpdConfig(s, o)
	if err := os.WriteFile(s.path("lighttpd.conf"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	// It would give up root itself, but then outlive the tests: startProcess.
	return []command{{path: program, args: []string{"-D", "-f", s.path("lighttpd.conf")}, as: s.web}}, nil
}

// lighttpdConfig leaves out server.errorlog: the log is then stderr, which
// programs share. It sets stream-response-body, or lighttpd would hold back an
// answer until it is whole. Request bodies it holds back, as it does unless
// stream-request-body is set: programs then get a length for chunked ones.
func lighttpdConfig(s *Server, o Options) string {
	return fmt.Sprintf(`server.modules = ("mod_access", "mod_rewrite", "mod_setenv", "mod_cgi")
server.bind = "127.0.0.1"
server.port = %s
server.document-root = %q
server.pid-file = "%[3]s/pid"
server.upload-dirs = (%[3]q)
server.stream-response-body = 1
index-file.names = ("index.html")
mimetype.assign = (
	".html" => "text/html", ".css" => "text/css", ".js" => "text/javascript",
	".txt" => "text/plain", ".png" => "image/png", ".svg" => "image/svg+xml",
)
cgi.assign = (".cgi" => "")
$HTTP["url"] =~ "/\.ht" { url.access-deny = ("") }
url.rewrite-if-not-file = (
%s)
%s
`, s.port(), s.Root, s.dir, lighttpdRules(o.Folders), s.own(o))
}

// lighttpdRules sends what is not a file to the proxy.cgi of its folder. The
// first rule that matches counts, so subfolders come before their parents, and
// a script that is named in the URL before all: with a path behind it, it is
// no file either.
func lighttpdRules(folders []string) string {
	var b strings.Builder
	for _, folder := range scriptsDeepestFirst(folders) {
		fmt.Fprintf(&b, "\t\"^%s([/?].*)?$\" => \"$0\",\n", regexp.QuoteMeta(folder+"proxy.cgi"))
	}
	for _, folder := range scriptsDeepestFirst(folders) {
		fmt.Fprintf(&b, "\t\"^%s\" => \"%sproxy.cgi${qsa}\",\n", regexp.QuoteMeta(folder), folder)
	}
	return b.String()
}
