package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/remote"
)

// TestWrittenAfterBack has an app that nobody restarts: it writes to a file of a deploy
// when that has been taken back. What it wrote is kept by the next deploy.
func TestWrittenAfterBack(t *testing.T) {
	for _, way := range []string{"rollback", "undo", "undo, broken off on the way"} {
		for _, next := range []string{"a deploy", "a deploy that is taken back, and another"} {
			t.Run(way+", then "+next, func(t *testing.T) {
				host, folder := thisHost(t)
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{"shop.db": "one"})
				deployApp(t, host, folder, dir)
				writeFiles(t, dir, map[string]string{"shop.db": "two", "lib.py": "two"})
				a, _ := placeApp(t, host, folder, dir)
				if way == "rollback" {
					if _, err := a.settle(); err != nil {
						t.Fatal(err)
					}
				}
				db, err := os.OpenFile(filepath.Join(folder, "shop.db"), os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				if kept := takeBack(t, a, way); kept != nil {
					t.Errorf("said at once is %q", kept)
				}
				if _, err := db.WriteString(", orders"); err != nil {
					t.Fatal(err)
				}

				writeFiles(t, dir, map[string]string{"shop.db": "three"})
				var kept []string
				if next != "a deploy" {
					b, _ := placeApp(t, host, folder, dir)
					kept = takeBack(t, b, "undo")
				}
				kept = append(kept, deployApp(t, host, folder, dir)...)
				wantKept(t, folder, kept, "two, orders")
				wantNoneAside(t, folder)
			})
		}
	}
}

// A fullHost is one on which no manifest can be written any more.
type fullHost struct{ remote.Host }

func (h fullHost) Rename(from, to string) error {
	if filepath.Base(to) == "manifest.json" {
		return errors.New("the connection broke off")
	}
	return h.Host.Rename(from, to)
}

// TestKeptBeforeBreak takes a deploy back, which breaks off when the first of what the app
// has written since is kept. Then the app from before makes such a file anew: the next
// run leaves that in its place, and tells of what is kept.
func TestKeptBeforeBreak(t *testing.T) {
	for _, way := range []string{"rollback", "undo"} {
		for _, c := range []struct{ file, then string }{{"new.db", "orders 4-5"}, {"new.db", ""}, {"data.json", "one, and orders 4-5"}, {"data.json", "one"}} {
			t.Run(way+", "+c.file+", "+c.then, func(t *testing.T) {
				host, folder := thisHost(t)
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{"data.json": "one"})
				deployApp(t, host, folder, dir)
				writeFiles(t, dir, map[string]string{"data.json": "two", "new.db": "seed"})
				a, _ := placeApp(t, host, folder, dir)
				if way == "rollback" {
					if _, err := a.settle(); err != nil {
						t.Fatal(err)
					}
				}
				writeFiles(t, folder, map[string]string{c.file: "orders 1-3"})
				if err := a.rollBack(); err != nil {
					t.Fatal(err)
				}
				a.host = fullHost{host}
				if _, err := a.settleBack(); err == nil {
					t.Fatal("it does not break off")
				}
				writeFiles(t, folder, map[string]string{c.file: c.then})
				next, err := openApp(host, folder)
				if err != nil {
					t.Fatal(err)
				}
				wantKept(t, folder, takeBack(t, next, "undo"), "orders 1-3")
				wantFiles(t, folder, map[string]string{c.file: c.then})
			})
		}
	}
}

// wantNoneAside demands that nothing is left of what back has moved aside.
func wantNoneAside(t *testing.T, folder string) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(folder, stateFolder, "aside-*")); left != nil {
		t.Errorf("left is %q", left)
	}
}

// An ftpHost is one to which a folder is no file that is there, as to FTP.
type ftpHost struct{ remote.Host }

func (h ftpHost) Size(name string) (int64, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return 0, fs.ErrNotExist
	}
	return h.Host.Size(name)
}

func (h ftpHost) Read(name string, from, most int64) ([]byte, error) {
	if _, err := h.Size(name); err != nil {
		return nil, err
	}
	return h.Host.Read(name, from, most)
}

// TestFolderSince has the app make a folder in the place of a file of the deploy. The
// next deploy leaves it, and what takes that one back keeps it, and says so.
func TestFolderSince(t *testing.T) {
	for _, way := range []string{"a deploy", "a deploy without it", "rollback", "undo", "undo, broken off on the way"} {
		t.Run(way, func(t *testing.T) {
			here, folder := thisHost(t)
			host, dir := ftpHost{here}, t.TempDir()
			writeFiles(t, dir, map[string]string{"app.py": "one"})
			deployApp(t, host, folder, dir)
			writeFiles(t, dir, map[string]string{"app.py": "two", "data": "seed"})
			a, _ := placeApp(t, host, folder, dir)
			if !strings.HasPrefix(way, "undo") {
				if _, err := a.settle(); err != nil {
					t.Fatal(err)
				}
			}
			writeFiles(t, folder, map[string]string{"data": ""})
			writeFiles(t, folder, map[string]string{"data/orders": "orders"})
			var said []string
			at := filepath.Join(folder, "data")
			if strings.HasPrefix(way, "a deploy") {
				writeFiles(t, dir, map[string]string{"app.py": "three"})
				if way != "a deploy" {
					writeFiles(t, dir, map[string]string{"data": ""})
				}
				said = deployApp(t, host, folder, dir)
			} else {
				said = takeBack(t, a, way)
				for _, text := range said {
					_, at, _ = strings.Cut(text, "that is kept as ")
				}
			}
			if len(said) != 1 || !strings.Contains(said[0], filepath.Join(folder, "data")+" ") {
				t.Errorf("said is %q", said)
			}
			wantFiles(t, at, map[string]string{"orders": "orders"})
		})
	}
}
