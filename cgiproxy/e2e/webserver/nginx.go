// nginx with fcgiwrap, which runs a CGI program for each FastCGI request. No
// .htaccess either: the rules stand in its configuration.

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

func nginx(s *Server, o Options) ([]command, error) {
	server, err := program("nginx", "nginx-light")
	if err != nil {
		return nil, err
	}
	wrapper, err := program("fcgiwrap", "fcgiwrap")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(nginxParams); err != nil {
		return nil, unavailable(nginxParams, "nginx-light")
	}
	config := nginxConfig(s, o)
	if err := os.WriteFile(s.path("nginx.conf"), []byte(config), 0o644); err != nil {
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
	self := account{os.Getuid(), os.Getgid()}
	args := []string{"-e", s.path("error.log"), "-c", s.path("nginx.conf")}
	return append(commands, command{path: server, args: args, as: self}), nil
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

func nginxConfig(s *Server, o Options) string {
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
	client_max_body_size 0;
	types {
		text/html html; text/css css; text/javascript js;
		text/plain txt; image/png png; image/svg+xml svg;
	}
	server {
		listen %[2]s;
		root %[3]s;
		location ~ /\.ht { deny all; }
%[4]s%[5]s
	}
}
`, s.dir, s.Addr, s.Root, nginxLocations(s, o.Folders), s.own(o))
}

// nginxLocations runs the proxy.cgi of each folder, and sends what is not a
// file to it. try_files changes $uri, and with it $fastcgi_script_name, so the
// SCRIPT_NAME of the included file is right. A second one would not replace
// the first: both would be sent. NO_BUFFERING is for fcgiwrap, which holds back
// an answer as well.
func nginxLocations(s *Server, folders []string) string {
	var b strings.Builder
	var scripts []string
	for _, folder := range scriptsDeepestFirst(folders) {
		scripts = append(scripts, regexp.QuoteMeta(folder+"proxy.cgi"))
		fmt.Fprintf(&b, "\t\tlocation %s { try_files $uri %sproxy.cgi$is_args$args; }\n", folder, folder)
	}
	fmt.Fprintf(&b, `		location ~ ^(%s)(/|$) {
			fastcgi_split_path_info ^(.*?/proxy\.cgi)(/.*)?$;
			include %s;
			fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
			fastcgi_param PATH_INFO $fastcgi_path_info if_not_empty;
			fastcgi_param NO_BUFFERING 1;
			fastcgi_buffering off;
			fastcgi_request_buffering off;
			fastcgi_pass unix:%s;
		}
`, strings.Join(scripts, "|"), nginxParams, s.path("fcgiwrap.sock"))
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
