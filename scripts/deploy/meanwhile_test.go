package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/remote"
)

// TestWrittenMeanwhile has the app write to files that a deploy is about to replace,
// after it has made its plan, or has replaced, for it has them open: what it wrote is
// kept and told, or is back in its place where the deploy is taken back.
func TestWrittenMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name string
		file string
		when string // the app writes
		ours string
	}{
		{"one that is changed here", "data.json", "planned", "two"},
		{"one that is changed here, and open", "data.json", "placed", "two"},
		{"one that is changed here, and open for long", "data.json", "settled", "two"},
		{"one that is no more here", "seed.db", "planned", ""},
		{"one that is no more here, and open", "seed.db", "placed", ""},
		{"one that is no more here, and open for long", "seed.db", "settled", ""},
		{"one that is new here", "lib/new.db", "planned", "test row"},
		{"nothing", "", "", ""},
	} {
		for _, way := range []string{"it stays", "rollback", "undo", "undo, broken off on the way"} {
			t.Run(c.name+", "+way, func(t *testing.T) {
				host, folder := thisHost(t)
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{"data.json": "one", "seed.db": "seed", "lib/same.txt": "same"})
				deployApp(t, host, folder, dir)
				writeFiles(t, dir, map[string]string{"data.json": "two", "seed.db": "", "lib/new.db": "test row"})
				a, changes := stageApp(t, host, folder, dir)
				write := appWrites(t, folder, c.file)
				writeAt := func(when string) {
					if when == c.when {
						write()
					}
				}
				writeAt("planned")
				if err := a.swap(changes); err != nil {
					t.Fatal(err)
				}
				wantFiles(t, folder, map[string]string{"data.json": "two", "seed.db": "", "lib/new.db": "test row"})
				writeAt("placed")
				if !strings.HasPrefix(way, "undo") {
					notes, err := a.settle()
					if err != nil {
						t.Fatal(err)
					}
					if c.when != "settled" {
						wantTold(t, folder, c.file, notes)
					}
				}
				writeAt("settled")
				if way == "it stays" {
					wantFiles(t, folder, map[string]string{"data.json": "two", "seed.db": "", "lib/new.db": "test row"})
					writeFiles(t, dir, map[string]string{"more.txt": "more"})
					notes := deployApp(t, host, folder, dir)
					if c.when == "settled" {
						wantTold(t, folder, c.file, notes)
					}
					if old, _ := filepath.Glob(filepath.Join(folder, stateFolder, "old-*")); old != nil {
						t.Errorf("left are %q", old)
					}
					wantFiles(t, folder, map[string]string{c.file: c.ours})
					wantFiles(t, filepath.Join(folder, stateFolder), keptFiles(folder, c.file))
					return
				}
				if kept := takeBack(t, a, way); kept != nil {
					t.Errorf("kept is %q", kept)
				}
				wantFiles(t, folder, map[string]string{"data.json": "one", "seed.db": "seed", "lib/new.db": "", c.file: theirs[c.file]})
			})
		}
	}
}

// An appendingHost is one whose app opens a file, appends to it and closes it after each
// command that moves one.
type appendingHost struct {
	remote.Host
	t    *testing.T
	file string
	rows int
}

func (h *appendingHost) append() {
	h.rows++
	f, err := os.OpenFile(h.file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintf(f, ", row %d", h.rows)
}

func (h *appendingHost) Rename(from, to string) error {
	defer h.append()
	return h.Host.Rename(from, to)
}

func (h *appendingHost) Link(name, second string) error {
	defer h.append()
	return h.Host.Link(name, second)
}

// TestAppended has an app append all the time to a file that a deploy replaces, or a way
// back, or that comes with a deploy and is made by the app while that is under way:
// where the host can give a file a second name, no row is lost.
func TestAppended(t *testing.T) {
	for _, c := range []struct{ file, way string }{
		{"rows.txt", "it stays"},
		{"rows.txt", "undo"},
		{"rows.txt", "undo, broken off on the way"},
		{"new.txt", "it stays"},
		{"new.txt", "undo"},
		{"new.txt", "undo, broken off on the way"},
	} {
		t.Run(c.file+", "+c.way, func(t *testing.T) {
			way := c.way
			here, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"rows.txt": "one", "a.txt": "one", "z.txt": "one"})
			deployApp(t, here, folder, dir)
			writeFiles(t, dir, map[string]string{"rows.txt": "two", "a.txt": "two", "z.txt": "two", "new.txt": "two"})
			host := &appendingHost{Host: here, t: t, file: filepath.Join(folder, c.file)}
			a, _ := placeApp(t, host, folder, dir)
			if way == "it stays" {
				if _, err := a.settle(); err != nil {
					t.Fatal(err)
				}
			} else {
				takeBack(t, a, way)
			}
			var all strings.Builder
			for _, pattern := range []string{folder + "/*", folder + "/" + stateFolder + "/*"} {
				files, _ := filepath.Glob(pattern)
				for _, name := range files {
					text, _ := os.ReadFile(name)
					all.Write(append(text, ','))
				}
			}
			for row := 1; row <= host.rows; row++ {
				if !strings.Contains(all.String(), fmt.Sprintf(", row %d,", row)) {
					t.Errorf("row %d of %d is lost", row, host.rows)
				}
			}
		})
	}
}

// theirs is what files have when the app has written to them.
var theirs = map[string]string{"data.json": "one, and orders", "seed.db": "seed, and orders", "lib/new.db": ", and orders"}

// appWrites has the app open a file, "" for none, and write to it later.
func appWrites(t *testing.T, folder, file string) (write func()) {
	t.Helper()
	if file == "" {
		return func() {}
	}
	f, err := os.OpenFile(filepath.Join(folder, file), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return func() {
		if _, err := fmt.Fprint(f, ", and orders"); err != nil {
			t.Fatal(err)
		}
	}
}

// keptFiles is what has to be kept of a file, under its name in stateFolder.
func keptFiles(folder, file string) map[string]string {
	files := map[string]string{}
	list, _ := filepath.Glob(filepath.Join(folder, stateFolder, "kept-*-"+filepath.Base(file)))
	for _, name := range list {
		files[filepath.Base(name)] = theirs[file]
	}
	return files
}

// wantTold demands that one note tells of a file, and where what the app has
// written to it is; of "" there is none.
func wantTold(t *testing.T, folder, file string, notes []string) {
	t.Helper()
	if file == "" {
		if notes != nil {
			t.Errorf("said is %q", notes)
		}
		return
	}
	kept := keptFiles(folder, file)
	if len(kept) != 1 || len(notes) != 1 || !strings.HasPrefix(notes[0], filepath.Join(folder, file)+" ") {
		t.Fatalf("said is %q, kept %q", notes, kept)
	}
	for name := range kept {
		if !strings.Contains(notes[0], name) {
			t.Errorf("said is %q, kept %s", notes, name)
		}
	}
	wantFiles(t, filepath.Join(folder, stateFolder), kept)
}
