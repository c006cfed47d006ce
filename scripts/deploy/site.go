package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/command/docroot"
	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/scripts/deploy/remote"
)

// A step puts one file in its place, or takes it away.
type step struct {
	name    string
	content []byte // nil for none
	mode    fs.FileMode
	temp    string // where it is uploaded to
	wait    bool   // for requests that have begun and need what is there before
}

// waitTime is what a request may take from the web server's decision until
// proxy.cgi runs and has read its settings.
const waitTime = time.Second

// steps puts changes into the order in which no visitor ever gets the program
// itself, a file that says where it is not, or an error:
//
// The settings come before what reads them. A script that is new gets its
// handler before it is there, and one that goes has it for as long as it is
// there (htaccess.Guard); in between, .htaccess does what it did before, or will.
func steps(changes []install.Change) ([]step, error) {
	var first, texts, scripts, gone, last []step
	var fresh, going []string
	var rules *install.Change
	for i, c := range changes {
		s := step{name: c.Name, content: c.New, mode: c.Mode}
		switch {
		case c.Name == install.HtaccessFile:
			rules = &changes[i]
		case slices.Contains(htaccess.Both.Names(), c.Name) && c.New == nil:
			s.wait = gone == nil
			gone, going = append(gone, s), append(going, c.Name)
		case slices.Contains(htaccess.Both.Names(), c.Name):
			scripts = append(scripts, s)
			if c.Old == nil {
				fresh = append(fresh, c.Name)
			}
		case c.New == nil:
			s.wait = last == nil
			last = append(last, s)
		case c.Name == settings.File:
			texts = append(texts, s)
		default:
			first = append(first, s)
		}
	}
	if rules == nil {
		return slices.Concat(first, texts, scripts, gone, last), nil
	}
	before, err1 := guarded(rules.Old, fresh, max(rules.OldMode, rules.Mode))
	after, err2 := guarded(rules.New, going, max(rules.Mode, rules.OldMode))
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("%s: %w", install.HtaccessFile, err)
	}
	final := step{name: rules.Name, content: rules.New, mode: rules.Mode}
	return slices.Concat(first, texts, before, scripts, after, gone, []step{final}, last), nil
}

// guarded is a .htaccess with a guard for scripts, nothing where there are none.
func guarded(text []byte, scripts []string, mode fs.FileMode) ([]step, error) {
	if scripts == nil {
		return nil, nil
	}
	content, err := htaccess.Guard(string(text), scripts...)
	return []step{{name: install.HtaccessFile, content: []byte(content), mode: mode}}, err
}

// inverse returns the changes that undo changes.
func inverse(changes []install.Change) []install.Change {
	var back []install.Change
	for _, c := range changes {
		back = append(back, install.Change{Name: c.Name, Old: c.New, New: c.Old, OldMode: c.Mode, Mode: c.OldMode})
	}
	return back
}

// served is the served folder on the host.
type served struct {
	host   remote.Host
	folder string
	list   []remote.Entry // what is in it
	temp   string         // the folder to which this run uploads, "" for none yet
	staged int            // files that it has uploaded
	seen   []seen
	turn   func() error // as an app's
}

// openServed lists the served folder, and makes none: nobody would serve it.
func openServed(host remote.Host, folder string) (*served, error) {
	list, err := host.List(folder)
	if !errors.Is(err, fs.ErrNotExist) {
		return &served{host: host, folder: folder, list: list, turn: func() error { return nil }}, err
	}
	for above := path.Dir(folder); ; above = path.Dir(above) {
		list, err := host.List(above)
		switch {
		case err == nil:
			if above == "." {
				above = "the login's folder"
			}
			return nil, fmt.Errorf("there is no folder %s (in %s there %s): is it spelled right? A new one has to be made first, with permissions 755, where the web server shows it",
				folder, above, folderNames(list))
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case above == path.Dir(above):
			return nil, fmt.Errorf("there is no folder %s, and none above it: how does the host call the one that the web server shows? Often it is public_html", folder)
		}
	}
}

// pageIn returns what tells that a folder has pages itself, "" for nothing.
func pageIn(list []remote.Entry) string {
	for _, e := range list {
		if e.Name == install.HtaccessFile || strings.HasPrefix(e.Name, "index.") {
			return e.Name
		}
	}
	return ""
}

// publicFolder returns the folder in this one that is probably the served one, ""
// where this one has pages itself.
func (s *served) publicFolder() string {
	if pageIn(s.list) != "" {
		return ""
	}
	for _, name := range docroot.Names() {
		if e, _ := entryIn(s.list, name); e.Mode&(fs.ModeDir|fs.ModeSymlink) != 0 {
			return name
		}
	}
	return ""
}

// folderNames are those that may be meant: nobody serves what begins with a dot.
func folderNames(list []remote.Entry) string {
	var names []string
	for _, e := range list {
		if e.Mode.IsDir() && !strings.HasPrefix(e.Name, ".") {
			names = append(names, e.Name)
		}
	}
	if names == nil {
		return "is no folder"
	}
	return "are: " + strings.Join(names, ", ")
}

// read is what install needs to know of a file.
func (s *served) read(name string) (install.Change, error) {
	c := install.Change{Name: name}
	e, ok := entryIn(s.list, name)
	if !ok {
		s.seen = append(s.seen, seen{name, nil})
		return c, absent(s.host, s.path(name))
	}
	switch mode := e.Mode; {
	case mode&fs.ModeSymlink != 0:
		return c, fmt.Errorf("%s is a symbolic link, which would be replaced: put a file in its place first", s.path(name))
	case !mode.IsRegular():
		return c, fmt.Errorf("%s is no regular file: move it away first", s.path(name))
	default:
		c.OldMode = mode.Perm()
	}
	text, err := s.host.Read(s.path(name), 0, maxText)
	if err != nil {
		return c, fmt.Errorf("%s cannot be read: %w", s.path(name), err)
	}
	c.Old = append([]byte{}, text...)
	s.seen = append(s.seen, seen{name, c.Old})
	return c, nil
}

// maxText bounds what is read of a host, in bytes, where nothing tells how much
// that should be: programs are 7 MiB.
const maxText = 64 << 20

// absent demands that a file which no list has is not there: some servers leave
// files out, and a list may have been cut short. It would be replaced unread.
func absent(host remote.Host, name string) error {
	_, err := host.Size(name)
	switch {
	case err == nil:
		return fmt.Errorf("%s is there, and the list of its folder is without it: run this again, or try sftp://", name)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

func (s *served) path(name string) string { return path.Join(s.folder, name) }
