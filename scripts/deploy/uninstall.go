package main

import (
	"context"
	"fmt"

	"proxy.cgi/cgiproxy/settings"
)

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
