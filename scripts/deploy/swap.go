package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/scripts/deploy/remote"
)

// stage uploads the new files beside the app's.
func (a *app) stage(ctx context.Context, dir string, changes []replaced, m meter) error {
	if err := a.mkdir(dir, "."); err != nil {
		return err
	}
	if err := makePrivate(a.host, a.state("")); err != nil {
		return err
	}
	if a.shuts { // before there is anything to see
		if err := put(a.host, a.path(install.HtaccessFile), []byte(closed), 0o644, meter{}); err != nil {
			return err
		}
	}
	for i, c := range changes {
		if c.New == nil {
			continue
		}
		if ctx.Err() != nil {
			return cutShort(ctx)
		}
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(c.Path)))
		if err != nil {
			return err
		}
		a.databases[c.Path] = bytes.HasPrefix(content, []byte(databaseMagic))
		if describe(c.Path, content, c.New.Mode) != *c.New {
			return fmt.Errorf("%s has changed just now: run this again", c.Path)
		}
		if err := a.mkdir(dir, path.Dir(c.Path)); err != nil {
			return err
		}
		m.name(c.Path)
		if err := put(a.host, a.state(newName(a.run, i)), content, c.New.Mode, m); err != nil {
			return fmt.Errorf("%s cannot be uploaded: %w", a.path(c.Path), err)
		}
		a.have[newName(a.run, i)] = true
	}
	return nil
}

// Names in stateFolder, of the i-th file of a run. Each run has its own: of what an
// earlier one has left there nothing is overwritten.
func newName(run string, i int) string   { return fmt.Sprintf("new-%s-%d", run, i) }
func asideName(run string, i int) string { return fmt.Sprintf("aside-%s-%d", run, i) }

// oldName is of a file that is replaced. What somebody else has written is kept for
// good: nobody else may have it.
func oldName(run string, i int, c replaced) string {
	if c.Old != nil && c.Old.SHA256 == "" {
		return keptName(run, i, c)
	}
	return fmt.Sprintf("old-%s-%d", run, i)
}

func keptName(run string, i int, c replaced) string {
	return fmt.Sprintf("kept-%s-%d-%s", run, i, shortBase(c.Path))
}

// shortBase is the end of a file's name: names have room for 255 bytes.
func shortBase(name string) string {
	base := path.Base(name)
	return strings.ToValidUTF8(base[max(0, len(base)-100):], "")
}

// swap puts the new files in their places, unless a database is among them that is in
// use by now. All that is needed to go back is on
// the host before the first is moved. The app that runs has its files open or
// read already; it is restarted when all are there.
func (a *app) swap(changes []replaced) error {
	if err := a.areFree(changes); err != nil {
		return err
	}
	files := maps.Clone(a.now.Files)
	for _, c := range changes {
		if c.New != nil {
			files[c.Path] = *c.New
		} else {
			delete(files, c.Path)
		}
	}
	m := &manifest{Number: a.now.Number + 1, Run: a.run, Site: a.site, Files: files, Last: changes, Open: a.open, Settings: a.settings, Former: a.now}
	m.Former.Former = nil
	if err := a.write(m); err != nil {
		return err
	}
	for name := range m.Open {
		if err := a.close(name); err != nil {
			return err
		}
	}
	for i, c := range changes {
		if err := a.replace(i, c); err != nil {
			a.isStale = true // the connection may have broken off after the move, and before its reply
			return err
		}
	}
	return nil
}

// replace puts a new file in its place, and what is there into stateFolder.
func (a *app) replace(i int, c replaced) error {
	if a.databases[c.Path] {
		if err := a.isFree(c.Path, newLists(a)); err != nil {
			return err
		}
	}
	if c.Old != nil {
		if err := a.keep(c, oldName(a.run, i, c)); err != nil {
			return err
		}
	} else if err := a.keepCome(c, keptName(a.run, i, c)); err != nil {
		return err
	}
	if c.New == nil {
		return nil
	}
	if err := a.move(a.state(newName(a.run, i)), a.path(c.Path)); err != nil {
		return err
	}
	delete(a.have, newName(a.run, i))
	return nil
}

func (a *app) keep(c replaced, old string) error {
	err := a.moveAway(c.Path, old, c.New != nil)
	if err == nil {
		a.have[old] = true
	}
	return err
}

