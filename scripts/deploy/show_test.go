package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/scripts/deploy/remote"
)

// TestHostileText has names and lines that somebody else has written on the host:
// none of them reaches the terminal as they are.
func TestHostileText(t *testing.T) {
	const hostile = "\x1b]0;owned\x07\u009b2J\u202e\r"
	var out strings.Builder
	d := &deploy{
		options:  &options{target: &remote.Target{}},
		out:      &out,
		app:      &app{folder: "app"},
		appWork:  []replaced{{Path: hostile, Old: &file{}}},
		siteWork: []install.Change{{Name: ".htaccess", Old: []byte("# " + hostile + "\n"), New: []byte("#\n")}},
		warnings: []string{hostile},
	}
	d.showWork()
	d.showAmount()
	d.showDone()
	d.note(hostile)
	if text := out.String(); strings.ContainsAny(text, hostile[:1]+"\a\r\u009b\u202e") || strings.Count(text, "]0;owned2J") != 5 || strings.Count(text, "\n") < 8 {
		t.Errorf("it prints %q", text)
	}
}

// TestStrangeNames has names here that a manifest, or FTP, does not keep as they
// are: the file is named, before anything is changed.
func TestStrangeNames(t *testing.T) {
	for _, name := range []string{"caf\xe9.txt", "dir\xff/x", "a\nb", "a\x1b[2J", "a\u009b2J"} {
		dir := t.TempDir()
		writeFiles(t, dir, map[string]string{name: "x", "app.py": "x"})
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := scan(dir, nil); err == nil || !strings.Contains(err.Error(), "rename it") {
			t.Errorf("%q: %v", name, err)
		}
	}
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"café ☕.txt": "x", "node_modules/caf\xe9": "x"})
	if files, _, err := scan(dir, nil); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

// TestNoPasswordShown has a site behind Basic authentication, whose password is in the
// address: it is for nobody who reads the output.
func TestNoPasswordShown(t *testing.T) {
	const address = "http://me:TOPSECRET@127.0.0.1:1/"
	for _, status := range []int{200, 403, 404} {
		var out strings.Builder
		d := &deploy{options: &options{target: &remote.Target{}, url: address}, out: &out, page: page{status: status}}
		d.showDone()
		if text := out.String(); strings.Contains(text, "TOPSECRET") || !strings.Contains(text, "127.0.0.1:1") {
			t.Errorf("%d: it prints %q", status, text)
		}
	}
	o := &options{url: address}
	if err := o.unasked(o.firstPage(t.Context()).err); strings.Contains(err.Error(), "TOPSECRET") {
		t.Error(err)
	}
}

// TestLinkToApp names the app's folder by a link, as to the newest of several releases.
func TestLinkToApp(t *testing.T) {
	host, folder := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"releases/5/app.py": "five"})
	link := filepath.Join(dir, "current")
	if err := os.Symlink("releases/5", link); err != nil {
		t.Fatal(err)
	}
	deployApp(t, host, folder, link)
	wantFiles(t, folder, map[string]string{"app.py": "five"})
}
