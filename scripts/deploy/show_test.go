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
