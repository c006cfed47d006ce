package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"proxy.cgi/scripts/deploy/remote"
)

// back puts the old files back, however far swap has got. What is in their places
// is moved aside: the app may have written to it since, and does so until it is
// restarted. Then settleBack looks at it.
func (a *app) back() error {
	if err := a.listAnew(); err != nil {
		return err
	}
	m, lists := a.now, newLists(a)
	for i, c := range m.Last {
		old, aside := a.listed(i, c), asideName(m.Run, i)
		if old == "" && (a.have[newName(m.Run, i)] || a.isAside(aside, c.Path)) { // not replaced yet, or back already
			continue
		}
		if old == "" && c.Old != nil {
			var err error
			if old, err = a.seek(i, c); err == nil && old == "" {
				err = a.miss(c)
			}
			if err != nil {
				return err
			}
			if old == "" {
				continue
			}
		}
		if isLeft, err := a.leaveOther(i, c, old, lists); err != nil {
			return err
		} else if isLeft {
			continue
		}
		for a.isAside(aside, c.Path) {
			aside += "+"
		}
		if old != "" && a.have[newName(m.Run, i)] && a.isLinked(c.Path, old) { // the new one has not come that far
			a.host.Remove(a.state(old)) // it does no harm
			delete(a.have, old)
			continue
		}
		if err := a.moveAside(c.Path, aside, old != "", lists); err != nil {
			return err
		}
		if old != "" {
			if err := a.remake(path.Dir(c.Path), lists); err != nil {
				return err
			}
			// With its own time it would be older than what browsers have of the new one, and
			// who compares times alone, as Go's http.FileServer, tells them to keep that.
			if err := a.host.Touch(a.state(old)); remote.IsBroken(err) {
				return err
			}
			if err := a.move(a.state(old), a.path(c.Path)); err != nil {
				return err
			}
			delete(a.have, old)
		}
	}
	return a.reopen()
}

// listAnew takes note of what swap may have moved at last.
func (a *app) listAnew() error {
	if !a.isStale {
		return nil
	}
	list, err := a.host.List(a.state(""))
	for _, e := range list {
		a.have[e.Name] = true
	}
	return err
}

// isLinked reports whether a file may have a second name in stateFolder: their content is
// the same.
func (a *app) isLinked(name, second string) bool {
	one, err1 := a.host.Read(a.path(name), 0, maxText)
	other, err2 := a.host.Read(a.state(second), 0, maxText)
	return err1 == nil && err2 == nil && bytes.Equal(one, other)
}

// leaveOther reports whether somebody has put something else in the place of a file, or of
// a folder on its way, since the deploy. It stays, for a link alone leads to where that has
// been moved, a database with all orders most likely; what was there before the deploy, ""
// for nothing, is kept for good.
func (a *app) leaveOther(i int, c replaced, old string, l lists) (is bool, err error) {
	name, other, err := l.other(c.Path)
	if name == "" {
		return false, err
	}
	note := a.path(name) + " is a file on the host by now, and stays"
	if isLink(other) {
		note = a.path(name) + " is a link on the host by now, and stays"
	}
	if old != "" {
		kept := keptName(a.now.Run, i, c)
		if old != kept { // else an earlier way back has broken off
			if err := a.move(a.state(old), a.state(kept)); err != nil {
				return false, err
			}
			delete(a.have, old)
			a.have[kept] = true
		}
		note += ": what was there before the deploy is kept as " + a.state(kept)
	}
	if !slices.Contains(a.said, note) {
		a.said = append(a.said, note)
	}
	return true, nil
}

// moveAside moves what is in the place of an old file into stateFolder, with its journals:
// before it, for a database that is made anew beside one would have that deleted, and
// after it, for another may have come until then.
func (a *app) moveAside(name, aside string, isReplaced bool, l lists) error {
	are, err := a.keepJournals(name, aside, l)
	if err != nil {
		return err
	}
	a.have[aside] = true
	if err := a.moveAway(name, aside, isReplaced && !are); err != nil || !are {
		return err
	}
	_, err = a.keepJournals(name, aside, newLists(a))
	return err
}

// remake makes a folder anew that is there no more: FTP programs and clean-ups remove
// what is empty. Files that others may not read have such permissions themselves.
func (a *app) remake(dir string, l lists) error {
	if list, err := l.in(dir); list != nil || err != nil || dir == "." { // an error is that of the move, too
		return nil
	}
	if err := a.remake(path.Dir(dir), l); err != nil {
		return err
	}
	l.of[dir] = map[string]remote.Entry{}
	return a.host.Mkdir(a.path(dir), 0o755)
}

// oldNames are those that what a deploy has replaced may have in stateFolder: where it
// has been written to meanwhile, and where not.
func (a *app) oldNames(i int, c replaced) [2]string {
	return [...]string{keptName(a.now.Run, i, c), oldName(a.now.Run, i, c)}
}

// listed returns the one that is in the list of stateFolder, "" for none.
func (a *app) listed(i int, c replaced) string {
	for _, name := range a.oldNames(i, c) {
		if a.have[name] {
			return name
		}
	}
	return ""
}

// seek asks for one that is not: Pure-FTPd lists 10,000 names at most.
func (a *app) seek(i int, c replaced) (string, error) {
	for _, name := range a.oldNames(i, c) {
		if _, err := a.host.Size(a.state(name)); !errors.Is(err, fs.ErrNotExist) {
			return name, err
		}
	}
	return "", nil
}

// miss has the next deploy bring a file whose old version is nowhere, unless that has
// not been moved yet, or is back already.
func (a *app) miss(c replaced) (err error) {
	var isThere bool
	if c.New != nil {
		isThere, err = isAs(a.host, a.path(c.Path), c.Old)
	} else {
		_, err = a.host.Size(a.path(c.Path))
		isThere = err == nil
	}
	switch {
	case isThere:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case c.New != nil:
		a.now.Former.Files[c.Path] = *c.New
	default:
		delete(a.now.Former.Files, c.Path)
	}
	a.said = append(a.said, a.path(c.Path)+" stays as it is, for somebody has removed what was there before from "+a.state("")+": deploy the version that you want")
	return nil
}

// rollBack undoes the last deploy, as a whole or not at all, or one that broke off,
// however far it has got. Should it break off itself, the next run goes on with it.
func (a *app) rollBack() error {
	if a.now.Former != nil {
		return a.back()
	}
	if err := a.hasAllOld(); err != nil {
		return err
	}
	former := &manifest{Number: a.now.Number, Site: a.now.Site, Files: maps.Clone(a.now.Files)}
	for _, c := range a.now.Last {
		switch {
		case c.Was != nil:
			former.Files[c.Path] = *c.Was
		case c.Old != nil && c.Old.SHA256 != "":
			former.Files[c.Path] = *c.Old
		default:
			delete(former.Files, c.Path)
		}
	}
	m := *a.now
	m.Former = former
	if err := a.write(&m); err != nil {
		return err
	}
	return a.back()
}

// hasAllOld demands that all is there that the last deploy has replaced.
func (a *app) hasAllOld() error {
	for i, c := range a.now.Last {
		if c.Old == nil || a.listed(i, c) != "" {
			continue
		}
		old, err := a.seek(i, c)
		if err == nil && old == "" {
			err = fmt.Errorf("the last deploy cannot be taken back, for somebody has removed what was there before %s from %s: nothing has been changed; deploy the version that you want", a.path(c.Path), a.state(""))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
