// What the site was before a run that changes it, and brings no file of the app.

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

// formerFile tells of that, until the run has seen the site work: the sum of the new
// settings and those of before, or firstDeploy. Where a new command does not start the
// app, proxy.cgi lets the old one go on: that a run has broken off before it saw that,
// nothing else tells.
const (
	formerFile  = ".htproxycgi-former"
	firstDeploy = "none\n"
)

// former returns what formerFile has to say, nil where this run brings files of the app:
// then the manifest has what goes back.
func (d *deploy) former() []byte {
	if d.appWork != nil {
		return nil
	}
	if d.isFirst() {
		return []byte(firstDeploy)
	}
	for _, c := range d.siteWork {
		if c.Name == settings.File && c.Old != nil {
			return append([]byte(sum(c.New)+"\n"), c.Old...)
		}
	}
	return nil
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

// repairSite takes back what a run that broke off has changed without the app's files.
func (d *deploy) repairSite(ctx context.Context) error {
	if _, isThere := entryIn(d.served.list, formerFile); !isThere {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	text, err := d.host.Read(d.served.path(formerFile), 0, maxText)
	switch {
	case err != nil:
	case string(text) != firstDeploy:
		err = d.repairSettings(ctx, text)
	case d.mode != "":
		return nil // the site has not been asked
	case d.asked.fails():
		err = d.repairFirst(ctx)
	}
	if err != nil {
		return err
	}
	return d.removeFormer()
}

// repairFirst takes out of the served folder what a first deploy has put there, which
// has hidden the page of before, and fails.
func (d *deploy) repairFirst(ctx context.Context) error {
	changes, notes, err := d.site().PlanUninstall()
	if err != nil {
		return err
	}
	d.say("an earlier run broke off, the first of this site: what it has put there is taken out first\n")
	d.note(notes...)
	if err := d.placeNow(ctx, changes); err != nil {
		return err
	}
	if d.served.list, err = d.host.List(d.served.folder); err != nil {
		return err
	}
	d.asked = d.firstPage(ctx)
	return d.readSettings()
}

// repairSettings puts back the settings of before, unless somebody else has changed them
// since.
func (d *deploy) repairSettings(ctx context.Context, text []byte) error {
	file, err := d.served.read(settings.File)
	if err != nil {
		return err
	}
	sumNow, former, _ := bytes.Cut(text, []byte("\n"))
	switch {
	case sum(file.Old) == string(sumNow):
		d.say("an earlier run broke off: what it has changed in %s is taken back first\n", settings.File)
		file.New, file.Mode = former, file.OldMode
		d.lines = file.New
		return d.placeNow(ctx, []install.Change{file})
	case !bytes.Equal(file.Old, former):
		d.note(settings.File + " stays as it is, for it has been changed since an earlier run, which broke off")
	}
	return nil
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
