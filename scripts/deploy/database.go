package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"proxy.cgi/scripts/deploy/remote"
)

// journals are the ends of the files that SQLite has beside a database in use. What was
// written last is in these alone, and put beside another database they damage it
// (sqlite.org/howtocorrupt.html, 1.4).
var journals = [...]string{"-wal", "-shm", "-journal"}

// databaseMagic begins each database of SQLite (sqlite.org/fileformat2.html, 1.3).
const databaseMagic = "SQLite format 3\x00"

// journalsOf returns the ends of those that a file has. Where it is to be replaced, a list
// that may have been cut short does not tell that it has none.
func (l lists) journalsOf(name string, isReplaced bool) (ends []string, err error) {
	list, err := l.in(path.Dir(name))
	for _, end := range journals {
		e, ok := list[path.Base(name)+end]
		if !ok && isReplaced && len(list) >= longList {
			_, err := l.app.host.Size(l.app.path(name) + end)
			if ok = err == nil; !ok && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		if ok && e.Mode.IsRegular() {
			ends = append(ends, end)
		}
	}
	return ends, err
}

// databaseOf returns the database of which a file is one of those, by its name.
func databaseOf(name string) (database string, is bool) {
	for _, end := range journals {
		if database, is = strings.CutSuffix(name, end); is {
			return database, true
		}
	}
	return "", false
}

// usedHere is behind the name of a database that is left out.
const usedHere = " (a database in use: stop what has it open, and it is uploaded)"

// leaveUsed takes databases out of files that are in use here, for a copy need not be
// whole, and their journals, which would be played into the database that is there.
func leaveUsed(files map[string]file) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		database, isJournal := databaseOf(name)
		if _, isHere := files[database]; isHere && isJournal {
			if !slices.Contains(out, database+usedHere) {
				out = append(out, database+usedHere)
			}
			out = append(out, name)
		}
	}
	for _, name := range out {
		delete(files, strings.TrimSuffix(name, usedHere))
	}
	return out
}

// leave reports whether a file is not to be replaced, whatever is here: a database in use,
// what belongs to one, and a link, which alone leads to where the owner has moved it. That
// is said unless what is here is the same as in an earlier deploy, and something is there.
func (p *plan) leave(name string, isSame bool) (bool, error) {
	if is, err := p.leaveBehind(name, isSame); is || err != nil {
		return is, err
	}
	list, err := p.lists.in(path.Dir(name))
	if err != nil {
		return false, err
	}
	e, isThere := list[path.Base(name)]
	database, isJournal := databaseOf(path.Base(name))
	if isJournal {
		_, isJournal = list[database]
	}
	ends, err := p.lists.journalsOf(name, !isSame)
	if err != nil {
		return false, err
	}
	var why string
	switch {
	case isLink(e):
		why = "is a link on the host, and stays: to have what is here, delete it there"
	case isJournal:
		why = fmt.Sprintf("is for SQLite alone to write, for the database %s is beside it on the host: it stays as it is there", database)
	case ends != nil:
		why = fmt.Sprintf("is a database in use, for %s is beside it, and stays: to have what is here, stop the app, and delete both there", path.Base(name)+ends[0])
	default:
		return false, nil
	}
	if !isSame || !isThere {
		p.note(name, why)
	}
	return true, nil
}

// leaveBehind is leave for what is behind a link that this login cannot follow: the owner
// has moved the whole folder.
func (p *plan) leaveBehind(name string, isSame bool) (bool, error) {
	dir, e, err := p.lists.inWay(name)
	if err != nil || !isLink(e) {
		return false, err
	}
	if !isSame {
		p.note(dir, "is a link on the host that this login cannot follow, and stays: to have what is here in it, delete it there")
	}
	return true, nil
}

// areFree demands that no file that is replaced is a database that has come into use
// since the plan: an upload takes minutes, and any request may open it.
func (a *app) areFree(changes []replaced) error {
	l := newLists(a)
	for _, c := range changes {
		if c.Old == nil {
			continue
		}
		if err := a.isFree(c.Path, l); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) isFree(name string, l lists) error {
	ends, err := l.journalsOf(name, true)
	if ends != nil {
		err = fmt.Errorf("%s is a database that is in use by now, for %s is beside it: run this again, and it stays", a.path(name), path.Base(name)+ends[0])
	}
	return err
}

// keepJournals keeps those of a file that back is to move aside, and reports whether there
// are some: with the file, which is kept then, too.
func (a *app) keepJournals(name, aside string, l lists) (are bool, err error) {
	ends, err := l.journalsOf(name, true)
	if remote.IsBroken(err) {
		return false, err
	}
	for _, end := range ends {
		to := sinceName(aside, name) + end
		for a.have[to] { // kept already, and made anew since
			to += "+"
		}
		if err := a.move(a.path(name)+end, a.state(to)); err != nil {
			return false, err
		}
		a.have[to], are = true, true
	}
	return are, nil
}

// hasJournals reports whether some have been kept.
func (a *app) hasJournals(name, aside string) bool {
	return slices.ContainsFunc(journals[:], func(end string) bool { return a.have[sinceName(aside, name)+end] })
}
