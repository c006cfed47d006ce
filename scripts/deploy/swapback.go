package main

import (
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
	m := a.now
	for i, c := range m.Last {
		oldFile, aside := oldName(m.Run, i, c), asideName(m.Run, i)
		if kept := keptName(m.Run, i, c); a.have[kept] { // written to meanwhile
			oldFile = kept
		}
		hasOld := a.have[oldFile]
		isPlaced := hasOld
		if c.Old == nil && !hasOld {
			isPlaced = !a.have[newName(m.Run, i)] && !a.have[aside]
		}
		if !isPlaced {
			continue
		}
		if err := a.moveAside(c.Path, aside); err != nil {
			return err
		}
		if hasOld {
			if err := a.move(a.state(oldFile), a.path(c.Path)); err != nil {
				return err
			}
			delete(a.have, oldFile)
		}
	}
	return nil
}

// moveAside moves a file of the app to a name in stateFolder that is free.
func (a *app) moveAside(name, aside string) error {
	for a.have[aside] {
		aside += "+"
	}
	a.have[aside] = true
	return a.move(a.path(name), a.state(aside))
}

// settleBack says that what back has put there is to stay, and removes what it
// has moved aside, but for what has been written since the deploy: that is kept
// for good, and told.
func (a *app) settleBack() (kept []string, err error) {
	m := a.now
	for i, c := range m.Last {
		for aside := asideName(m.Run, i); a.have[aside]; aside += "+" {
			is, err := a.wasDeployed(aside, c.New)
			if err != nil {
				return kept, err
			}
			if is {
				a.host.Remove(a.state(aside)) // it does no harm
				continue
			}
			to := a.state(fmt.Sprintf("kept-since-%s-%s", strings.TrimPrefix(aside, "aside-"), path.Base(c.Path)))
			if err := a.move(a.state(aside), to); err != nil {
				return kept, err
			}
			kept = append(kept, fmt.Sprintf("%s has been written to since it was deployed: that is kept as %s", a.path(c.Path), to))
		}
	}
	if err := a.write(m.Former); err != nil {
		return kept, err
	}
	a.clean()
	return kept, nil
}

// wasDeployed reports whether a file in stateFolder is as a deploy has uploaded
// it, nil for none, or is not there.
func (a *app) wasDeployed(name string, deployed *file) (bool, error) {
	if deployed == nil {
		deployed = &file{}
	}
	is, err := isAs(a.host, a.state(name), deployed)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return is, err
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

// rollBack undoes the last deploy. Should it break off, the next run goes on
// with it, as with a deploy that broke off.
func (a *app) rollBack() error {
	former := &manifest{Number: a.now.Number, Site: a.now.Site, Files: maps.Clone(a.now.Files)}
	for _, c := range a.now.Last {
		if c.Old != nil && c.Old.SHA256 != "" {
			former.Files[c.Path] = *c.Old
		} else {
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
