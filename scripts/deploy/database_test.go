package main

import (
	"path/filepath"
	"strings"
	"testing"
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
