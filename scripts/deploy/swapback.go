package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"

	"proxy.cgi/scripts/deploy/remote"
)

// back puts the old files back, however far swap has got. What is in their places
// is moved aside: the app may have written to it since, and does so until it is
// restarted. Then settleBack looks at it.
func (a *app) back() error {
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
			if err := a.move(a.state(old), a.path(c.Path)); err != nil {
				return err
			}
			delete(a.have, old)
		}
	}
	return a.reopen()
}

// isLinked reports whether a file may have a second name in stateFolder: their content is
// the same.
func (a *app) isLinked(name, second string) bool {
	one, err1 := a.host.Read(a.path(name), 0, maxText)
	other, err2 := a.host.Read(a.state(second), 0, maxText)
	return err1 == nil && err2 == nil && bytes.Equal(one, other)
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

// An aside is a file that a deploy has brought and back has moved into stateFolder.
type aside struct {
	Name string `json:"name"` // there
	Path string `json:"path"`
	New  file   `json:"new"` // as it was deployed
}

// isAside reports whether a file has been moved aside under a name, by which it may be
// kept for good by now.
func (a *app) isAside(name, file string) bool {
	return a.have[name] || a.have[sinceName(name, file)]
}

// settleBack says that what back has put there is to stay. Of what it has moved aside,
// that which has been written to since the deploy is kept for good, and told. The rest
// stays until the next deploy: an app that nobody has restarted has it open, and may
// yet write to it.
func (a *app) settleBack() (kept []string, err error) {
	m := a.now
	kept = a.said
	for i, c := range m.Last {
		for name := asideName(m.Run, i); a.isAside(name, c.Path); name += "+" {
			is, err := a.wasDeployed(name, c.New)
			switch isKept := a.have[sinceName(name, c.Path)]; {
			case err != nil:
				return kept, err
			case isKept: // by a run that broke off then
				kept = append(kept, a.keptSince(name, c.Path))
			case !is || a.hasJournals(c.Path, name):
				if err := a.keepSince(name, c.Path); err != nil {
					return kept, err
				}
				kept = append(kept, a.keptSince(name, c.Path))
			case c.New != nil:
				m.Former.Aside = append(m.Former.Aside, aside{name, c.Path, *c.New})
			}
		}
	}
	if err := a.write(m.Former); err != nil {
		return kept, err
	}
	a.clean()
	return append(kept, a.discardAside(m)...), nil
}

// keepSince keeps for good what has been written since a deploy.
func (a *app) keepSince(name, file string) error {
	return a.move(a.state(name), a.state(sinceName(name, file)))
}

func (a *app) keptSince(name, file string) (note string) {
	return fmt.Sprintf("%s has been written to since it was deployed: that is kept as %s", a.path(file), a.state(sinceName(name, file)))
}

func sinceName(aside, file string) string {
	return fmt.Sprintf("kept-since-%s-%s", strings.TrimPrefix(aside, "aside-"), shortBase(file))
}

// discardAside removes what an earlier run has moved aside, but for what has been
// written to since then. What cannot be looked at stays.
func (a *app) discardAside(m *manifest) (notes []string) {
	for _, f := range m.Aside {
		is, err := isAs(a.host, a.state(f.Name), &f.New)
		switch {
		case err != nil:
		case is:
			a.host.Remove(a.state(f.Name)) // it does no harm
		default:
			if a.keepSince(f.Name, f.Path) == nil {
				notes = append(notes, a.keptSince(f.Name, f.Path))
			}
		}
	}
	return notes
}

// wasDeployed reports whether a file in stateFolder is as a deploy has uploaded
// it, nil for none, or is not there.
func (a *app) wasDeployed(name string, deployed *file) (bool, error) {
	if deployed == nil {
		deployed = &file{}
	}
	is, err := isAs(a.host, a.state(name), deployed)
	if !errors.Is(err, fs.ErrNotExist) {
		return is, err
	}
	_, err = a.host.List(a.state(name)) // to FTP, a folder is no file that is there
	if remote.IsBroken(err) {
		return false, err
	}
	return err != nil, nil
}

// isAs reports whether a file has the content of another. It is read, for what
// databases write into a file often leaves its size; what cannot be read has not.
func isAs(host remote.Host, name string, f *file) (bool, error) {
	text, err := host.Read(name, 0, f.Size)
	if errors.Is(err, fs.ErrNotExist) || remote.IsBroken(err) {
		return false, err
	}
	return err == nil && sum(text) == f.SHA256, nil
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
