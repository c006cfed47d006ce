package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/remote"
)

// thisHost is a folder of this machine.
func thisHost(t *testing.T) (host remote.Host, folder string) {
	t.Helper()
	target, err := remote.ParseTarget(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	host, err = target.Open("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	return host, target.Folder
}

// writeFiles writes files of a folder, and removes those whose text is "".
func writeFiles(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(folder, name)
		if text == "" {
			os.Remove(name)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// stageApp uploads a folder's files, as a deploy does before it moves the first.
func stageApp(t *testing.T, host remote.Host, folder, dir string) (a *app, changes []replaced) {
	t.Helper()
	a, changes, _ = planApp(t, host, folder, dir)
	if err := a.stage(t.Context(), dir, changes, meter{}); err != nil {
		t.Fatal(err)
	}
	return a, changes
}

func planApp(t *testing.T, host remote.Host, folder, dir string, include ...string) (a *app, changes []replaced, notes []string) {
	t.Helper()
	a, changes, notes, err := planFor(t, host, folder, dir, "../public_html", include...)
	if err != nil {
		t.Fatal(err)
	}
	return a, changes, notes
}

// planFor is planApp for a site in another folder, as seen from the app's.
func planFor(t *testing.T, host remote.Host, folder, dir, site string, include ...string) (a *app, changes []replaced, notes []string, err error) {
	t.Helper()
	files, leftOut, err := scan(dir, include)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = openApp(host, folder); err != nil {
		t.Fatal(err)
	}
	a.site = site
	changes, notes, err = a.plan(files, leftOut, include)
	return a, changes, notes, err
}

// placeApp deploys a folder's files, but for the last step of it.
func placeApp(t *testing.T, host remote.Host, folder, dir string, include ...string) (a *app, notes []string) {
	t.Helper()
	a, changes, notes := planApp(t, host, folder, dir, include...)
	a.putChanges(t, dir, changes)
	return a, notes
}

func (a *app) putChanges(t *testing.T, dir string, changes []replaced) {
	t.Helper()
	if changes == nil {
		return
	}
	if err := a.stage(t.Context(), dir, changes, meter{}); err != nil {
		t.Fatal(err)
	}
	if err := a.swap(changes); err != nil {
		t.Fatal(err)
	}
}

func deployApp(t *testing.T, host remote.Host, folder, dir string, include ...string) (notes []string) {
	t.Helper()
	a, notes := placeApp(t, host, folder, dir, include...)
	if a.now.Former == nil {
		return notes
	}
	kept, err := a.settle()
	if err != nil {
		t.Fatal(err)
	}
	return append(notes, kept...)
}

// wantFiles demands what files of a folder have, "" for none.
func wantFiles(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, want := range files {
		if text, _ := os.ReadFile(filepath.Join(folder, name)); string(text) != want {
			t.Errorf("%s is %q, want %q", name, text, want)
		}
	}
}

// longName is as long as a name may be, 255 bytes, of letters that have three each.
var longName = strings.Repeat("語", 84) + ".db"

// TestWrittenSince takes a deploy back, to whose files the app has written since:
// what it wrote is kept, and told. It is so whether the owner takes it back, or the
// deploy itself or a next run, where the way back broke off on the way.
func TestWrittenSince(t *testing.T) {
	for _, c := range []struct {
		name  string
		file  string
		since string // what the app has written into it, "" for nothing
		after string // what is there afterwards
	}{
		{"a new file", "new.db", "orders", ""},
		{"a new file with a long name", longName, "orders", ""},
		{"one of the same size", "new.db", "SEED", ""},
		{"a changed file", "data.json", "rows of the app", "one"},
		{"a removed file, made anew", "gone.txt", "made anew", "gone soon"},
		{"nothing", "new.db", "", ""},
	} {
		for _, way := range []string{"rollback", "undo", "undo, broken off on the way"} {
			t.Run(c.name+", "+way, func(t *testing.T) {
				host, folder := thisHost(t)
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{"data.json": "one", "gone.txt": "gone soon", "same.txt": "same"})
				deployApp(t, host, folder, dir)
				writeFiles(t, dir, map[string]string{"data.json": "two", "gone.txt": "", "new.db": "seed", longName: "seed"})
				a, _ := placeApp(t, host, folder, dir)
				if way == "rollback" {
					if _, err := a.settle(); err != nil {
						t.Fatal(err)
					}
				}
				if c.since != "" {
					writeFiles(t, folder, map[string]string{c.file: c.since})
				}
				kept := takeBack(t, a, way)
				wantFiles(t, folder, map[string]string{"data.json": "one", "gone.txt": "gone soon", "same.txt": "same", "new.db": "", c.file: c.after})
				wantKept(t, folder, kept, c.since)

				deployApp(t, host, folder, dir) // what is kept stays
				writeFiles(t, dir, map[string]string{"more.txt": "more"})
				deployApp(t, host, folder, dir)
				wantKept(t, folder, kept, c.since)
				wantNoneAside(t, folder)
			})
		}
	}
}

// TestTimesBack has files that are put back no older than those they take the place of:
// a browser asks for what has changed since the time that it got.
func TestTimesBack(t *testing.T) {
	for _, way := range []string{"rollback", "undo", "undo, broken off on the way"} {
		t.Run(way, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"app.js": "one", "gone.js": "one"})
			deployApp(t, host, folder, dir)
			hour := time.Now().Add(-time.Hour)
			for _, name := range []string{"app.js", "gone.js"} {
				if err := os.Chtimes(filepath.Join(folder, name), hour, hour); err != nil {
					t.Fatal(err)
				}
			}
			writeFiles(t, dir, map[string]string{"app.js": "two", "gone.js": "", "new.js": "two"})
			a, _ := placeApp(t, host, folder, dir)
			if way == "rollback" {
				if _, err := a.settle(); err != nil {
					t.Fatal(err)
				}
			}
			second, err := os.Stat(filepath.Join(folder, "app.js"))
			if err != nil {
				t.Fatal(err)
			}
			takeBack(t, a, way)
			wantFiles(t, folder, map[string]string{"app.js": "one", "gone.js": "one", "new.js": ""})
			for _, name := range []string{"app.js", "gone.js"} {
				if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.ModTime().Before(second.ModTime()) {
					t.Errorf("%s is of %v, %v, want %v or later", name, info.ModTime(), err, second.ModTime())
				}
			}
		})
	}
}

