package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// moveOut moves a file out of the app's folder, and puts a link in its place.
func moveOut(t *testing.T, folder, name, to string) {
	t.Helper()
	writeFiles(t, folder, map[string]string{name: ""})
	if err := os.Symlink(to, filepath.Join(folder, name)); err != nil {
		t.Fatal(err)
	}
}

func wantLink(t *testing.T, folder, name, want string) {
	t.Helper()
	if to, err := os.Readlink(filepath.Join(folder, name)); err != nil || to != want {
		t.Errorf("%s leads to %q, %v, want %q", name, to, err, want)
	}
}

// TestLinkStays has a file that the owner has moved, and a link in its place: that it is a
// database in use the link does not tell, and where it leads this login may not see.
func TestLinkStays(t *testing.T) {
	const said = "is a link on the host, and stays"
	for _, c := range []struct {
		name, first, then, want string
	}{
		{"changed here", "one", "two", said},
		{"gone here", "one", "", said},
		{"new here", "", "two", said},
		{"as before", "one", "one", ""},
	} {
		for _, to := range []string{"data/shop.db", "/of/another/root/shop.db"} {
			t.Run(c.name+", to "+to, func(t *testing.T) {
				host, folder := thisHost(t)
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{"app.py": "one", "shop.db": c.first})
				deployApp(t, host, folder, dir)
				writeFiles(t, folder, map[string]string{"data/shop.db": "one", "data/shop.db-wal": "orders"})
				moveOut(t, folder, "shop.db", to)
				writeFiles(t, dir, map[string]string{"shop.db": c.then})
				for _, text := range []string{"two", "three"} {
					writeFiles(t, dir, map[string]string{"app.py": text})
					said := strings.Join(deployApp(t, host, folder, dir), "\n")
					if !strings.Contains(said, c.want) || c.want == "" && said != "" {
						t.Errorf("said is %q, want %q", said, c.want)
					}
					wantLink(t, folder, "shop.db", to)
					wantFiles(t, folder, map[string]string{"app.py": text, "data/shop.db": "one"})
				}
			})
		}
	}
}

// TestLinkBack takes a deploy back, of whose files the owner has moved one since, with a
// link in its place.
func TestLinkBack(t *testing.T) {
	for _, way := range []string{"rollback", "undo", "undo, broken off on the way"} {
		for _, c := range []struct{ name, first, then string }{
			{"changed", "one", "two"},
			{"new", "", "two"},
			{"removed", "one", ""},
		} {
			t.Run(way+", "+c.name, func(t *testing.T) {
				host, folder := thisHost(t)
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{"app.py": "one", "shop.db": c.first})
				deployApp(t, host, folder, dir)
				writeFiles(t, dir, map[string]string{"app.py": "two", "shop.db": c.then})
				a, _ := placeApp(t, host, folder, dir)
				if way == "rollback" {
					if _, err := a.settle(); err != nil {
						t.Fatal(err)
					}
				}
				moveOut(t, folder, "shop.db", "../data/shop.db")
				kept := takeBack(t, a, way)
				wantLink(t, folder, "shop.db", "../data/shop.db")
				wantFiles(t, folder, map[string]string{"app.py": "one"})
				_, said, _ := strings.Cut(strings.Join(kept, ""), "shop.db is a link on the host by now, and stays")
				if _, name, is := strings.Cut(said, ": what was there before the deploy is kept as "); is != (c.first != "") {
					t.Errorf("said is %q", kept)
				} else if is {
					wantFiles(t, filepath.Dir(name), map[string]string{filepath.Base(name): c.first})
				}
				writeFiles(t, dir, map[string]string{"app.py": "three", "shop.db": "three"})
				deployApp(t, host, folder, dir)
				wantLink(t, folder, "shop.db", "../data/shop.db")
			})
		}
	}
}

// A movedFolder is one of the app's on the host, in whose place the owner has put another
// thing: where that leads this login cannot follow, or it is no folder at all.
var movedFolders = []struct {
	name, said string
	replace    func(at string) error
}{
	{"a link out of what the login sees", "media is a link on the host", func(at string) error { return os.Symlink("/of/another/root/media", at) }},
	{"a file", "media is a file on the host", func(at string) error { return os.WriteFile(at, []byte("x"), 0o644) }},
}

