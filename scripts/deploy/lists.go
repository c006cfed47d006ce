package main

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"proxy.cgi/scripts/deploy/remote"
)

// entryIn returns what a list has under a name.
func entryIn(list []remote.Entry, name string) (e remote.Entry, ok bool) {
	for _, e := range list {
		if e.Name == name {
			return e, true
		}
	}
	return remote.Entry{}, false
}

func isLink(e remote.Entry) bool { return e.Mode&fs.ModeSymlink != 0 }

// A lists has what is in folders of the app, each of which is asked for once.
type lists struct {
	app *app
	of  map[string]map[string]remote.Entry // by folder, nil for one that is not there
}

func newLists(a *app) lists { return lists{a, map[string]map[string]remote.Entry{}} }

// in returns what is in a folder, nil where it is not there. The folder above it tells
// that, unless its list is without names that begin with a dot: to ask for many takes
// hours (ftpHost.Mkdir).
func (l lists) in(dir string) (map[string]remote.Entry, error) {
	if list, ok := l.of[dir]; ok {
		return list, nil
	}
	l.of[dir] = nil
	if dir != "." {
		above, err := l.in(path.Dir(dir))
		if err != nil {
			return nil, err
		}
		e, ok := above[path.Base(dir)]
		if above == nil || ok && e.Mode.IsRegular() || !ok && !strings.HasPrefix(path.Base(dir), ".") {
			return nil, nil
		}
	}
	entries, err := l.app.host.List(l.app.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := map[string]remote.Entry{}
	for _, e := range entries {
		list[e.Name] = e
	}
	l.of[dir] = list
	return list, nil
}

// longList is how many names a list has at least that a server may have cut short:
// Pure-FTPd's have 10,000 at most, and 2,000 on some hosts (LimitRecursion), "." and ".."
// among them.
const longList = 1998

// inWay returns what is where a folder on the way to a file has to be: a file, or a link
// that this login cannot follow, as one out of all that it sees. The name is "" for none.
func (l lists) inWay(name string) (dir string, e remote.Entry, err error) {
	for dir = path.Dir(name); dir != "."; dir = path.Dir(dir) {
		list, err := l.in(dir)
		if list != nil || remote.IsBroken(err) {
			return "", e, err
		}
		above, aboveErr := l.in(path.Dir(dir))
		if e, ok := above[path.Base(dir)]; ok && !e.Mode.IsDir() {
			return dir, e, nil
		}
		if err = errors.Join(err, aboveErr); err != nil {
			return "", e, err
		}
	}
	return "", e, nil
}

// other returns what is in the place of a file, or of a folder on its way, where that is
// something else: a link, whose target need not be one of the app's files. The name is ""
// for none, also where that cannot be told.
func (l lists) other(name string) (at string, e remote.Entry, err error) {
	if at, e, err = l.inWay(name); at == "" && err == nil {
		var list map[string]remote.Entry
		if list, err = l.in(path.Dir(name)); isLink(list[path.Base(name)]) {
			return name, list[path.Base(name)], nil
		}
	}
	if !remote.IsBroken(err) {
		err = nil
	}
	return at, e, err
}

// size returns the size of a file by the list of its folder, which is one request
// for many; the server is asked for links, and for what some leave out. A folder has
// the size of no file.
func (l lists) size(name string) (int64, error) {
	list, err := l.in(path.Dir(name))
	if err != nil {
		return 0, err
	}
	if at, _, _ := l.inWay(name); at != "" { // SFTP does not tell that from other failures
		return 0, fs.ErrNotExist
	}
	switch e, ok := list[path.Base(name)]; {
	case ok && e.Mode.IsRegular():
		return e.Size, nil
	case ok && e.Mode.IsDir():
		return -1, nil
	}
	return l.app.host.Size(l.app.path(name))
}
