// Package install is what install and --uninstall have to change: from the files
// that a folder has, to those that it shall have.
//
//	plan.go      the changes, in their order
//	settings.go  the new text of .htcgiproxy
//	draft.go     how they are collected
//	diff.go      a change, and how it is shown
//
// Who calls reads the files and makes the changes: here, or by FTP
// (scripts/deploy).
package install

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
)

// A Site is what install was told.
type Site struct {
	Folder     string // where proxy.cgi shall be
	Chosen     htaccess.Choice
	Settings   []Assignment // those that flags give, in the order of .htcgiproxy
	Executable []byte
	Example    string // htaccess.example

	// Read returns a file of Folder as it is, with Old nil where there is none.
	Read func(name string) (Change, error)
}

// An Assignment gives a setting its value.
type Assignment struct{ Name, Value string }

const (
	// HtaccessFile is where the lines for the web server are.
	HtaccessFile = ".htaccess"

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

// Plan returns what to change, in the order in which a site that runs never
// needs what is not there yet.
func (in *Site) Plan() (changes []Change, notes []string, err error) {
	d := &draft{read: in.Read}
	record := d.record()
	before, isThere := htaccess.VariantIn(string(d.open(HtaccessFile).Old))
	variant := in.Chosen.Over(before)
	for _, name := range variant.Scripts.Names() {
		if c := d.open(name); c.Old != nil && !isProxyCGI(c.Old) {
			return nil, nil, fmt.Errorf("%s is there and is another program: move it away first", name)
		}
		d.write(name, in.Executable, 0o755)
	}
	old := d.open(settings.File).Old
	if d.err != nil { // rather than what is missing in settings that cannot be read
		return nil, nil, d.err
	}
	text, notes, err := in.newSettings(old)
	if err != nil {
		return nil, nil, err
	}
	if record[HtaccessFile] != "" && !isThere && in.Chosen == (htaccess.Choice{}) {
		notes = append(notes, "the lines of before are in "+HtaccessFile+" no more: if it was run with --public-only, --fastcgi or --both, say that again")
	}
	written := d.write(settings.File, text, 0o600)
	notes = append(notes, settings.ReadableSecrets(text, written.Mode)...)
	lines, err := variant.Lines(in.Example)
	if err != nil {
		return nil, nil, err
	}
	rules, err := htaccess.Put(string(d.open(HtaccessFile).Old), lines)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", HtaccessFile, err)
	}
	d.write(HtaccessFile, []byte(rules), 0o644)
	notes = append(notes, htaccess.Notes(rules)...)
	for _, name := range htaccess.Both.Names() {
		if slices.Contains(variant.Scripts.Names(), name) || d.open(name).Old == nil {
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

// isProxyCGI reports whether a program is a version of this one: each has the
// names of its functions in it.
func isProxyCGI(program []byte) bool {
	return bytes.Contains(program, []byte("proxy.cgi/cgiproxy/settings.Load"))
}

// PlanUninstall returns what to change to leave the folder as it was before,
// first what leads requests here.
func (in *Site) PlanUninstall() (changes []Change, notes []string, err error) {
	d := &draft{read: in.Read}
	record := d.record()
	rules := d.open(HtaccessFile)
	if rules.Old == nil && record[HtaccessFile] == changed { // removed since: the copy is all there is
		rules = d.open(HtaccessFile + oldSuffix)
	}
	rest, err := htaccess.Cut(string(rules.Old))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", HtaccessFile, err)
	}
	switch {
	case rules.Old == nil:
	case rest == "" && record[HtaccessFile] != changed && len(rules.Old) > 0:
		d.remove(HtaccessFile)
	default:
		d.write(HtaccessFile, []byte(rest), 0o644)
	}
	stays := false
	if record[settings.File] != "" {
		notes = d.uninstallSettings(record[settings.File])
		stays = notes != nil
	} else if d.open(settings.File).Old != nil {
		notes = []string{settings.File + " is still there: delete it unless you need it"}
	}
	for _, name := range htaccess.Both.Names() {
		switch {
		case d.open(name).Old == nil:
		case record[name] == made:
			d.remove(name)
		case len(d.changes) > 0:
			notes = append(notes, name+" stays, for install did not make it: visitors can download it now; delete it unless you need it")
		}
	}
	for _, name := range []string{HtaccessFile, settings.File} {
		copied := d.open(name + oldSuffix).Old
		if name == settings.File && stays {
			continue // what install has replaced is nowhere else
		}
		if name == HtaccessFile && record[name] == changed && copied != nil && rest == string(rules.Old) && !bytes.Equal(copied, rules.Old) {
			notes = append(notes, HtaccessFile+" has been replaced since: what it was before is in "+name+oldSuffix)
			continue
		}
		if record[name] == changed || copied != nil && bytes.Equal(copied, d.open(name).Old) { // of an upload that broke off before the record
			d.remove(name + oldSuffix)
		}
	}
	d.remove(recordFile)
	d.remove(".htproxycgi-wrong") // of the status page
	d.remove(challenge.KeyFile)   // of a check --url that was killed
	return d.changes, notes, d.err
}

// uninstallSettings takes .htcgiproxy back to what it was, unless its owner has
// changed it since: nothing that install did not write gets lost, also where the file
// itself is.
func (d *draft) uninstallSettings(how string) (notes []string) {
	now, before := d.open(settings.File), d.open(settings.File+oldSuffix)
	if how == made {
		before = Change{Old: []byte{}}
	}
	if now.Old == nil && how == changed && before.Old != nil {
		d.write(settings.File, before.Old, before.OldMode)
	}
	if now.Old == nil || before.Old == nil {
		return nil
	}
	text := before.Old
	for _, s := range SettingFlags() {
		value := settings.ValueIn(now.Old, s.Setting)
		if value != "" || settings.ValueIn(text, s.Setting) != "" {
			text, _ = settings.WithSetting(text, s.Setting, value) // what is no such text differs from now
		}
	}
	switch {
	case !sameLines(text, now.Old):
		notes = []string{settings.File + " stays as it is, for it has been changed since: delete it unless you need it"}
		if how == changed {
			notes[0] += "; what was there before install is in " + settings.File + oldSuffix
		}
		return notes
	case how == made:
		d.remove(settings.File)
	default:
		d.write(settings.File, before.Old, before.OldMode)
	}
	return nil
}

// sameLines reports whether two texts have the same lines, in any order, but for the
// settings that install has made empty.
func sameLines(a, b []byte) bool {
	said := func(text []byte) []string {
		lines := slices.Sorted(strings.Lines(string(text)))
		return slices.DeleteFunc(lines, func(line string) bool {
			return slices.ContainsFunc(SettingFlags(), func(f SettingFlag) bool {
				return strings.TrimSpace(line) == settings.Prefix+f.Setting+"="
			})
		})
	}
	return slices.Equal(said(a), said(b))
}
