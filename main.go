// A process that lives for milliseconds does not look whether the machine's
// processors have changed: that would be a thirtieth of its time.
//
//go:debug updatemaxprocs=0

// Proxy.cgi puts an app that listens on a local port or unix socket behind a
// web server that can run CGI programs and nothing more.
//
// Run by a web server it forwards the request; run by hand it takes commands.
// See README.md.
package main

import (
	_ "embed"
	"os"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/command"
	"proxy.cgi/cgiproxy/fastcgi"
	"proxy.cgi/cgiproxy/statuspage"
)

// htaccess is for install. It costs a request nothing: embedded, it is only read
// from the file when it is looked at.
//
//go:embed htaccess.example
var htaccess string

func main() {
	// A web server turns a query without "=" into arguments (RFC 3875, section
	// 4.4): a visitor must not choose a command.
	if _, ok := os.LookupEnv("REQUEST_METHOD"); ok {
		os.Exit(cgiproxy.ServeCGI(statuspage.Serve))
	}
	if fastcgi.IsListening() {
		os.Exit(fastcgi.Serve(statuspage.Serve))
	}
	os.Exit(command.Main(os.Args[1:], htaccess, os.Stdin, os.Stdout, os.Stderr))
}
