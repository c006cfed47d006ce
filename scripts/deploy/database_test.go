package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/remote"
)

// TestDatabaseInUse deploys to a database that has a journal beside it: it stays, as
// what was written last is in the journal alone, whatever the file itself is like.
func TestDatabaseInUse(t *testing.T) {
	for _, end := range []string{"-wal", "-shm", "-journal"} {
		for _, c := range []struct {
			name        string
			first, then string // what is here in the first deploy and in the second, "" for nothing
			isSaid      bool
		}{
			{"changed here", "one", "two", true},
			{"gone here", "one", "", true},
			{"new here", "", "two", true},
			{"as before", "one", "one", false},
		} {
			t.Run(end+", "+c.name, func(t *testing.T) {
				host, folder := thisHost(t)
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{"app.py": "one", "data/shop.db": c.first})
				deployApp(t, host, folder, dir)
				writeFiles(t, folder, map[string]string{"data/shop.db": "one", "data/shop.db" + end: "orders"})
				writeFiles(t, dir, map[string]string{"app.py": "two", "data/shop.db": c.then})
				for range 2 {
					said := strings.Join(deployApp(t, host, folder, dir), "\n")
					if want := "data/shop.db is a database in use, for shop.db" + end + " is beside it, and stays"; strings.Contains(said, want) != c.isSaid {
						t.Errorf("said is %q, want %q: %v", said, want, c.isSaid)
					}
					wantFiles(t, folder, map[string]string{"app.py": "two", "data/shop.db": "one", "data/shop.db" + end: "orders"})
				}
			})
		}
	}
}

// A cuttingHost is one whose lists have the first names alone.
type cuttingHost struct{ remote.Host }

func (h cuttingHost) List(folder string) ([]remote.Entry, error) {
	list, err := h.Host.List(folder)
	slices.SortFunc(list, func(a, b remote.Entry) int { return strings.Compare(a.Name, b.Name) })
	return list[:min(len(list), longList)], err
}

// TestDatabaseInLongList has a database in use where the list of the folder ends before
// it, or before its journal.
func TestDatabaseInLongList(t *testing.T) {
	for _, c := range []struct {
		name  string
		files int // before it
	}{
		{"without the database", longList},
		{"without its journal", longList - 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			host = cuttingHost{host}
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"app.py": "one", "data/shop.db": "one", "data/style.css": "one"})
			deployApp(t, host, folder, dir)
			images := map[string]string{}
			for i := range c.files {
				images[fmt.Sprintf("data/image-%d.jpg", i)] = "x"
			}
			writeFiles(t, folder, images)
			writeFiles(t, folder, map[string]string{"data/shop.db-wal": "orders"})
			writeFiles(t, dir, map[string]string{"app.py": "two", "data/shop.db": "two", "data/style.css": "two"})
			said := strings.Join(deployApp(t, host, folder, dir), "\n")
			if want := "data/shop.db is a database in use, for shop.db-wal is beside it, and stays"; !strings.Contains(said, want) {
				t.Errorf("said is %q, want %q", said, want)
			}
			wantFiles(t, folder, map[string]string{"app.py": "two", "data/shop.db": "one", "data/shop.db-wal": "orders", "data/style.css": "two"})
		})
	}
}

