package command

import (
	"context"
	"flag"
	"fmt"
	"os"

	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/settings"
)

func checkCommand() command {
	return command{
		name:      "check",
		arguments: "--url URL [DIR]",
		summary:   "ask the live site what its web server does",
		run:       checkURL,
	}
}

func checkURL(t *terminal, args []string) int {
	o := live.Options{Secret: os.Getenv(settings.Prefix + "SECRET")}
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.StringVar(&o.URL, "url", "", "")
	flags.BoolVar(&o.Insecure, "insecure", false, "")
	rest, ok := t.parse(flags, args)
	if !ok {
		return exitUsage
	}
	if o.URL == "" || len(rest) > 1 {
		return t.misused("check takes --url URL and a folder")
	}
	if len(rest) == 1 {
		o.Dir = rest[0]
	}
	status := exitOK
	for _, f := range live.Run(context.Background(), o) {
		fmt.Fprintf(t.out, "%-8s %-15s %s\n", f.Outcome, f.Name, f.Text)
		if f.Remedy != "" {
			fmt.Fprintf(t.out, "%-8s %-15s -> %s\n", "", "", f.Remedy)
		}
		if f.Outcome == live.Fault {
			status = exitFailure
		}
	}
	return status
}
