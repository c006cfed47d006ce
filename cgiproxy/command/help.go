package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

func helpCommand() command {
	return command{
		name:      "help",
		arguments: "[COMMAND]",
		summary:   "print this text, or what a command does",
		run:       help,
	}
}

func versionCommand() command {
	return command{
		name:    "version",
		summary: "print the version",
		run:     version,
	}
}

const about = `proxy.cgi puts an app that listens on a local port or unix socket on the web,
on a host that offers .htaccess and CGI but no mod_proxy.

Where the app listens on port 6543, this puts it into a folder of the web server:

    proxy.cgi install --upstream 6543 ~/public_html

The web server then runs it for each request. By hand it knows:

`

func usage() string {
	var b strings.Builder
	b.WriteString(about)
	for _, c := range commands() {
		fmt.Fprintf(&b, "    proxy.cgi %-9s %s\n", c.name, c.summary)
	}
	b.WriteString("\nproxy.cgi help COMMAND says more.\n")
	return b.String()
}

func help(t *terminal, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(t.out, usage())
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] && len(args) == 1 {
			fmt.Fprintf(t.out, "usage: proxy.cgi %s\n\n%s%s.\n", strings.TrimSpace(c.name+" "+c.arguments), strings.ToUpper(c.summary[:1]), c.summary[1:])
			if c.text != "" {
				fmt.Fprintf(t.out, "\n%s", c.text)
			}
			return exitOK
		}
	}
	return t.misused("help: unknown command %q%s", strings.Join(args, " "), didYouMean(args[0]))
}

func version(t *terminal, args []string) int {
	if len(args) > 0 {
		return t.misused("version takes no arguments")
	}
	fmt.Fprintf(t.out, "proxy.cgi %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}

// buildVersion returns the module's version, which the go command takes from the
// version control system.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return info.Main.Version
}