// TestDatabaseUsedHere deploys while a database is in use here, as by the server that one
// develops with: what its journals have must not come into the one on the host, which is
// all orders, whether an earlier deploy has brought journals or not.
func TestDatabaseUsedHere(t *testing.T) {
	for _, end := range []string{"-wal", "-shm", "-journal"} {
		for _, c := range []struct {
			name   string
			first  map[string]string // that the first deploy brings, beside app.py
			there  map[string]string // on the host after it
			here   map[string]string // "" for nothing
			isUsed bool              // which is said
			after  map[string]string // on the host in the end
		}{
			{"a new one", nil, nil, map[string]string{"d/shop.db": "two", "d/shop.db" + end: "rows"}, true, map[string]string{"d/shop.db": ""}},
			{"the same one", map[string]string{"d/shop.db": "one"}, map[string]string{"d/shop.db": "orders"}, map[string]string{"d/shop.db" + end: "rows"}, true, map[string]string{"d/shop.db": "orders"}},
			{"in use there, too", map[string]string{"d/shop.db": "one"}, map[string]string{"d/shop.db": "orders", "d/shop.db" + end: "more"}, map[string]string{"d/shop.db" + end: "rows"}, true, map[string]string{"d/shop.db": "orders", "d/shop.db" + end: "more"}},
			{"not any more", map[string]string{"d/shop.db": "one", "d/shop.db" + end: "rows"}, map[string]string{"d/shop.db": "orders"}, map[string]string{"d/shop.db" + end: ""}, false, map[string]string{"d/shop.db": "orders", "d/shop.db" + end: "rows"}},
			{"a journal alone", nil, map[string]string{"d/shop.db": "orders"}, map[string]string{"d/shop.db" + end: "rows"}, false, map[string]string{"d/shop.db": "orders"}},
			{"a journal alone, from before the database", map[string]string{"d/shop.db" + end: "rows"}, map[string]string{"d/shop.db": "orders", "d/shop.db" + end: ""}, nil, false, map[string]string{"d/shop.db": "orders"}},
			{"another file of such a name", nil, nil, map[string]string{"d/shop" + end: "text"}, false, map[string]string{"d/shop" + end: "text"}},
		} {
			t.Run(end+", "+c.name, func(t *testing.T) {
				host, folder := thisHost(t)
				dir := t.TempDir()
				writeFiles(t, dir, map[string]string{"app.py": "one"})
				writeFiles(t, dir, c.first)
				if c.first != nil { // by a version that brought journals
					files, _, err := scan(dir, nil)
					for name, text := range c.first {
						files[name] = describe(name, []byte(text), 0o644)
					}
					text, err2 := json.Marshal(manifest{Number: 1, Files: files})
					if err := errors.Join(err, err2); err != nil {
						t.Fatal(err)
					}
					writeFiles(t, folder, map[string]string{stateFolder + "/manifest.json": string(text), "app.py": "one"})
					writeFiles(t, folder, c.first)
				} else {
					deployApp(t, host, folder, dir)
				}
				writeFiles(t, folder, c.there)
				writeFiles(t, dir, c.here)
				for _, text := range []string{"two", "three"} {
					writeFiles(t, dir, map[string]string{"app.py": text})
					_, out, err := scan(dir, nil)
					if said := strings.Join(out, ", "); err != nil || strings.Contains(said, "d/shop.db (a database in use: ") != c.isUsed {
						t.Errorf("left out is %q, %v, want a database in use: %v", said, err, c.isUsed)
					}
					deployApp(t, host, folder, dir)
					want := map[string]string{"app.py": text, "d/shop.db" + end: ""}
					maps.Copy(want, c.after)
					wantFiles(t, folder, want)
				}
			})
		}
	}
}

// TestDatabaseBack takes a deploy back that has brought a database, which the app has
// used since: its journal is not for the one from before, and both are kept.
func TestDatabaseBack(t *testing.T) {
	for _, way := range []string{"rollback", "undo", "undo, broken off on the way"} {
		t.Run(way, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"shop.db": "one", "app.py": "one"})
			deployApp(t, host, folder, dir)
			writeFiles(t, dir, map[string]string{"shop.db": "two", "app.py": "two"})
			a, _ := placeApp(t, host, folder, dir)
			if way == "rollback" {
				if _, err := a.settle(); err != nil {
					t.Fatal(err)
				}
			}
			writeFiles(t, folder, map[string]string{"shop.db-wal": "orders", "shop.db-shm": "index"})
			kept := takeBack(t, a, way)
			wantFiles(t, folder, map[string]string{"app.py": "one", "shop.db": "one", "shop.db-wal": "", "shop.db-shm": ""})
			if len(kept) != 1 {
				t.Fatalf("said is %q", kept)
			}
			_, name, _ := strings.Cut(kept[0], "that is kept as ")
			for end, want := range map[string]string{"": "two", "-wal": "orders", "-shm": "index"} {
				wantFiles(t, filepath.Dir(name), map[string]string{filepath.Base(name) + end: want})
			}
		})
	}
}

