// lighttpd with mod_cgi or mod_fastcgi. It has no .htaccess: the rules stand in
// its configuration.

package webserver

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// lighttpd is a build of the kinds of lighttpd.
type lighttpd struct{ fastcgi bool }

func (l lighttpd) setup(s *Server, o Options) ([]command, error) {
	if l.fastcgi && o.Program == "" {
		return nil, errors.New("lighttpd starts FastCGI programs when it starts itself: Options.Program is missing")
	}
	program, err := program("lighttpd", "lighttpd")
	if err != nil {
		return nil, err
	}
	config := l.config(s, o)
	if err := os.WriteFile(s.path("lighttpd.conf"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	// It would give up root itself, but then outlive the tests: startProcess.
	return []command{{path: program, args: []string{"-D", "-f", s.path("lighttpd.conf")}, as: s.web}}, nil
}

// config leaves out server.errorlog: the log is then stderr, which
// programs share.
func (l lighttpd) config(s *Server, o Options) string {
	return fmt.Sprintf(`server.modules = ("mod_setenv")
server.bind = "127.0.0.1"
server.port = %s
server.document-root = %q
server.pid-file = "%[3]s/pid"
server.upload-dirs = (%[3]q)
index-file.names = ("index.html")
mimetype.assign = (
	".html" => "text/html", ".css" => "text/css", ".js" => "text/javascript",
	".txt" => "text/plain", ".png" => "image/png", ".svg" => "image/svg+xml",
)
%[4]s
%[5]s
`, s.port(), s.Root, s.dir, s.fill(cmp.Or(o.Rules, l.rules(s, o.Folders))), s.fill(o.Config))
}

// rules sets stream-response-body, or lighttpd would hold back a response until
// it is whole. Request bodies it holds back, as it does unless
// stream-request-body is set: programs then get a length for chunked ones.
func (l lighttpd) rules(s *Server, folders []string) string {
	script, programs := "proxy.cgi", `cgi.assign = (".cgi" => "")`
	if l.fastcgi {
		script, programs = "proxy.fcgi", lighttpdPrograms(s, folders)
	}
	return fmt.Sprintf(`server.modules += ("mod_access", "mod_rewrite", "mod_cgi", "mod_fastcgi")
server.stream-response-body = 1
%s
$HTTP["url"] =~ "/\.ht" { url.access-deny = ("") }
url.rewrite-if-not-file = (
%s)`, programs, lighttpdRules(folders, script))
}

// lighttpdPrograms starts the proxy.fcgi of each folder (bin-path): one process
// each, for it serves many requests at a time.
func lighttpdPrograms(s *Server, folders []string) string {
	var b strings.Builder
	b.WriteString("fastcgi.server = (\n")
	for i, folder := range scriptsDeepestFirst(folders) {
		fmt.Fprintf(&b, "\t%q => ((\"bin-path\" => %q, \"socket\" => %q, \"max-procs\" => 1)),\n",
			folder+"proxy.fcgi", s.Root+folder+"proxy.fcgi", s.path(fmt.Sprintf("fastcgi-%d", i)))
	}
	b.WriteString(")")
	return b.String()
}

// lighttpdRules sends what is not a file to the script of its folder. The
// first rule that matches counts, so subfolders come before their parents, and
// a script that is named in the URL before all: with a path behind it, it is
// no file either.
func lighttpdRules(folders []string, script string) string {
	var b strings.Builder
	for _, folder := range scriptsDeepestFirst(folders) {
		fmt.Fprintf(&b, "\t\"^%s([/?].*)?$\" => \"$0\",\n", regexp.QuoteMeta(folder+script))
	}
	for _, folder := range scriptsDeepestFirst(folders) {
		fmt.Fprintf(&b, "\t\"^%s\" => \"%s%s${qsa}\",\n", regexp.QuoteMeta(folder), folder, script)
	}
	return b.String()
}
