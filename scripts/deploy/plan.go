package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/scripts/deploy/remote"
)

// A plan finds out what to replace in the app's folder on the host.
type plan struct {
	*app
	lists   lists
	changes []replaced
	notes   []string // of files that somebody has changed there
}

// plan returns what to replace to have these files there, and what their owner
// may not expect. What is left out here, and an earlier deploy has brought, stays; so
// does what would be, were it here: a fresh checkout has no .env and no node_modules.
func (a *app) plan(files map[string]file, leftOut, include []string) (changes []replaced, notes []string, err error) {
	p := &plan{app: a, lists: newLists(a)}
	p.leaveSite(files)
	if err := p.shut(files); err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := p.add(name, files[name]); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.now.Files)) {
		if _, ok := files[name]; ok {
			continue
		}
		if left, why := p.stays(name, leftOut, include); left != "" {
			p.note(left, why)
		} else if err := p.addGone(name, a.now.Files[name]); err != nil {
			return nil, nil, err
		}
	}
	return p.changes, p.notes, nil
}

// add adds a file that is here, if it is not so there.
func (p *plan) add(name string, f file) error {
	if err := p.hasRoom(name); err != nil {
		return err
	}
	old, isKnown := p.now.Files[name]
	if isLeft, err := p.leave(name, isKnown && old == f); isLeft || err != nil {
		return err
	}
	if isKnown {
		return p.addKnown(name, old, f)
	}
	return p.addNew(name, f)
}

// leaveSite takes out of an app in which the served folder is what is put there for
// the site: each would replace the other's.
func (p *plan) leaveSite(files map[string]file) {
	if p.site == "" || !p.leadsToSite(".") {
		return
	}
	isOfSite := func(name string) bool {
		base := path.Base(name)
		return path.Dir(name) == p.site && (base == install.HtaccessFile || base == settings.File ||
			strings.HasPrefix(base, ".htproxycgi") || slices.Contains(htaccess.Both.Names(), base))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if isOfSite(name) {
			p.note(name, "is not uploaded as a file of the app, for it is the site's: change it there")
			delete(files, name)
		}
	}
	maps.DeleteFunc(p.now.Files, func(name string, _ file) bool { return isOfSite(name) })
}

// stays returns which file or folder a file of an earlier deploy is, or is in, that stays
// though it is not here, and why; "" for none.
func (p *plan) stays(name string, leftOut, include []string) (left, why string) {
	const before = "though an earlier deploy has brought it, and stays as it is there: --include "
	if left = leftOutWith(leftOut, name); left != "" {
		return left, "is left out here, " + before + path.Base(left) + " brings it anew, unless it is a link or a database in use"
	}
	if left = p.usuallyLeftOut(name, include); left != "" {
		return left, "is not here, " + before + path.Base(left) + " removes it"
	}
	return "", ""
}

// leftOutWith returns which of those that are left out a file is or is in, "" for none:
// a link here may be in the place of a folder.
func leftOutWith(leftOut []string, name string) string {
	for _, left := range leftOut {
		left = strings.TrimSuffix(strings.TrimSuffix(left, notRegular), usedHere)
		if name == left || strings.HasPrefix(name, strings.TrimSuffix(left, "/")+"/") {
			return left
		}
	}
	return ""
}

// usuallyLeftOut returns what is left out of an app, if it is not to be included, of
// the names on the way to a file on the host, "" for nothing.
func (p *plan) usuallyLeftOut(name string, include []string) string {
	for i, c := range name + "/" {
		part := name[:i]
		if c != '/' || slices.Contains(include, path.Base(part)) {
			continue
		}
		if _, isVirtualenv := p.now.Files[path.Join(part, "pyvenv.cfg")]; isVirtualenv || isLeftOutName(path.Base(part)) {
			return part
		}
	}
	return ""
}

// hasRoom demands that no file is where a folder on the way to a file of ours has to be.
func (p *plan) hasRoom(name string) error {
	dir, e, err := p.lists.inWay(name)
	if err == nil && dir != "" && !isLink(e) {
		err = fmt.Errorf("%s is a file on the host, and a folder here: give the folder another name, or delete that file first, which no --rollback brings back then", p.path(dir))
	}
	return err
}

