// What the settings were before a run that changes them, and brings no file of the app.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
)

// formerFile has the sum of the new settings and those of before, until the run has seen
// the site work. Where a new command does not start the app, proxy.cgi lets the old one
// go on: that a run has broken off before it saw that, nothing else tells.
const formerFile = ".htproxycgi-former"

// former returns what formerFile has to say, nil where this run brings files of the app:
// then the manifest has what goes back. A first deploy has none: what its rules need
// stays with them, for after a while nothing tells one that broke off from a site that
// is in use.
func (d *deploy) former() []byte {
	if d.appWork != nil || !d.wasThere() {
		return nil
	}
	for _, c := range d.siteWork {
		if c.Name == settings.File && c.Old != nil {
			return append([]byte(sum(c.New)+"\n"), c.Old...)
		}
	}
	return nil
}

// wasThere reports whether proxy.cgi, as one script or the other, was there before this
// run.
func (d *deploy) wasThere() bool {
	return slices.ContainsFunc(htaccess.Both.Names(), func(name string) bool {
		_, isThere := entryIn(d.served.list, name)
		return isThere
	})
}

// keepFormer is done before anything of the site is put in its place.
func (d *deploy) keepFormer() error {
	text := d.former()
	if text == nil {
		return nil
	}
	temp := path.Join(d.served.temp, tempFile+"former")
	if err := put(d.host, temp, text, 0o600, meter{}); err != nil {
		return fmt.Errorf("%s cannot be uploaded: %w", d.served.path(formerFile), err)
	}
	if err := d.served.turn(); err != nil {
		return err
	}
	return d.host.Rename(temp, d.served.path(formerFile))
}

// forgetFormer says that what is there now is to stay.
func (d *deploy) forgetFormer() error {
	if d.former() == nil {
		return nil
	}
	return d.removeFormer()
}

func (d *deploy) removeFormer() error {
	err := d.host.Remove(d.served.path(formerFile))
	if errors.Is(err, fs.ErrNotExist) { // removed by a connection that broke off
		return nil
	}
	return err
}

// repairSettings takes back what a run that broke off has changed of settings alone.
func (d *deploy) repairSettings(ctx context.Context) error {
	if _, isThere := entryIn(d.served.list, formerFile); !isThere || d.mode == "uninstall" {
		return nil
	}
	text, err := d.host.Read(d.served.path(formerFile), 0, maxText)
	if err == nil {
		err = d.takeSettingsBack(context.WithoutCancel(ctx), text)
	}
	if err != nil {
		return err
	}
	return d.removeFormer()
}

// takeSettingsBack does so where the site fails with them, and does not with those of
// before, or where the app has not started with them. Somebody may have run the site
// like this for long since.
func (d *deploy) takeSettingsBack(ctx context.Context, text []byte) error {
	file, err := d.served.read(settings.File)
	if err != nil {
		return err
	}
	sumNow, former, _ := bytes.Cut(text, []byte("\n"))
	if sum(file.Old) != string(sumNow) {
		if !bytes.Equal(file.Old, former) {
			d.note(settings.File + " stays as it is, for it has been changed since an earlier run, which broke off")
		}
		return nil
	}
	d.places = d.findPlaces()
	fails := d.startedPage(ctx).fails()
	if !fails && d.appState().unreplaced == "" {
		return nil
	}
	file.New, file.Mode = former, file.OldMode
	if err := d.putSettings(ctx, file); err != nil {
		return err
	}
	if fails && d.startedPage(ctx).fails() {
		return d.putSettings(ctx, inverse([]install.Change{file})[0])
	}
	d.say("an earlier run broke off: what it has changed in %s is taken back first\n", settings.File)
	return nil
}

func (d *deploy) putSettings(ctx context.Context, file install.Change) error {
	d.lines = file.New
	d.places = d.findPlaces()
	return d.placeNow(ctx, []install.Change{file})
}

// placeNow puts files of the site in their places, to the end.
func (d *deploy) placeNow(ctx context.Context, changes []install.Change) error {
	todo, err := steps(changes)
	if err == nil {
		err = d.served.stage(ctx, todo, meter{})
	}
	if err == nil {
		err = d.served.place(todo)
	}
	return err
}
