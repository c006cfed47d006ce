// The settings from before a run that changes them, and brings no file of the app.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/settings"
)

// formerFile has them, until that run has seen the site work with the new ones, of which
// the sum stands before them. Where a new command does not start the app, proxy.cgi lets
// the old one go on: that a run has broken off before it saw that, nothing else tells.
const formerFile = ".htproxycgi-former"

// settingsAlone returns the change of settings that were there, if this run brings no
// file of the app: with files the manifest has what goes back.
func (d *deploy) settingsAlone() (c install.Change, is bool) {
	for _, c := range d.siteWork {
		if c.Name == settings.File && c.Old != nil && d.appWork == nil {
			return c, true
		}
	}
	return c, false
}

// keepFormer is done before the new settings are put in their place.
func (d *deploy) keepFormer() error {
	c, is := d.settingsAlone()
	if !is {
		return nil
	}
	temp := path.Join(d.served.temp, tempFile+"former")
	if err := put(d.host, temp, append([]byte(sum(c.New)+"\n"), c.Old...), 0o600, meter{}); err != nil {
		return fmt.Errorf("%s cannot be uploaded: %w", d.served.path(formerFile), err)
	}
	if err := d.served.turn(); err != nil {
		return err
	}
	return d.host.Rename(temp, d.served.path(formerFile))
}

// forgetFormer says that the settings which are there now are to stay.
func (d *deploy) forgetFormer() error {
	if _, is := d.settingsAlone(); !is {
		return nil
	}
	err := d.host.Remove(d.served.path(formerFile))
	if errors.Is(err, fs.ErrNotExist) { // removed by a connection that broke off
		return nil
	}
	return err
}

// repairSettings takes back what a run that broke off has changed of the settings alone,
// unless somebody else has changed them since.
func (d *deploy) repairSettings(ctx context.Context) error {
	if _, isThere := entryIn(d.served.list, formerFile); !isThere {
		return nil
	}
	text, err := d.host.Read(d.served.path(formerFile), 0, maxText)
	if err != nil {
		return err
	}
	file, err := d.served.read(settings.File)
	if err != nil {
		return err
	}
	new, former, _ := bytes.Cut(text, []byte("\n"))
	switch {
	case sum(file.Old) == string(new):
		d.say("an earlier run broke off: what it has changed in %s is taken back first\n", settings.File)
		file.New, file.Mode = former, file.OldMode
		err = d.placeNow(ctx, file)
		d.lines = file.New
	case !bytes.Equal(file.Old, former):
		d.note(settings.File + " stays as it is, for it has been changed since an earlier run, which broke off")
	}
	if err != nil {
		return err
	}
	return d.host.Remove(d.served.path(formerFile))
}

// placeNow puts a file of the site in its place, to the end.
func (d *deploy) placeNow(ctx context.Context, c install.Change) error {
	todo, err := steps([]install.Change{c})
	if err == nil {
		err = d.served.stage(context.WithoutCancel(ctx), todo, meter{})
	}
	if err == nil {
		err = d.served.place(todo)
	}
	return err
}