// addNew adds a file that no deploy has put there.
func (p *plan) addNew(name string, f file) error {
	c := replaced{Path: name, New: &f}
	list, err := p.lists.in(path.Dir(name))
	if err != nil {
		return err
	}
	if e, ok := list[path.Base(name)]; ok { // somebody else's
		is, err := p.isAlready(name, e, f)
		switch {
		case err != nil:
			return err
		case is:
			c.Old = &f
		case e.Mode.IsDir():
			return fmt.Errorf("%s is a folder on the host, and a file here: delete or rename that folder first", p.path(name))
		case len(p.now.Files) > 0: // the app has made it, most likely
			p.note(name, "is there, though no deploy has put it there, and stays: to have yours, delete it there, and deploy again")
			return nil
		default: // what was there before the first deploy
			c.Old = &file{Size: e.Size}
			p.note(name, "was there, and no deploy has put it there: yours replaces it, --rollback brings it back, and it is kept in "+p.state(""))
		}
	} else if list != nil {
		if err := absent(p.host, p.path(name)); err != nil {
			return err
		}
	}
	p.changes = append(p.changes, c)
	return nil
}

// isAlready reports whether somebody else has put a file of ours there.
func (p *plan) isAlready(name string, e remote.Entry, f file) (bool, error) {
	if !e.Mode.IsRegular() || e.Size != f.Size {
		return false, nil
	}
	return isAs(p.host, p.path(name), &f)
}

// addKnown adds a file of an earlier deploy, if it has changed here or there.
func (p *plan) addKnown(name string, old, f file) error {
	c := replaced{Path: name, Old: &old, New: &f}
	if p.now.Former == nil { // else a dry run, with files still on their way
		size, isSame, err := p.compare(name, &old, old != f)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			c.Old = nil
			p.note(name, "is no more on the host: it is uploaded again")
		case err != nil:
			return err
		case !isSame && old.SHA256 == f.SHA256: // what visitors have entered may be in it
			c.New = nil
			p.note(name, "has been changed on the host since the last deploy, and stays so: to have yours, delete it there, and deploy again")
		case !isSame:
			c.Old, c.Was = &file{Size: size}, &old // somebody else's by now
			p.note(name, "has been changed on the host since the last deploy: yours replaces it, --rollback brings it back, and it is kept in "+p.state(""))
		}
	}
	if c.New != nil && (c.Old == nil || *c.Old != f) {
		p.changes = append(p.changes, c)
	}
	return nil
}

// compare reports whether a file is as an earlier deploy has left it. That it is not,
// the size alone tells where it is not to be replaced: to read all would take as long
// as to upload all.
func (p *plan) compare(name string, old *file, read bool) (size int64, isSame bool, err error) {
	size, err = p.lists.size(name)
	if err != nil || size != old.Size || !read {
		return size, size == old.Size, err
	}
	isSame, err = isAs(p.host, p.path(name), old)
	return size, isSame, err
}

// addGone adds a file of an earlier deploy that is here no more, unless it has
// changed there.
func (p *plan) addGone(name string, old file) error {
	if isLeft, err := p.leave(name, false); isLeft || err != nil {
		return err
	}
	if p.now.Former == nil { // else a dry run, with files still on their way
		_, isSame, err := p.compare(name, &old, true)
		switch {
		case errors.Is(err, fs.ErrNotExist): // nothing to bring back, either
			delete(p.now.Files, name)
			return nil
		case err != nil:
			return err
		case !isSame:
			p.note(name, "is no more here, but has been changed on the host since the last deploy, and stays: delete it there if nobody needs it")
			return nil
		}
	}
	p.changes = append(p.changes, replaced{Path: name, Old: &old})
	return nil
}

// note says something of a file or folder, once for all that is in it.
func (p *plan) note(name, text string) {
	if note := fmt.Sprintf("%s %s", p.path(name), text); !slices.Contains(p.notes, note) {
		p.notes = append(p.notes, note)
	}
}
