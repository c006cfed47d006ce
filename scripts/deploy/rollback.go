// What goes back to the app as it was: for its owner, or after a run that broke off.

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proxy.cgi/scripts/deploy/remote"
)

// repair puts in order what a run has left that broke off: the app's files, and the
// settings that it has changed with them.
func (d *deploy) repair(ctx context.Context) error {
	defer func() { d.app = nil }()
	folder, known, err := d.appFolder()
	if remote.IsBroken(err) {
		return err
	}
	if err != nil {
		return nil // nothing tells of one
	}
	if err := d.openApp(folder); remote.IsBroken(err) {
		return err
	} else if err != nil {
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
	if err := d.settleBack(); err != nil {
		return err
	}
	// What this run uploads is not to have the second of what is back: by that and its size
	// Python knows what it has compiled.
	if d.options.app != "" {
		time.Sleep(time.Second)
	}
	return nil
}

func (d *deploy) rollBack(ctx context.Context) error {
	folder, _, err := d.appFolder()
	if err != nil {
		return err
	}
	if err := d.openApp(folder); err != nil {
		return err
	}
	if err := d.app.hasFormer(); err != nil {
		return err
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

// hasFormer demands that there is something to go back to.
func (a *app) hasFormer() error {
	isFirst := a.now.Number == 1 && !slices.ContainsFunc(a.now.Last, func(c replaced) bool { return c.Old != nil })
	switch {
	case a.now.Former != nil:
		return nil
	case a.now.Number == 0:
		return fmt.Errorf("there is nothing to go back to: no app has been deployed to %s", a.folder)
	case a.now.isTakenBack():
		return fmt.Errorf("there is nothing more to go back to: of the app in %s the last deploy alone can be taken back, and it is", a.folder)
	case isFirst:
		return fmt.Errorf("there is nothing to go back to: the app in %s is that of the first deploy, and before it there was none", a.folder)
	}
	return nil
}

// putFormer puts back what the last deploy has replaced, or one that broke off. The app
// may run with that, and is restarted, before the manifest says that all is in order.
func (d *deploy) putFormer(ctx context.Context) error {
	todo, err := steps(d.siteWork)
	if err == nil {
		err = d.app.mayRestart(d.places.restart)
	}
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
