package install

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"

	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
)

// A draft collects changes to a folder. The first error is kept in err: after it
// nothing is changed.
type draft struct {
	read    func(name string) (Change, error)
	changes []Change
	err     error
}

// open returns a file as it is.
func (d *draft) open(name string) Change {
	c, err := d.read(name)
	if err != nil && d.err == nil {
		d.err = err
	}
	return c
}

// write plans new content for a file. A text that is there keeps its permissions.
// No site has run with settings that others may write, so that nothing tells who
// has to read them: mode is then for those, too.
func (d *draft) write(name string, content []byte, mode fs.FileMode) Change {
	c := d.open(name)
	c.New, c.Mode = content, mode
	switch {
	case c.Old == nil:
	case name == HtaccessFile, name == settings.File && c.OldMode&0o022 == 0:
		c.Mode = c.OldMode
	}
	if c.isNeeded() {
		d.changes = append(d.changes, c)
	}
	return c
}

func (d *draft) remove(name string) {
	if c := d.open(name); c.Old != nil {
		d.changes = append(d.changes, c)
	}
}

// record returns what the record says of each file.
func (d *draft) record() map[string]string {
	record := map[string]string{}
	for line := range strings.Lines(string(d.open(recordFile).Old)) {
		if how, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && (how == made || how == changed) {
			record[name] = how
		}
	}
	return record
}

// copyMode is for the owner alone: no server needs what was there before, which
// may hold secrets.
const copyMode = 0o600

// keep copies what a change replaces to where uninstall looks for it. The copy of an
// install that was taken out, and left it, moves on: its text is nowhere else.
func (d *draft) keep(c Change) {
	name := c.Name + oldSuffix
	if older := d.open(name); older.Old != nil && !bytes.Equal(older.Old, c.Old) {
		moved := d.open(name + ".1")
		for n := 2; moved.Old != nil && !bytes.Equal(moved.Old, older.Old); n++ {
			moved = d.open(fmt.Sprintf("%s.%d", name, n))
		}
		d.write(moved.Name, older.Old, copyMode)
	}
	d.write(name, c.Old, copyMode)
}

// withRecord returns the changes, before them those that remember what was there
// before: of a text the old one, kept once.
func (d *draft) withRecord(record map[string]string) []Change {
	first := &draft{read: d.read}
	for _, name := range [...]string{settings.File, HtaccessFile} {
		if kept := d.open(name + oldSuffix); record[name] == changed && kept.Old != nil { // with any permissions, by an earlier version
			first.write(kept.Name, kept.Old, copyMode)
		}
	}
	for _, c := range d.changes {
		switch {
		case record[c.Name] != "" || c.New == nil:
		case c.Old == nil:
			record[c.Name] = made
		case c.Name == HtaccessFile || c.Name == settings.File:
			record[c.Name] = changed
			first.keep(c)
		}
	}
	text := recordNote
	for _, name := range append(htaccess.Both.Names(), settings.File, HtaccessFile) {
		if record[name] != "" {
			text += record[name] + " " + name + "\n"
		}
	}
	if len(d.changes) > 0 {
		first.write(recordFile, []byte(text), 0o600)
	}
	if d.err == nil {
		d.err = first.err
	}
	return append(first.changes, d.changes...)
}
