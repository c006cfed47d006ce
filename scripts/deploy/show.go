// What the program says on its standard output.

package main

import (
	"fmt"
	"net/http"
	"path"
)

// say prints lines. Names and files of the host are in them, which others write.
func (d *deploy) say(format string, args ...any) {
	fmt.Fprint(d.out, printableLines(fmt.Sprintf(format, args...)))
}

// note says what the owner should know, where that is not "".
func (d *deploy) note(texts ...string) {
	for _, text := range texts {
		if text != "" {
			d.say("note: %s\n", text)
		}
	}
}

// showWork shows what would change.
func (d *deploy) showWork() {
	for _, c := range d.siteWork {
		d.say("%s", c.Diff())
	}
	for _, c := range d.appWork {
		d.say("%s\n", c.describe(d.app))
	}
	if len(d.siteWork)+len(d.appWork) == 0 {
		d.say("nothing to change\n")
	}
}

func (d *deploy) showDone() {
	for _, c := range d.siteWork {
		d.say("%-8s %s\n", c.Verb(), path.Join(d.target.Folder, c.Name))
	}
	for _, c := range d.appWork {
		d.say("%s\n", c.describe(d.app))
	}
	switch {
	case d.mode != "":
	case d.page.status == http.StatusNotFound:
		d.say("%s answers, with 404: is that the address of the site?\n", redacted(d.url))
	case d.page.status >= 400:
		d.say("%s answers, with %s\n", redacted(d.url), d.page.text)
	default:
		d.say("%s works\n", redacted(d.url))
	}
	d.showWarnings()
}

// showWarnings comes last: that the site works is what its owner wants to know.
func (d *deploy) showWarnings() {
	for _, text := range d.warnings {
		d.say("%s\n", text)
	}
}

// showAmount says how much of the app is to be uploaded, before that begins: a
// folder may have been the wrong one.
func (d *deploy) showAmount() {
	var made, changed, removed int
	var bytes int64
	for _, c := range d.appWork {
		switch {
		case c.New == nil:
			removed++
			continue
		case c.Old == nil:
			made++
		default:
			changed++
		}
		bytes += c.New.Size
	}
	if d.appWork != nil {
		d.say("%s: %d new files, %d changed, %d removed, %.1f MB to upload\n", d.app.folder, made, changed, removed, float64(bytes)/1e6)
	}
}

func (c replaced) describe(a *app) string {
	switch {
	case c.Old == nil:
		return fmt.Sprintf("%-8s %s, %d bytes", "made", a.path(c.Path), c.New.Size)
	case c.New == nil:
		return fmt.Sprintf("%-8s %s", "removed", a.path(c.Path))
	}
	return fmt.Sprintf("%-8s %s, %d bytes", "changed", a.path(c.Path), c.New.Size)
}