// An openingHost is one whose app opens its database when a file has been moved, once.
type openingHost struct {
	remote.Host
	moved, wal string
}

func (h *openingHost) Rename(from, to string) error {
	if err := h.Host.Rename(from, to); err != nil || path.Base(from) != h.moved && path.Base(to) != h.moved {
		return err
	}
	h.moved = ""
	return os.WriteFile(h.wal, []byte("orders"), 0o644)
}

// A closingHost is one whose app closes its database when the first journal is moved: the
// other one is gone then.
type closingHost struct {
	remote.Host
	shm string
}

func (h closingHost) Rename(from, to string) error {
	err := h.Host.Rename(from, to)
	if strings.HasSuffix(from, "-wal") {
		os.Remove(h.shm)
	}
	return err
}

// TestDatabaseUsedBack takes a deploy back while the app opens and closes the database that
// it has brought: no journal is left for the one from before, and none is lost.
func TestDatabaseUsedBack(t *testing.T) {
	for _, c := range []struct {
		name string
		host func(host remote.Host, folder string) remote.Host
		kept map[string]string
	}{
		{"opened", func(h remote.Host, folder string) remote.Host {
			return &openingHost{h, "shop.db", filepath.Join(folder, "shop.db-wal")}
		}, map[string]string{"": "two", "-wal": "first orders", "-wal+": "orders", "-shm": "index"}},
		{"closed", func(h remote.Host, folder string) remote.Host {
			return closingHost{h, filepath.Join(folder, "shop.db-shm")}
		}, map[string]string{"": "two", "-wal": "first orders", "-shm": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"shop.db": "one"})
			deployApp(t, host, folder, dir)
			writeFiles(t, dir, map[string]string{"shop.db": "two"})
			a, _ := placeApp(t, host, folder, dir)
			writeFiles(t, folder, map[string]string{"shop.db-wal": "first orders", "shop.db-shm": "index"})
			a.host = c.host(host, folder)
			kept := takeBack(t, a, "undo")
			wantFiles(t, folder, map[string]string{"shop.db": "one", "shop.db-wal": "", "shop.db-shm": ""})
			_, name, _ := strings.Cut(strings.Join(kept, ""), "that is kept as ")
			for end, want := range c.kept {
				wantFiles(t, filepath.Dir(name), map[string]string{filepath.Base(name) + end: want})
			}
		})
	}
}

// TestDatabaseOpened has the app open its database when the plan is made: it stays with
// its journal, and all else is as before.
func TestDatabaseOpened(t *testing.T) {
	for _, c := range []struct {
		name, here string // what is here of the database then, "" for nothing
		moves      bool   // files are moved when it is opened
	}{
		{"while files come", databaseMagic + "two", false},
		{"while files come, and it is gone here", "", false},
		{"while files are moved", databaseMagic + "two", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			old := map[string]string{"app.py": "one", "data/shop.db": databaseMagic + "one"}
			writeFiles(t, dir, old)
			deployApp(t, host, folder, dir)
			writeFiles(t, dir, map[string]string{"app.py": "two", "data/shop.db": c.here})
			a, changes := stageApp(t, host, folder, dir)
			if c.moves {
				a.host = &openingHost{host, "app.py", filepath.Join(folder, "data/shop.db-wal")}
			} else {
				writeFiles(t, folder, map[string]string{"data/shop.db-wal": "orders"})
			}
			err := a.swap(changes)
			if want := "shop.db is a database that is in use by now, for shop.db-wal is beside it"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if c.moves {
				takeBack(t, a, "undo")
			}
			wantFiles(t, folder, old)
			wantFiles(t, folder, map[string]string{"data/shop.db-wal": "orders"})
		})
	}
}
