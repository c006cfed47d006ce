// What takes a deploy back that fails.

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/htaccess"
)

// failsHow says whose fault it may be that the site fails.
func (d *deploy) failsHow() string {
	switch before := d.asked; {
	case !before.fails():
		return "the site fails with what is new (before this deploy its first page was " + before.text + ")"
	case before.status == d.page.status:
		return "the site fails, in the same way as before this deploy"
	default:
		return "the site fails, as it did before this deploy in another way (" + before.text + ")"
	}
}

// undo puts back what was there before, and returns what has made it necessary.
func (d *deploy) undo(ctx context.Context, why string) error {
	if d.isLost() {
		return fmt.Errorf("%s\n%w", why, errLost)
	}
	ctx = context.WithoutCancel(ctx)
	failed := d.appState()
	back, notes := d.ours(inverse(d.siteWork))
	todo, err := steps(back)
	if err == nil {
		err = d.served.stage(ctx, todo, meter{})
	}
	isStaged := err == nil
	if d.appWork != nil && d.app.now.Former != nil {
		err = errors.Join(err, d.app.back())
	}
	if isStaged && !errors.Is(err, errLost) {
		err = errors.Join(err, d.served.place(todo))
	}
	if errors.Is(err, errLost) {
		return fmt.Errorf("%s\n%w", why, errLost)
	}
	if d.appWork != nil {
		err = errors.Join(err, d.app.restart(d.places.restart))
	}
	var how string
	if err == nil {
		how = strings.Join(append([]string{d.howItIsBack(d.startedPage(ctx), failed)}, notes...), "\n")
		if d.appWork != nil && d.app.now.Former != nil {
			var kept []string
			kept, err = d.app.settleBack()
			how = strings.Join(append([]string{how}, kept...), "\n")
		}
	}
	if err != nil {
		return fmt.Errorf("%s\nnor could all be put back: %w: run this again when the host can be reached, with a version that works", why, err)
	}
	return fmt.Errorf("%s\n%s", why, how)
}

// ours leaves out what somebody else has changed meanwhile, which is noted.
func (d *deploy) ours(changes []install.Change) (ours []install.Change, notes []string) {
	for _, c := range changes {
		if err := d.served.isOurs(c.Name); errors.Is(err, errChanged) {
			notes = append(notes, fmt.Sprintf("but %s %v", d.served.path(c.Name), errChanged))
			continue
		}
		ours = append(ours, c)
	}
	return ours, notes
}

// howItIsBack says how the site does with what was put back. failed is the app
// that ran until then.
func (d *deploy) howItIsBack(now page, failed appState) string {
	const back = "what was there before is back"
	app := d.appState()
	started, tried := app.since(failed)
	switch isNew := app.began != d.before.began; { // started by this deploy, or by putting back
	case isNew && tried && !started:
		return "the files from before are back, but the app does not start with them (" + app.failure() + "), and the one of this deploy still answers: the first page: " + now.text
	case tried && !started && app.unreplaced != "":
		return "the files from before are back, and the app from before goes on, but it does not start with them any more (" + app.failure() + "): its first page is " + now.text
	case now.fails() && now.status == d.asked.status:
		return back + ", and fails as it did before this deploy: the first page: " + now.text + d.howToLeave()
	case now.fails():
		return back + ", and the site still fails: the first page: " + now.text + d.howToLeave()
	case isNew && (d.isFirst() || d.before.began == ""):
		return strings.TrimSpace(back + "; its first page is " + now.text + "\n" + d.stillRuns())
	case app.began == "":
		return back + "; its first page is " + now.text
	case started, !isNew:
		return back + ", and the app that runs is the one from before; its first page is " + now.text
	}
	return back + ", but whether the app that runs is the one from before is not known, for the first page does not come from it: it is " + now.text
}

// howToLeave is for a site that has perhaps never worked, as after a first deploy that
// broke off: nothing tells it from one whose app is down.
func (d *deploy) howToLeave() string {
	wasThere := slices.ContainsFunc(htaccess.Both.Names(), func(name string) bool {
		_, isThere := entryIn(d.served.list, name)
		return isThere
	})
	if !wasThere {
		return ""
	}
	return "\nwhat visitors saw before proxy.cgi was there comes back with --uninstall"
}
