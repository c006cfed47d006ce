package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
)

// verify returns why the site must not stay as it is now, nothing where it may.
// It asks first for what may have to be taken back at once.
func (d *deploy) verify(ctx context.Context) (problems []string) {
	switch d.page = d.startedPage(ctx); {
	case d.page.status == http.StatusInternalServerError:
		problems = append(problems, "the first page: "+d.page.text)
	case d.page.fails():
		return []string{"the app's first page: " + d.page.text}
	}
	// Where a new app does not start, proxy.cgi lets the old one go on.
	now := d.appState()
	switch started, tried := now.since(d.before); {
	case d.before.closed && d.appWork != nil:
		d.warnings = append(d.warnings, "warning  app: whether it starts with these files is not known, for the host runs it as another user, and this login cannot read "+path.Join(d.places.dir, ".cgiproxy")+": the status page tells")
	case d.appWork != nil && now.began == "" && !now.closed && settings.ValueIn(d.lines, "START") == "":
		d.warnings = append(d.warnings, "warning  app: nothing has restarted it, for "+settings.Prefix+"START does not say how: do that where you start it, or what runs is the app from before")
	case d.appWork != nil && now.began == "" && !now.closed:
		d.warnings = append(d.warnings, "warning  app: whether it starts with these files is not known, for nothing in "+d.places.dir+" says that it has been started: does "+settings.File+" name that folder?")
	case started:
	case tried:
		return []string{"the app does not start with these files, and the one from before still answers: " + printable(now.failure())}
	case d.appWork != nil:
		d.warnings = append(d.warnings, "warning  app: whether it starts with these files is not known, for the first page does not come from it, or "+d.places.restart+" does not restart it")
	case now.unreplaced != "": // before this run
		d.warnings = append(d.warnings, now.warning())
	}
	findings := d.live(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if address := d.whereServed(ctx); address != "" {
		problems = append(problems, fmt.Sprintf("private files: everybody can download the app, as %s: name a folder that nobody is shown with --app-to, or one that begins with a dot in that of the site, as in --app-to %s", redacted(address), d.hiddenFolder()))
	}
	for _, f := range findings {
		text := printable(f.Text)
		if f.Check == "settings" && strings.Contains(text, "permission denied") {
			f.Remedy = "the host does not run scripts as you: " + d.lettingRead() + ", which it keeps, and run this again"
		}
		if f.Remedy != "" {
			text += ": " + f.Remedy
		}
		switch {
		case f.Level == finding.Fault && slices.Contains([]string{"reach", "settings", "private files"}, f.Check):
			problems = append(problems, f.Check+": "+text)
		case f.Level == finding.Fault, f.Level == finding.Warning && d.isFirst(): // later it is no news what the host cannot do
			d.warnings = append(d.warnings, fmt.Sprintf("%-8s %s: %s", f.Level, f.Check, text))
		}
	}
	return problems
}

// lettingRead is what to do for a host whose scripts may not read the settings.
func (d *deploy) lettingRead() string {
	if _, ok := entryIn(d.served.list, settings.File); ok {
		return "set the permissions of " + settings.File + " to 644"
	}
	return "put an empty " + settings.File + " with permissions 644 there"
}

// isFirst reports whether proxy.cgi, as one script or the other, is new there.
func (d *deploy) isFirst() bool {
	return slices.ContainsFunc(d.siteWork, func(c install.Change) bool {
		return c.Old == nil && slices.Contains(htaccess.Both.Names(), c.Name)
	})
}

// askLive is live.Run; tests that deploy a hundred times put less in its place.
var askLive = live.Run

// live is the check of `proxy.cgi check --url`, which proxy.cgi answers to who
// knows SECRET, or the key in a file beside it.
func (d *deploy) live(ctx context.Context) []finding.Finding {
	o := live.Options{URL: d.url, Secret: settings.ValueIn(d.lines, "SECRET")}
	if d.program != nil {
		o.Version = d.program.version
	}
	if o.Secret != "" {
		return askLive(ctx, o)
	}
	file := d.served.path(challenge.KeyFile)
	o.Secret = rand.Text() + rand.Text()
	if err := d.served.putKey(o.Secret); err != nil {
		return []finding.Finding{{Check: "reach", Level: finding.Fault, Text: err.Error()}}
	}
	defer d.host.Remove(file)
	found := askLive(ctx, o)
	if found[0].Level == finding.Fault && d.host.Chmod(file, 0o644) == nil { // scripts may run as another user
		found = askLive(ctx, o)
	}
	return found
}
