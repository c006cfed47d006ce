package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/remote"
)

// secondVersion returns the second version of an app of two files, whose first one is in
// folder.
func secondVersion(t *testing.T) (host remote.Host, folder, dir string) {
	t.Helper()
	host, folder = thisHost(t)
	dir = t.TempDir()
	writeFiles(t, dir, map[string]string{"a.txt": "one", "b.txt": "one"})
	deployApp(t, host, folder, dir)
	writeFiles(t, dir, map[string]string{"a.txt": "two", "b.txt": "two"})
	return host, folder, dir
}

// TestLinkedAlone takes a deploy back that broke off between the second name of a file and
// its new version: all is as before, and nothing is told.
func TestLinkedAlone(t *testing.T) {
	host, folder, dir := secondVersion(t)
	a, changes := stageApp(t, brokenAt{host, "b.txt", false}, folder, dir)
	if err := a.swap(changes); err == nil {
		t.Fatal("it does not break off")
	}
	wantFiles(t, folder, map[string]string{"a.txt": "two", "b.txt": "one"})
	next, err := openApp(host, folder)
	if err != nil {
		t.Fatal(err)
	}
	if kept := takeBack(t, next, "undo"); kept != nil {
		t.Errorf("said is %q", kept)
	}
	wantFiles(t, folder, map[string]string{"a.txt": "one", "b.txt": "one"})
	if left, _ := filepath.Glob(filepath.Join(folder, stateFolder, "old-*")); left != nil {
		t.Errorf("left is %q", left)
	}
}

// TestBackBefore takes a deploy back that broke off, for another version: no file of that
// has the second of what is back, for Python would go on with what it has compiled of it.
// It may have broken off before START_DIR was said.
func TestBackBefore(t *testing.T) {
	for _, c := range []struct{ name, start string }{
		{"beside the served folder", ""},
		{"where START says", "cd HOME/app && x"},
		{"where START says, relative", "cd ../app && x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, home := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, home, map[string]string{"public_html/index.html": "x"})
			writeFiles(t, dir, map[string]string{"app.py": "one"})
			deployApp(t, host, filepath.Join(home, "app"), dir)
			writeFiles(t, dir, map[string]string{"app.py": "two"})
			placeApp(t, host, filepath.Join(home, "app"), dir) // and settles nothing
			o := &options{target: &remote.Target{Folder: filepath.Join(home, "public_html")}, app: dir}
			d := &deploy{options: o, host: host, out: io.Discard, served: &served{host: host, folder: o.target.Folder}}
			d.lines = []byte("CGIPROXY_START='" + strings.ReplaceAll(c.start, "HOME", home) + "'\n")
			d.signed.Store(time.Now().UnixNano()) // it has the turn
			if err := d.repair(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantFiles(t, home, map[string]string{"app/app.py": "one"})
			info, err := os.Stat(filepath.Join(home, "app/app.py"))
			if err != nil || info.ModTime().Unix() >= time.Now().Unix() {
				t.Errorf("the next file could have its second: %v", err)
			}
		})
	}
}

// A brokenAt host is one that moves no file into one place, or out of it.
type brokenAt struct {
	remote.Host
	file  string
	isOut bool
}

var errBrokenAt = errors.New("the connection broke off")

func (h brokenAt) Rename(from, to string) error {
	if !h.isOut && filepath.Base(to) == h.file || h.isOut && filepath.Base(from) == h.file {
		return errBrokenAt
	}
	return h.Host.Rename(from, to)
}

func (h brokenAt) Link(name, second string) error {
	if h.isOut && filepath.Base(name) == h.file {
		return errBrokenAt
	}
	return h.Host.Link(name, second)
}

// TestNotMoved takes a deploy back that could not move a file: it has no old version in
// another place, and stays.
func TestNotMoved(t *testing.T) {
	host, folder, dir := secondVersion(t)
	a, changes := stageApp(t, brokenAt{host, "b.txt", true}, folder, dir)
	if err := a.swap(changes); !errors.Is(err, errBrokenAt) {
		t.Fatal(err)
	}
	a.host = host
	if kept := takeBack(t, a, "undo"); kept != nil {
		t.Errorf("said is %q", kept)
	}
	wantFiles(t, folder, map[string]string{"a.txt": "one", "b.txt": "one"})
}

// A lostReply host moves one file out of its place, and never says so.
type lostReply struct {
	remote.Host
	file string
}

func (h lostReply) Rename(from, to string) error {
	err := h.Host.Rename(from, to)
	if filepath.Base(from) == h.file {
		err = errors.Join(err, errBrokenAt)
	}
	return err
}

func (h lostReply) Link(string, string) error { return errors.ErrUnsupported } // as with FTP

// TestMovedUnseen takes a deploy back of which the last move was done, though its reply
// never came: the file is in its place again.
func TestMovedUnseen(t *testing.T) {
	for _, file := range []string{"a.txt", "b.txt", "come.txt"} {
		t.Run(file, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"a.txt": "one", "b.txt": "one"})
			deployApp(t, host, folder, dir)
			writeFiles(t, dir, map[string]string{"a.txt": "two", "b.txt": "two", "come.txt": "two"})
			a, changes := stageApp(t, lostReply{host, file}, folder, dir)
			writeFiles(t, folder, map[string]string{"come.txt": "the app's"})
			if err := a.swap(changes); !errors.Is(err, errBrokenAt) {
				t.Fatal(err)
			}
			a.host = host
			if kept := takeBack(t, a, "undo"); kept != nil {
				t.Errorf("said is %q", kept)
			}
			wantFiles(t, folder, map[string]string{"a.txt": "one", "b.txt": "one", "come.txt": "the app's"})
		})
	}
}
