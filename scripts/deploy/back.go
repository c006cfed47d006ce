// What takes a deploy back: because the site fails, or because its owner says so.

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// undo puts back what was there before, and returns what has made it necessary.
func (d *deploy) undo(ctx context.Context, why string) error {
	todo, err := steps(inverse(d.siteWork))
	if err == nil && todo != nil {
		if err = d.served.stage(context.WithoutCancel(ctx), todo, meter{}); err == nil {
			err = d.served.place(todo)
		}
	}
	if d.appWork != nil {
		if d.app.now.Former != nil {
			err = errors.Join(err, d.app.back())
		}
		err = errors.Join(err, d.app.restart(d.places.restart))
	}
	if err != nil {
		return fmt.Errorf("%s\nnor could all be put back: %w: run this again when the host can be reached, with a version that works", why, err)
	}
	after := "what was there before is back"
	if status, text := d.firstPage(context.WithoutCancel(ctx)); status != 0 {
		after += fmt.Sprintf("; its first page is %s", text)
	}
	return fmt.Errorf("%s\n%s", why, after)
}

func (d *deploy) uninstall(ctx context.Context) error {
	changes, notes, err := d.site().PlanUninstall()
	if err != nil {
		return err
	}
	d.siteWork = changes
	if d.dryRun {
		d.showWork()
		return nil
	}
	todo, err := steps(changes)
	if err != nil {
		return err
	}
	defer d.served.clean()
	if err = d.served.stage(context.WithoutCancel(ctx), todo, meter{}); err == nil {
		err = d.served.place(todo)
	}
	if err != nil {
		return fmt.Errorf("%w: run this again", err)
	}
	d.showDone()
	for _, note := range notes {
		d.say("note: %s\n", note)
	}
	return nil
}

func (d *deploy) rollBack(ctx context.Context) error {
	folder, _, err := d.appFolder()
	if err != nil {
		return err
	}
	if d.app, err = openApp(d.host, folder); err != nil {
		return err
	}
	switch now := d.app.now; {
	case now.Last != nil || now.Former != nil:
	case now.Number == 0:
		return fmt.Errorf("there is nothing to go back to: no app has been deployed to %s", folder)
	default:
		return fmt.Errorf("there is nothing more to go back to: of the app in %s the last deploy alone can be taken back, and it is", folder)
	}
	d.places = d.findPlaces()
	d.logs, d.before = d.findLogs(), d.appState()
	d.appWork = d.app.now.Last
	if d.dryRun {
		d.appWork = nil
		for _, c := range d.app.now.Last {
			d.appWork = append(d.appWork, replaced{c.Path, c.New, c.Old})
		}
		d.showWork()
		return nil
	}
	if repaired, err := d.app.repair(d.say); err != nil {
		return err
	} else if !repaired {
		if err := d.app.rollBack(); err != nil {
			return err
		}
	}
	if err := d.app.restart(d.places.restart); err != nil {
		return err
	}
	if problems := d.verify(ctx); problems != nil {
		return fmt.Errorf("the app is as it was before the last deploy, and the site fails:\n  %s%s", strings.Join(problems, "\n  "), d.newLines())
	}
	d.say("the app is as it was before the last deploy\n")
	return nil
}