func takeBack(t *testing.T, a *app, way string) (kept []string) {
	t.Helper()
	do := a.back
	if way == "rollback" {
		do = a.rollBack
	}
	if err := do(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(way, "broken off") {
		next, err := openApp(a.host, a.folder)
		if err != nil {
			t.Fatal(err)
		}
		a = next
		if err := a.back(); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := a.settleBack()
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// wantKept demands that a text is kept where it is said, "" that nothing is.
func wantKept(t *testing.T, folder string, kept []string, text string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(folder, stateFolder, "kept-*"))
	if text == "" {
		if kept != nil || files != nil {
			t.Errorf("kept is %q, %q", kept, files)
		}
		return
	}
	if len(kept) != 1 || len(files) != 1 || !strings.Contains(kept[0], files[0]) {
		t.Fatalf("said is %q, kept %q", kept, files)
	}
	if got, err := os.ReadFile(files[0]); string(got) != text {
		t.Errorf("kept is %q, %v, want %q", got, err, text)
	}
}

// unreadable is a host that lets nobody read a file.
type unreadable struct{ remote.Host }

func (unreadable) Read(string, int64, int64) ([]byte, error) { return nil, fs.ErrPermission }

// TestUnreadable has files that the login may not read, or that are folders by now:
// they are not as deployed, and kept.
func TestUnreadable(t *testing.T) {
	host, folder := thisHost(t)
	writeFiles(t, folder, map[string]string{"a": "seed", "folder/b": "x"})
	f := describe("a", []byte("seed"), 0o644)
	for _, c := range []struct {
		name string
		host remote.Host
		file string
		want bool
	}{{"readable", host, "a", true}, {"not readable", unreadable{host}, "a", false}, {"a folder", host, "folder", false}} {
		if is, err := isAs(c.host, filepath.Join(folder, c.file), &f); is != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", c.name, is, err, c.want)
		}
	}
}
