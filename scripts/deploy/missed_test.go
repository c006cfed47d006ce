package main

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/remote"
)

// A cutList is a host whose list of stateFolder has the manifest alone.
type cutList struct{ remote.Host }

func (h cutList) List(folder string) ([]remote.Entry, error) {
	list, err := h.Host.List(folder)
	if path.Base(folder) == stateFolder {
		list = slices.DeleteFunc(list, func(e remote.Entry) bool { return e.Name != "manifest.json" })
	}
	return list, err
}

// TestListCut takes a deploy back where the list of what it has replaced is cut: all
// is back all the same.
func TestListCut(t *testing.T) {
	for _, way := range []string{"rollback", "a deploy that broke off", "one whose way back did, too"} {
		t.Run(way, func(t *testing.T) {
			host, folder, _ := twoDeploys(t, way == "rollback")
			a, err := openApp(cutList{host}, folder)
			if err != nil {
				t.Fatal(err)
			}
			if way == "one whose way back did, too" {
				if err := a.back(); err != nil {
					t.Fatal(err)
				}
				if a, err = openApp(cutList{host}, folder); err != nil {
					t.Fatal(err)
				}
			}
			if kept := takeBack(t, a, way); kept != nil {
				t.Errorf("said is %q", kept)
			}
			wantFiles(t, folder, map[string]string{"a.txt": "one", "b.txt": "one", "gone.txt": "one", "new.txt": ""})
		})
	}
}

// TestOldRemoved takes a deploy back where somebody has removed what was there before:
// its owner is told, and can have any version by a next deploy.
func TestOldRemoved(t *testing.T) {
	for _, c := range []struct {
		way  string
		file string
		then map[string]string
	}{
		{"rollback", "a.txt", map[string]string{"a.txt": "two", "b.txt": "two", "gone.txt": ""}},
		{"rollback", "gone.txt", map[string]string{"a.txt": "two", "b.txt": "two", "gone.txt": ""}},
		{"undo", "a.txt", map[string]string{"a.txt": "two", "b.txt": "one", "gone.txt": "one"}},
		{"undo", "gone.txt", map[string]string{"a.txt": "one", "b.txt": "one", "gone.txt": ""}},
	} {
		t.Run(c.way+", "+c.file, func(t *testing.T) {
			host, folder, dir := twoDeploys(t, c.way == "rollback")
			a, err := openApp(host, folder)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range a.now.Last {
				if r.Path == c.file {
					os.Remove(filepath.Join(folder, stateFolder, oldName(a.now.Run, i, r)))
				}
			}
			if a, err = openApp(host, folder); err != nil {
				t.Fatal(err)
			}
			var said string
			if c.way == "rollback" {
				err := a.rollBack()
				if err == nil {
					t.Fatal("it is not refused")
				}
				said = err.Error()
			} else {
				said = strings.Join(takeBack(t, a, c.way), "\n")
			}
			if !strings.Contains(said, filepath.Join(folder, c.file)+" ") || !strings.Contains(said, "deploy the version that you want") {
				t.Errorf("said is %q", said)
			}
			wantFiles(t, folder, c.then)
			first := map[string]string{"a.txt": "one", "b.txt": "one", "gone.txt": "one", "new.txt": ""}
			writeFiles(t, dir, first)
			if notes := deployApp(t, host, folder, dir); notes != nil {
				t.Errorf("the version before: %q", notes)
			}
			wantFiles(t, folder, first)
		})
	}
}

// TestGoneBefore takes a deploy back that has found a file gone already: there is no old
// version of it to ask for.
func TestGoneBefore(t *testing.T) {
	host, folder, dir := twoDeploys(t, true)
	writeFiles(t, folder, map[string]string{"b.txt": ""})
	writeFiles(t, dir, map[string]string{"a.txt": "three", "b.txt": ""})
	deployApp(t, host, folder, dir)
	a, err := openApp(host, folder)
	if err != nil {
		t.Fatal(err)
	}
	takeBack(t, a, "rollback")
	wantFiles(t, folder, map[string]string{"a.txt": "two", "b.txt": "", "new.txt": "two"})
}

// TestFolderRemoved takes a deploy back that has left a folder empty, or made one private,
// which somebody has removed since.
func TestFolderRemoved(t *testing.T) {
	for _, way := range []string{"rollback", "undo"} {
		t.Run(way, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			old := map[string]string{"app.py": "one", "lib/sub/x.py": "one", "lib/sub/y.py": "one"}
			writeFiles(t, dir, old)
			deployApp(t, host, folder, dir)
			writeFiles(t, folder, map[string]string{"private/x": "x"})
			writeFiles(t, dir, map[string]string{"app.py": "two", "lib/sub/x.py": "", "lib/sub/y.py": "", "private/new": "two"})
			if err := os.Chmod(filepath.Join(dir, "private"), 0o700); err != nil {
				t.Fatal(err)
			}
			a, _ := placeApp(t, host, folder, dir)
			if way == "rollback" {
				if _, err := a.settle(); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{"lib", "private"} {
				if err := os.RemoveAll(filepath.Join(folder, name)); err != nil {
					t.Fatal(err)
				}
			}
			takeBack(t, a, way)
			wantFiles(t, folder, old)
		})
	}
}

// twoDeploys are one, and another that has settled or has broken off before that.
func twoDeploys(t *testing.T, settled bool) (host remote.Host, folder, dir string) {
	t.Helper()
	host, folder = thisHost(t)
	dir = t.TempDir()
	writeFiles(t, dir, map[string]string{"a.txt": "one", "b.txt": "one", "gone.txt": "one"})
	deployApp(t, host, folder, dir)
	writeFiles(t, dir, map[string]string{"a.txt": "two", "b.txt": "two", "gone.txt": "", "new.txt": "two"})
	if settled {
		deployApp(t, host, folder, dir)
	} else {
		placeApp(t, host, folder, dir)
	}
	return host, folder, dir
}