// TestFolderMoved deploys again where the owner has moved a whole folder: what is in it
// stays, and is said once, and the rest comes.
func TestFolderMoved(t *testing.T) {
	const said = "media is a link on the host that this login cannot follow, and stays: to have what is here in it, delete it there"
	for _, c := range []struct {
		name, want string
		then       map[string]string
	}{
		{"changed here", said, map[string]string{"media/a/1.jpg": "two", "media/2.jpg": "two"}},
		{"gone here", said, map[string]string{"media/a/1.jpg": "", "media/2.jpg": ""}},
		{"new here", said, map[string]string{"media/b/3.jpg": "two"}},
		{"as before", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"app.py": "one", "media/a/1.jpg": "one", "media/2.jpg": "one"})
			deployApp(t, host, folder, dir)
			to := replaceFolder(t, folder, movedFolders[0].replace)
			writeFiles(t, dir, c.then)
			for _, text := range []string{"two", "three"} {
				writeFiles(t, dir, map[string]string{"app.py": text})
				notes := deployApp(t, host, folder, dir)
				if got := strings.TrimPrefix(strings.Join(notes, "\n"), folder+"/"); got != c.want {
					t.Errorf("said is %q, want %q", got, c.want)
				}
				wantFiles(t, folder, map[string]string{"app.py": text})
				wantFiles(t, to, map[string]string{"a/1.jpg": "one", "2.jpg": "one"})
			}
		})
	}
}

// TestFolderGoneForFile deploys again where a file is in the place of a folder that is gone
// here, too: nothing is left of that.
func TestFolderGoneForFile(t *testing.T) {
	host, folder := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "one", "media/a/1.jpg": "one"})
	deployApp(t, host, folder, dir)
	replaceFolder(t, folder, movedFolders[1].replace)
	writeFiles(t, dir, map[string]string{"app.py": "two", "media/a/1.jpg": ""})
	if notes := deployApp(t, host, folder, dir); notes != nil {
		t.Errorf("said is %q", notes)
	}
	wantFiles(t, folder, map[string]string{"app.py": "two", "media": "x"})
}

// TestFolderMovedBack takes a deploy back, of whose folders the owner has moved one since:
// all else is as it was, and the next deploy comes.
func TestFolderMovedBack(t *testing.T) {
	for _, way := range []string{"rollback", "undo", "undo, broken off on the way"} {
		for _, c := range movedFolders {
			t.Run(way+", "+c.name, func(t *testing.T) {
				host, folder := thisHost(t)
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{"app.py": "one", "media/a/1.jpg": "one", "media/gone.jpg": "gone", "z.py": "one"})
				deployApp(t, host, folder, dir)
				writeFiles(t, dir, map[string]string{"app.py": "two", "media/a/1.jpg": "two", "media/gone.jpg": "", "media/new.jpg": "two", "z.py": "two"})
				a, _ := placeApp(t, host, folder, dir)
				if way == "rollback" {
					if _, err := a.settle(); err != nil {
						t.Fatal(err)
					}
				}
				to := replaceFolder(t, folder, c.replace)
				said := takeBack(t, a, way)
				wantFiles(t, folder, map[string]string{"app.py": "one", "z.py": "one"})
				wantFiles(t, to, map[string]string{"a/1.jpg": "two", "new.jpg": "two"})
				var kept string
				for _, line := range said {
					_, name, _ := strings.Cut(line, c.said+" by now, and stays: what was there before the deploy is kept as ")
					text, _ := os.ReadFile(name)
					kept += string(text)
				}
				if kept != "onegone" || len(said) != 3 {
					t.Errorf("kept is %q, said %q", kept, said)
				}
				os.Remove(filepath.Join(folder, "media"))
				writeFiles(t, dir, map[string]string{"app.py": "three"})
				deployApp(t, host, folder, dir)
				wantFiles(t, folder, map[string]string{"app.py": "three", "z.py": "two", "media/a/1.jpg": "two"})
			})
		}
	}
}

// replaceFolder moves media out of the app's folder, and returns where it is then.
func replaceFolder(t *testing.T, folder string, replace func(at string) error) (to string) {
	t.Helper()
	at, to := filepath.Join(folder, "media"), filepath.Join(t.TempDir(), "media")
	if err := errors.Join(os.Rename(at, to), replace(at)); err != nil {
		t.Fatal(err)
	}
	return to
}
