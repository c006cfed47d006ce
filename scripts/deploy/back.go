// What takes a deploy back: because the site fails, or because its owner says so.

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/settings"
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
	if err == nil && todo != nil {
		if err = d.served.stage(ctx, todo, meter{}); err == nil {
			err = d.served.place(todo)
		}
	}
	if d.appWork != nil {
		if d.app.now.Former != nil {
			err = errors.Join(err, d.app.back())
		}
		if errors.Is(err, errLost) {
			return fmt.Errorf("%s\n%w", why, errLost)
		}
		err = errors.Join(err, d.app.restart(d.places.restart))
	}
	var how string
	if err == nil {
		how = strings.Join(append([]string{d.howItIsBack(d.firstPage(ctx), failed)}, notes...), "\n")
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
	case now.fails() && now.status == d.asked.status:
		return back + ", and fails as it did before this deploy: the first page: " + now.text
	case now.fails():
		return back + ", and the site still fails: the first page: " + now.text
	case isNew && (d.isFirst() || d.before.began == ""):
		return strings.TrimSpace(back + "; its first page is " + now.text + "\n" + d.stillRuns())
	case app.began == "":
		return back + "; its first page is " + now.text
	case started, !isNew:
		return back + ", and the app that runs is the one from before; its first page is " + now.text
	}
	return back + ", but whether the app that runs is the one from before is not known, for the first page does not come from it: it is " + now.text
}

// stillRuns tells of an app that proxy.cgi has started, and is there no more to
// stop.
func (d *deploy) stillRuns() string {
	app := d.appState()
	if app.phase != "running" {
		return ""
	}
	return fmt.Sprintf("the app that was started still runs (process %s in %s): end it in the host's list of processes, or ask the host", app.pid, d.places.dir)
}

// howToStop tells how to end such an app while there still is who stops it.
func (d *deploy) howToStop() string {
	switch {
	case d.appState().phase != "running":
		return ""
	case d.setting("STATUS_PATH") == "":
		return "the app runs on after --uninstall: the status page stops it before that (\"Stop the app\"), with CGIPROXY_STATUS_PATH and CGIPROXY_STATUS_TOKEN in " + settings.File
	}
	return "the app runs on after --uninstall: before that, \"Stop the app\" on the status page stops it"
}

func (d *deploy) uninstall(ctx context.Context) error {
	if !d.dryRun { // no next run may come that does
		if err := d.repair(ctx); err != nil {
			return err
		}
	}
	d.places = d.findPlaces()
	changes, notes, err := d.site().PlanUninstall()
	if err != nil {
		return err
	}
	d.siteWork = changes
	if d.dryRun {
		d.showWork()
		d.note(append(notes, d.howToStop())...)
		return nil
	}
	if len(changes) == 0 {
		d.say("nothing to take out of %s\n", d.target.Folder)
	}
	todo, err := steps(changes)
	if err != nil {
		return err
	}
	if err = d.served.stage(context.WithoutCancel(ctx), todo, meter{}); err == nil {
		err = d.served.place(todo)
	}
	if err != nil {
		return fmt.Errorf("%w: run this again", err)
	}
	d.showDone()
	d.note(append(notes, d.stillRuns())...)
	return nil
}

// repair puts in order what a run has left that broke off: the app's files, and the
// settings that it has changed with them.
func (d *deploy) repair(ctx context.Context) error {
	defer func() { d.app = nil }()
	folder, known, err := d.appFolder()
	if err != nil {
		return nil // nothing tells of one
	}
	if err := d.openApp(folder); err != nil {
		if known && d.options.app == "" { // else it is refused, or none is meant
			d.note(err.Error())
		}
		return nil
	}
	if d.app.now.Former == nil {
		return nil
	}
	if err := d.planFormerSettings(); err != nil {
		return err
	}
	if err := d.putFormer(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return d.settleBack()
}

func (d *deploy) rollBack(ctx context.Context) error {
	folder, _, err := d.appFolder()
	if err != nil {
		return err
	}
	if err := d.openApp(folder); err != nil {
		return err
	}
	switch now := d.app.now; {
	case now.Number == 1 && now.Former == nil && !slices.ContainsFunc(now.Last, func(c replaced) bool { return c.Old != nil }):
		return fmt.Errorf("there is nothing to go back to: the app in %s is that of the first deploy, and before it there was none", folder)
	case now.Last != nil || now.Former != nil:
	case now.Number == 0:
		return fmt.Errorf("there is nothing to go back to: no app has been deployed to %s", folder)
	default:
		return fmt.Errorf("there is nothing more to go back to: of the app in %s the last deploy alone can be taken back, and it is", folder)
	}
	d.logs = d.findLogs()
	d.appWork = d.app.now.Last
	if err := d.planFormerSettings(); err != nil {
		return err
	}
	if d.dryRun {
		d.appWork = nil
		for _, c := range d.app.now.Last {
			d.appWork = append(d.appWork, replaced{Path: c.Path, Old: c.New, New: c.Old})
		}
		d.showWork()
		return nil
	}
	done := fmt.Sprintf("the app is as it was before deploy %d", d.app.now.Number)
	if err := d.putFormer(ctx); err != nil {
		return err
	}
	problems := d.verify(ctx)
	if d.isLost() {
		return errLost
	}
	if err := d.settleBack(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %s, and whether the site works was not asked", errInterrupted, done)
	}
	defer d.showWarnings()
	if problems != nil {
		return fmt.Errorf("%s, and the site fails:\n  %s%s", done, strings.Join(problems, "\n  "), d.newLines())
	}
	d.say("%s\n", done)
	return nil
}

// putFormer puts back what the last deploy has replaced, or one that broke off. The app
// may run with that, and is restarted, before the manifest says that all is in order.
func (d *deploy) putFormer(ctx context.Context) error {
	todo, err := steps(d.siteWork)
	if err == nil {
		err = d.served.stage(ctx, todo, meter{})
	}
	if err != nil {
		return fmt.Errorf("%w; the site is as it was", err)
	}
	if d.app.now.Former != nil {
		d.say("an earlier run broke off: the app's files are put back first\n")
	}
	if err = d.app.rollBack(); err == nil {
		err = d.served.place(todo)
	}
	if err == nil {
		err = d.restart()
	}
	if err != nil && d.app.now.Former != nil && !errors.Is(err, errLost) {
		err = fmt.Errorf("%w; files of both versions are there: run this again, which goes on with it", err)
	}
	return err
}

func (d *deploy) settleBack() error {
	kept, err := d.app.settleBack()
	d.note(kept...)
	return err
}
