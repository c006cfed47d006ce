package main

import (
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
