// Package command is what proxy.cgi does when a person runs it.
package command

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

const help = `proxy.cgi puts an app that listens on a local port or unix socket on the web,
on a host that offers .htaccess and CGI but no mod_proxy.

Put it beside a .htaccess made from htaccess.example, and write into the file
.htcgiproxy beside them where the app listens:

    CGIPROXY_UPSTREAM=6543

The web server then runs it once for each request. By hand it knows:

    proxy.cgi version    print the version
    proxy.cgi help       print this text
`

// Main runs the command that args name and returns the exit status: 0, or 2
// where args are not understood.
func Main(args []string, stdout, stderr io.Writer) int {
	switch strings.Join(args, " ") {
	case "", "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, help)
		return 0
	case "version", "-version", "--version":
		fmt.Fprintf(stdout, "proxy.cgi %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return 0
	}
	fmt.Fprintf(stderr, "proxy.cgi: unknown command %q: see proxy.cgi help\n", strings.Join(args, " "))
	return 2
}

// version returns the module's version, which the go command takes from the
// version control system.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return info.Main.Version
}
