package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/settings"
)

func checkCommand() command {
	return command{
		name:      "check",
		arguments: "[--json] [--url URL [--insecure]] [DIR]",
		summary:   "say what is wrong with a site, and what to do",
		text: `DIR is the folder of proxy.cgi, and where it is left out the current one. Each
line is a finding: ok, warning or fault, then what is so, then what to do. Root
looks as the user that DIR belongs to. It changes nothing, but asks the app for
its first page.

    --json      print the findings as JSON
    --url URL   ask the live site instead, the folder that DIR is on the web, what
                its web server does to requests and responses; from any machine,
                where the variable CGIPROXY_SECRET has the site's secret, or DIR is
                the site's folder
    --insecure  with --url: accept any certificate

The exit status is 1 where there is a fault.
`,
		run: runCheck,
	}
}

func runCheck(t *terminal, args []string) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "")
	site := live.Options{Secret: os.Getenv(settings.Prefix + "SECRET"), Version: cgiproxy.Version()} // before settings are loaded, which changes them
	flags.StringVar(&site.URL, "url", "", "")
	flags.BoolVar(&site.Insecure, "insecure", false, "")
	rest, ok := t.parse(flags, args)
	switch {
	case !ok:
		return exitUsage
	case len(rest) > 1:
		return t.misused("check takes one folder, not %d", len(rest))
	case site.Insecure && site.URL == "":
		return t.misused("check: --insecure is for --url")
	}
	if site.URL == "" {
		rest = append(rest, ".")[:1]
	}
	for _, folder := range rest {
		if err := becomeOwner(folder); err != nil {
			return t.misused("check: %v", err)
		}
	}
	var findings []check.Finding
	if site.URL != "" {
		site.Dir = append(rest, "")[0]
		findings = live.Run(context.Background(), site)
	} else {
		var err error
		if findings, err = check.Folder(context.Background(), rest[0]); err != nil {
			return t.misused("check: %v", err)
		}
	}
	if *asJSON {
		io.WriteString(t.out, finding.JSON(findings))
	} else {
		printFindings(t.out, findings)
	}
	if check.Worst(findings) == check.Fault {
		return exitFailure
	}
	return exitOK
}

// printFindings prints a line for each finding.
func printFindings(w io.Writer, findings []check.Finding) {
	plain := !isColored(w)
	colors := [...]string{check.OK: "\x1b[32m", check.Warning: "\x1b[33m", check.Fault: "\x1b[31m"}
	for _, f := range findings {
		level := fmt.Sprintf("%-7s", f.Level)
		if !plain {
			level = colors[f.Level] + level + "\x1b[0m"
		}
		text := f.Text
		if f.Remedy != "" {
			text += ": " + f.Remedy
		}
		fmt.Fprintf(w, "%s  %s: %s\n", level, f.Check, cgiproxy.Printable(text))
	}
}

// isColored reports whether output may be colored: on a terminal, unless the
// variable NO_COLOR is there (no-color.org).
func isColored(w io.Writer) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }
