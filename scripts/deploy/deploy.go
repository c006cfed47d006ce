package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"proxy.cgi/cgiproxy/settings"
)

func (d *deploy) deploy(ctx context.Context) error {
	if !d.dryRun {
		if err := d.repair(ctx); err != nil {
			return err
		}
	}
	leftOut, err := d.plan()
	if err != nil {
		return fmt.Errorf("%w; nothing has been changed", err)
	}
	if leftOut != nil {
		d.say("left out of %s: %s (--include takes a file or folder in)\n", d.options.app, strings.Join(leftOut, ", "))
	}
	d.showAmount()
	if d.dryRun {
		d.showWork()
		return nil
	}
	if len(d.siteWork) == 0 && len(d.appWork) == 0 {
		d.say("nothing to upload\n")
	}
	todo, err := d.stage(ctx)
	if err == nil {
		err = d.areOurs() // before the app is replaced, which takes longer
	}
	if err != nil {
		if d.app != nil {
			d.app.clean()
		}
		if d.isLost() { // which removes what this one has uploaded
			return errLost
		}
		return fmt.Errorf("%w; the site is as it was", err)
	}
	if d.isLost() {
		return errLost
	}
	switch err := d.place(todo); {
	case errors.Is(err, errLost):
		return err
	case err != nil:
		return d.undo(ctx, err.Error())
	}
	problems := d.verify(ctx)
	if ctx.Err() != nil { // what it has found then says nothing about the site
		return d.undo(ctx, errInterrupted.Error())
	}
	if problems != nil {
		d.showWarnings()
		return d.undo(ctx, d.failsHow()+":\n  "+strings.Join(problems, "\n  ")+d.newLines())
	}
	return d.settle()
}

// areOurs demands that nobody else has changed a file of the site.
func (d *deploy) areOurs() error {
	for _, c := range d.siteWork {
		if err := d.served.isOurs(c.Name); err != nil {
			return err
		}
	}
	return nil
}

// settle says that what is there now is to stay.
func (d *deploy) settle() error {
	if d.isLost() {
		return errLost
	}
	if d.appWork != nil {
		kept, err := d.app.settle()
		d.note(kept...)
		if err != nil && !errors.Is(err, errLost) {
			err = fmt.Errorf("%w: the site works with what is new, but the next run takes that back unless it brings it again: run this again", err)
		}
		if err != nil {
			return err
		}
	} else if d.app != nil {
		if err := d.app.addSettings(); err != nil {
			return err
		}
	}
	d.showDone()
	return nil
}

// plan finds out what to change.
func (d *deploy) plan() (leftOut []string, err error) {
	if d.options.app != "" {
		if leftOut, err = d.planApp(); err != nil {
			return nil, err
		}
	}
	changes, notes, err := d.site().Plan()
	if err != nil {
		return nil, err
	}
	d.siteWork = changes
	for _, c := range changes {
		if c.Name == settings.File {
			d.lines = c.New
		}
	}
	d.note(notes...)
	d.places = d.findPlaces()
	d.logs = d.findLogs()
	d.before = d.appState()
	return leftOut, nil
}

// planApp also says in the settings where the app will be.
func (d *deploy) planApp() (leftOut []string, err error) {
	files, leftOut, err := scan(d.options.app, d.include)
	if err != nil {
		return nil, err
	}
	folder, known, err := d.appFolder()
	if err != nil {
		return nil, err
	}
	if d.setting("START") != "" && !known {
		err = d.leadToApp(folder)
	} else {
		err = d.findsApp(folder)
	}
	if err != nil {
		return nil, err
	}
	if err := d.openApp(folder); err != nil {
		return nil, err
	}
	if was := path.Join(folder, d.app.now.Site); d.app.now.Site != "" && d.app.now.Site != d.app.site && was != d.target.Folder {
		d.note(fmt.Sprintf("the app in %s, which was that of the site in %s, is this one's from now on", folder, was))
	}
	if err := d.app.isForRestart(d.places.restart, files); err != nil {
		return nil, err
	}
	if d.app.site == "." {
		return nil, fmt.Errorf("%s is the served folder itself, where nothing would keep visitors from the app after --uninstall: name a folder in it that begins with a dot, as in --app-to %s", folder, d.hiddenFolder())
	}
	d.app.settings = d.changedSettings()
	switch isNew := d.appTo == "" && d.app.now.Number == 0; {
	case isNew && known:
		err = d.isAnother(folder)
	case isNew:
		err = d.besidePages(folder)
	}
	if err != nil {
		return nil, err
	}
	var notes []string
	d.appWork, notes, err = d.app.plan(files, leftOut, d.include)
	d.note(notes...)
	return leftOut, err
}

// stage uploads everything, where nobody sees it.
func (d *deploy) stage(ctx context.Context) ([]step, error) {
	todo, err := steps(d.siteWork)
	if err != nil {
		return nil, err
	}
	var bytes int64
	for _, s := range todo {
		bytes += int64(len(s.content))
	}
	for _, c := range d.appWork {
		if c.New != nil {
			bytes += c.New.Size
		}
	}
	if d.app != nil {
		d.app.clean() // what a run that broke off has left takes room
	}
	m := newMeter(bytes)
	defer m.end()
	if d.appWork != nil {
		if err := d.app.stage(ctx, d.options.app, d.appWork, m); err != nil {
			return nil, err
		}
		if err := d.app.mayRestart(d.places.restart); err != nil {
			return nil, err
		}
		if err := d.shutStart(); err != nil {
			return nil, err
		}
	}
	return todo, d.served.stage(ctx, todo, m)
}

// restart restarts the app. The one that runs until then may be another than that before
// the upload: it may have crashed, or was idle.
func (d *deploy) restart() error {
	d.before = d.appState()
	return d.app.restart(d.places.restart)
}

// place puts everything in its place: first the app, which the site needs. It is restarted
// when the command that does it is there, too.
func (d *deploy) place(todo []step) error {
	if d.appWork != nil {
		if err := d.app.swap(d.appWork); err != nil {
			return err
		}
	}
	if err := d.served.place(todo); err != nil || d.appWork == nil {
		return err
	}
	return d.restart()
}
