// nginx with fcgiwrap, which runs a CGI program for each FastCGI request, and
// with FastCGI programs that run on their own. No .htaccess either: the rules
// stand in its configuration.

package webserver

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// nginxParams is what Debian's users include.
const nginxParams = "/etc/nginx/fastcgi_params"

// fcgiwraps is how many programs run at a time.
const fcgiwraps = 16

func nginxFcgiwrap(s *Server, o Options) ([]command, error) {
	wrapper, err := program("fcgiwrap", "fcgiwrap")
	if err != nil {
		return nil, err
	}
	// NO_BUFFERING is for fcgiwrap, which holds back a response as well.
	pass := "fastcgi_param NO_BUFFERING 1;\n\t\t\tfastcgi_pass unix:" + s.path("fcgiwrap.sock") + ";"
	locations := s.fill(cmp.Or(o.Rules, nginxLocations(o.Folders, "proxy.cgi", pass)))
	server, err := startNginx(s, "", locations, o)
	if err != nil {
		return nil, err
	}
	socket, err := s.listenUnix("fcgiwrap.sock")
	if err != nil {
		return nil, err
	}
	// Each runs one program at a time. Its own option for more, -c, leaves
	// those behind when the first one ends. With -f, what a program writes to
	// stderr gets into nginx's log.
	commands := slices.Repeat([]command{{path: wrapper, args: []string{"-f"}, as: s.web, stdin: socket}}, fcgiwraps)
	return append(commands, server), nil
}

// nginxFastCGI is a build of the kinds with FastCGI programs.
type nginxFastCGI struct{ keep bool }

func (n nginxFastCGI) setup(s *Server, o Options) ([]command, error) {
	var http strings.Builder
	keepalive, keep := "", ""
	if n.keep {
		keepalive, keep = " keepalive 8;", "fastcgi_keep_conn on;\n\t\t\t"
	}
	// The name of an upstream is looked up in the configuration, so that a
	// kept connection stays with its program. No socket has to be there yet.
	http.WriteString("map $folder $program {\n")
	for _, folder := range scriptsDeepestFirst(o.Folders) {
		fmt.Fprintf(&http, "\t%q %s;\n", folder, socketName(folder))
	}
	http.WriteString("}\n")
	for _, folder := range scriptsDeepestFirst(o.Folders) {
		fmt.Fprintf(&http, "upstream %s { server unix:%s;%s }\n", socketName(folder), s.path(socketName(folder)), keepalive)
	}
	server, err := startNginx(s, http.String(), nginxLocations(o.Folders, "proxy.fcgi", keep+"fastcgi_pass $program;"), o)
	return []command{server}, err
}

// startNginx writes the configuration and returns what to start.
func startNginx(s *Server, http, server string, o Options) (command, error) {
	path, err := program("nginx", "nginx-light")
	if err != nil {
		return command{}, err
	}
	if _, err := os.Stat(nginxParams); err != nil {
		return command{}, unavailable(nginxParams, "nginx-light")
	}
	config := nginxConfig(s, http, server, o)
	if err := os.WriteFile(s.path("nginx.conf"), []byte(config), 0o644); err != nil {
		return command{}, err
	}
	self := account{os.Getuid(), os.Getgid()}
	return command{path: path, args: []string{"-e", s.path("error.log"), "-c", s.path("nginx.conf")}, as: self}, nil
}

// listenUnix makes a listening socket for a FastCGI server's descriptor 0, as
// Debian's service does it. It listens before anybody connects.
func (s *Server) listenUnix(name string) (*os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: s.path(name)})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	if err := os.Chown(s.path(name), s.web.uid, s.web.gid); err != nil {
		return nil, err
	}
	return l.File()
}

func nginxConfig(s *Server, http, server string, o Options) string {
	user := ""
	if os.Getuid() == 0 {
		user = "user www-data;\n"
	}
	return user + fmt.Sprintf(`daemon off;
worker_processes 2;
pid %[1]s/pid;
error_log %[1]s/error.log warn;
events { worker_connections 512; }
http {
	access_log %[1]s/access.log;
	client_body_temp_path %[1]s/body;
	fastcgi_temp_path %[1]s/fastcgi;
	proxy_temp_path %[1]s/proxy;
	scgi_temp_path %[1]s/scgi;
	uwsgi_temp_path %[1]s/uwsgi;
	types {
		text/html html; text/css css; text/javascript js;
		text/plain txt; image/png png; image/svg+xml svg;
	}
%[6]s	server {
		listen %[2]s;
		root %[3]s;
%[4]s%[5]s
	}
}
`, s.dir, s.Addr, s.Root, server, s.fill(o.Config), http)
}

// nginxLocations runs the script of each folder, and sends what is not a file
// to it. try_files changes $uri, and with it $fastcgi_script_name, so the
// SCRIPT_NAME of the included file is right. A second one would not replace
// the first: both would be sent. As with REDIRECT_STATUS, which the file has as
// 200, so that nobody could tell the page of an error (error_page).
func nginxLocations(folders []string, script, pass string) string {
	var b strings.Builder
	b.WriteString("\t\tclient_max_body_size 0;\n\t\tlocation ~ /\\.ht { deny all; }\n")
	var all []string
	for _, folder := range scriptsDeepestFirst(folders) {
		all = append(all, regexp.QuoteMeta(folder))
		fmt.Fprintf(&b, "\t\tlocation %s { try_files $uri %s%s$is_args$args; }\n", folder, folder, script)
	}
	fmt.Fprintf(&b, `		location ~ ^(?<folder>%s)%s(/|$) {
			fastcgi_split_path_info ^(.*?/%[2]s)(/.*)?$;
			fastcgi_param REDIRECT_STATUS $status;
			include %[3]s;
			fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
			fastcgi_param PATH_INFO $fastcgi_path_info if_not_empty;
			fastcgi_buffering off;
			fastcgi_request_buffering off;
			%[4]s
		}
`, strings.Join(all, "|"), regexp.QuoteMeta(script), nginxParams, pass)
	return b.String()
}

// scriptsDeepestFirst turns folders into URL paths that start and end with a
// slash, subfolders before their parents.
func scriptsDeepestFirst(folders []string) []string {
	var paths []string
	for _, folder := range folders {
		paths = append(paths, strings.TrimSuffix(path.Join("/", folder), "/")+"/")
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return paths
}
