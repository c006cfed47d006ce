package main

import (
	"context"
	"fmt"
	"path"

	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/settings"
)

// status says what is there, and whether it works.
func (d *deploy) status(ctx context.Context) error {
	for _, name := range [...]string{"proxy.cgi", "proxy.fcgi", settings.File, ".htaccess"} {
		if e, ok := entryIn(d.served.list, name); ok {
			d.say("%s, %d bytes, permissions %03o\n", d.served.path(name), e.Size, e.Mode.Perm())
		}
	}
	if e, ok := entryIn(d.served.list, settings.File); ok {
		for _, text := range settings.ReadableSecrets(d.lines, e.Mode) {
			d.say("%-8s settings: %s\n", finding.Warning, text)
		}
	}
	if err := d.showDeploys(); err != nil {
		return err
	}
	d.places = d.findPlaces()
	defer d.served.clean()
	var findings []finding.Finding
	if len(d.served.others()) == 0 || settings.ValueIn(d.lines, "SECRET") != "" {
		findings = d.live(ctx)
	} else { // whose check has a key in the same place
		d.say("a deploy is under way, or broke off: no more than the first page is asked for\n")
	}
	for _, f := range findings {
		d.say("%-8s %s: %s\n", f.Level, f.Check, printable(f.Text))
		if f.Level == finding.Fault && f.Check == "reach" {
			return fmt.Errorf("%s: %s", redacted(d.url), f.Remedy)
		}
	}
	first := d.firstPage(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	d.say("first page: %s\n", first.text)
	if first.fails() {
		if s := d.appState(); s.began != "" && s.exit != "" {
			d.say("the app last ended: %s\n", printable(s.exit))
		}
		return fmt.Errorf("%s does not work: --logs may say why", redacted(d.url))
	}
	switch s := d.appState(); {
	case s.closed:
		d.say("warning  app: how it is cannot be read, for the host runs it as another user: the status page tells\n")
	case s.unreplaced != "":
		d.say("%s\n", s.warning())
	}
	return nil
}

// showDeploys says what has been deployed of the app.
func (d *deploy) showDeploys() error {
	folder, known, err := d.appFolder()
	if err != nil {
		if known {
			d.note(err.Error())
		}
		return nil
	}
	list, err := d.host.List(path.Join(folder, stateFolder))
	if err != nil || list == nil {
		return nil // nothing
	}
	if d.app, err = openApp(d.host, folder); err != nil {
		return err
	}
	if d.app.now.Former != nil {
		d.say("a deploy broke off halfway: deploy again, or --rollback\n")
	}
	number := fmt.Sprint(d.app.now.Number)
	if d.app.now.isTakenBack() {
		number += ", taken back"
	}
	d.say("%s, deploy %s, %d files\n", folder, number, len(d.app.now.Files))
	return nil
}
