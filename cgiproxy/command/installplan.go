// What install and --uninstall have to change: from the files of a folder, to
// those that it shall have.

package command

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
)

const (
	htaccessFile = ".htaccess"

	// recordFile tells what install made. Like all names that it gives it
	// begins with .ht, which servers that read .htaccess do not serve.
	recordFile = ".htproxycgi"
	recordNote = "# What proxy.cgi install made and changed here, for --uninstall.\n"

	// oldSuffix ends the names of what was there before.
	oldSuffix = ".proxycgi-old"
)

// What the record says of a file.
const (
	made    = "made"
	changed = "changed"
)

// plan returns what to change, in the order in which a site that runs never
// needs what is not there yet.
func (in *installation) plan() (changes []change, notes []string, err error) {
	d := &draft{folder: in.folder}
	record := d.record()
	for _, name := range in.variant.Scripts.Names() {
		if c := d.open(name); c.old != nil && !isProxyCGI(c.old) {
			return nil, nil, fmt.Errorf("%s is there and is another program: move it away first", name)
		}
		d.write(name, in.executable, 0o755)
	}
	text, notes, err := in.newSettings(d.open(settings.File).old)
	if err != nil {
		return nil, nil, err
	}
	if c := d.write(settings.File, text, 0o600); c.old == nil {
		notes = append(notes, "where every page is then 500 and the log says \"permission denied\", the host does not run scripts as you: chmod 644 "+settings.File)
	}

	lines, err := in.variant.Lines(in.example)
	if err != nil {
		return nil, nil, err
	}
	rules, err := htaccess.Put(string(d.open(htaccessFile).old), lines)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", htaccessFile, err)
	}
	d.write(htaccessFile, []byte(rules), 0o644)
	notes = append(notes, htaccess.Notes(rules)...)
	for _, name := range htaccess.Both.Names() {
		if slices.Contains(in.variant.Scripts.Names(), name) || d.open(name).old == nil {
			continue
		}
		if record[name] == made {
			d.remove(name)
			delete(record, name)
		} else {
			notes = append(notes, name+" is there and does not run: visitors can download it; delete it")
		}
	}
	return d.withRecord(record), notes, d.err
}

// newSettings returns the new text of .htcgiproxy.
func (in *installation) newSettings(text []byte) (_ []byte, notes []string, err error) {
	if text == nil {
		text = []byte{}
	}
	for _, s := range in.settings {
		if _, err := settings.WithSetting(nil, s.name, s.value); err != nil {
			return nil, nil, &usageError{err.Error()}
		}
		if text, err = settings.WithSetting(text, s.name, s.value); err != nil {
			return nil, nil, err
		}
	}
	if settings.ValueIn(text, "START") != "" && settings.ValueIn(text, "UPSTREAM") == "" {
		if text, err = settings.WithSetting(text, "UPSTREAM", "auto"); err != nil {
			return nil, nil, err
		}
	}
	notes, err = in.checkSettings(text)
	return text, notes, err
}

// isProxyCGI reports whether a program is a version of this one: each has the
// names of its functions in it.
func isProxyCGI(program []byte) bool {
	return bytes.Contains(program, []byte("proxy.cgi/cgiproxy/settings.Load"))
}

// planUninstall returns what to change to leave the folder as it was before,
// first what leads requests here.
func (in *installation) planUninstall() (changes []change, notes []string, err error) {
	d := &draft{folder: in.folder}
	record := d.record()
	rules := d.open(htaccessFile)
	rest, err := htaccess.Cut(string(rules.old))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", htaccessFile, err)
	}
	switch {
	case rules.old == nil:
	case rest == "" && record[htaccessFile] != changed && len(rules.old) > 0:
		d.remove(htaccessFile)
	default:
		d.write(htaccessFile, []byte(rest), 0o644)
	}
	if record[settings.File] != "" {
		notes = d.uninstallSettings(record[settings.File])
	}
	for _, name := range htaccess.Both.Names() {
		switch {
		case d.open(name).old == nil:
		case record[name] == made:
			d.remove(name)
		case len(d.changes) > 0:
			notes = append(notes, name+" stays, for install did not make it: visitors can download it now; delete it unless you need it")
		}
	}
	for _, name := range []string{htaccessFile, settings.File} {
		if record[name] == changed {
			d.remove(name + oldSuffix)
		}
	}
	d.remove(recordFile)
	return d.changes, notes, d.err
}

// uninstallSettings takes .htcgiproxy back to what it was, unless its owner has
// changed it since: nothing that install did not write gets lost.
func (d *draft) uninstallSettings(how string) (notes []string) {
	now, before := d.open(settings.File), d.open(settings.File+oldSuffix)
	if how == made {
		before = change{old: []byte{}}
	}
	if now.old == nil || before.old == nil {
		return nil
	}
	text := before.old
	for _, s := range settingFlags() {
		if value := settings.ValueIn(now.old, s.setting); value != "" {
			text, _ = settings.WithSetting(text, s.setting, value) // what is no such text differs from now
		}
	}
	switch {
	case !sameLines(text, now.old):
		return []string{settings.File + " stays as it is, for it has been changed since: delete it unless you need it"}
	case how == made:
		d.remove(settings.File)
	default:
		d.write(settings.File, before.old, before.oldMode)
	}
	return nil
}

func sameLines(a, b []byte) bool {
	return slices.Equal(slices.Sorted(strings.Lines(string(a))), slices.Sorted(strings.Lines(string(b))))
}

// A draft collects changes to a folder. The first error is kept in err: after it
// nothing is changed.
type draft struct {
	folder  string
	changes []change
	err     error
}

// open returns a file as it is.
func (d *draft) open(name string) change {
	c, err := readFile(d.folder, name)
	if err != nil && d.err == nil {
		d.err = err
	}
	return c
}

// write plans new content for a file. A text that is there keeps its permissions,
// but settings that others may write would be refused.
func (d *draft) write(name string, content []byte, mode fs.FileMode) change {
	c := d.open(name)
	c.new, c.mode = content, mode
	switch {
	case c.old == nil:
	case name == htaccessFile:
		c.mode = c.oldMode
	case name == settings.File:
		c.mode = c.oldMode &^ 0o022
	}
	if c.isNeeded() {
		d.changes = append(d.changes, c)
	}
	return c
}

func (d *draft) remove(name string) {
	if c := d.open(name); c.old != nil {
		d.changes = append(d.changes, c)
	}
}

// record returns what the record says of each file.
func (d *draft) record() map[string]string {
	record := map[string]string{}
	for line := range strings.Lines(string(d.open(recordFile).old)) {
		if how, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && (how == made || how == changed) {
			record[name] = how
		}
	}
	return record
}

// withRecord returns the changes, before them those that remember what was there
// before: of a text the old one, kept once.
func (d *draft) withRecord(record map[string]string) []change {
	first := &draft{folder: d.folder}
	for _, c := range d.changes {
		switch {
		case record[c.name] != "" || c.new == nil:
		case c.old == nil:
			record[c.name] = made
		case c.name == htaccessFile || c.name == settings.File:
			record[c.name] = changed
			first.write(c.name+oldSuffix, c.old, c.oldMode)
		}
	}
	text := recordNote
	for _, name := range append(htaccess.Both.Names(), settings.File, htaccessFile) {
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