// moveAway moves a file into stateFolder. Where another is to take its place, it keeps that
// until then, if the host can give it a second name: an app that appends to a file would
// make it anew between two moves, and the second one would replace that.
func (a *app) moveAway(name, away string, isReplaced bool) error {
	err := a.turn()
	if err != nil {
		return err
	}
	if isReplaced {
		if err = a.host.Link(a.path(name), a.state(away)); err == nil || remote.IsBroken(err) {
			return err
		}
	}
	return a.move(a.path(name), a.state(away))
}

// keepCome keeps a file that was not there when the plan was made, and has come
// since. The app has made it, most likely.
func (a *app) keepCome(c replaced, kept string) error {
	_, err := a.host.Size(a.path(c.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case remote.IsBroken(err):
		return err
	}
	return a.keep(c, kept)
}

// settle says that what is there now is to stay. What has been written meanwhile to
// files that are replaced is kept for good, and told.
func (a *app) settle() (notes []string, err error) {
	m := *a.now
	notes = a.notes
	for i, c := range m.Last {
		is, err := a.isWritten(i, c)
		if err != nil {
			return notes, err
		}
		if is {
			notes = append(notes, fmt.Sprintf("%s has been written to on the host while this deploy was under way: that is kept as %s, and --rollback brings it back",
				a.path(c.Path), a.state(keptName(m.Run, i, c))))
		}
	}
	former := m.Former
	m.Former = nil
	if err := a.write(&m); err != nil {
		return notes, err
	}
	a.clean()
	return slices.Concat(notes, a.discard(former), a.discardAside(former)), nil
}

// discard removes what the deploy before this one has replaced, which nobody can bring
// back any more, but for what has been written to since then: an app that nobody has
// restarted has had it open. What cannot be looked at stays.
func (a *app) discard(m *manifest) (notes []string) {
	for i, c := range m.Last {
		if c.Old == nil || c.Old.SHA256 == "" {
			continue
		}
		old := oldName(m.Run, i, c)
		is, err := isAs(a.host, a.state(old), c.Old)
		switch {
		case err != nil:
		case is:
			a.host.Remove(a.state(old)) // it does no harm
		default:
			kept := a.state(keptName(m.Run, i, c))
			if a.move(a.state(old), kept) == nil {
				notes = append(notes, fmt.Sprintf("%s has been written to on the host after the deploy before this one had replaced it: that is kept as %s", a.path(c.Path), kept))
			}
		}
	}
	return notes
}

// isWritten reports whether somebody has written to a file since the plan, which is
// kept then. It looks at what swap has moved away, for between a look before and the
// move there is time to write, too; and the app that runs until it is restarted may
// have the file open.
func (a *app) isWritten(i int, c replaced) (bool, error) {
	switch kept := keptName(a.now.Run, i, c); {
	case c.Old == nil:
		return a.have[kept], nil
	case c.Old.SHA256 == "": // the plan knows
		return false, nil
	default:
		old := oldName(a.now.Run, i, c)
		if is, err := a.wasDeployed(old, c.Old); is || err != nil {
			return false, err
		}
		a.have[kept] = true
		return true, a.move(a.state(old), a.state(kept))
	}
}

// move moves a file. One that is not there has been moved before: by this run, if it
// still holds the turn.
func (a *app) move(from, to string) error {
	if err := a.turn(); err != nil {
		return err
	}
	err := a.host.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		if _, sizeErr := a.host.Size(from); errors.Is(sizeErr, fs.ErrNotExist) {
			return a.turn()
		}
	}
	if err != nil {
		return err
	}
	if err = a.turn(); errors.Is(err, errLost) && path.Dir(to) == a.state("") {
		a.giveBack(from, to)
	}
	return err
}

// giveBack undoes a move out of the app's folder in the midst of which this run was
// asleep, for the file may be another run's. As long as the manifest is as this one
// has left it, that is yet to put in order what it finds.
func (a *app) giveBack(from, to string) {
	text, err := a.host.Read(a.state("manifest.json"), 0, maxText)
	if err != nil || bytes.Equal(text, a.text) {
		return
	}
	if _, err := a.host.Size(from); errors.Is(err, fs.ErrNotExist) {
		a.host.Rename(to, from) // else it stays in stateFolder
	}
}
