package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/remote"
)

// TestOthersContent has what somebody else has written on the host where a deploy
// would remove or replace it: it stays, or is kept for good, and that is said.
func TestOthersContent(t *testing.T) {
	const gone, absent = "gone", ""
	for _, c := range []struct {
		name   string
		before string // shop.db on the host before the first deploy
		first  string // here then
		there  string // on the host afterwards, absent for as it was
		second string // here at the next two deploys
		want   string // there in the end
		notes  [3]string
		kept   string // absent for nothing
	}{
		{"gone here", absent, "seed", absent, absent, absent, [3]string{}, absent},
		{"gone here, changed there", absent, "seed", "orders", absent, "orders", [3]string{"", "is no more here, but has been changed on the host", "is no more here, but has been changed on the host"}, absent},
		{"gone here, changed there within its size", absent, "seed", "SEED", absent, "SEED", [3]string{"", "is no more here, but has been changed on the host", "is no more here, but has been changed on the host"}, absent},
		{"changed here, and there within its size", absent, "seed", "SEED", "more seed", "more seed", [3]string{"", "yours replaces it, --rollback brings it back, and it is kept in "}, "SEED"},
		{"gone here and there", absent, "seed", gone, absent, absent, [3]string{}, absent},
		{"changed here and there", absent, "seed", "orders", "more seed", "more seed", [3]string{"", "yours replaces it, --rollback brings it back, and it is kept in "}, "orders"},
		{"made there, and then here", absent, absent, "orders", "seed", "orders", [3]string{"", "though no deploy has put it there, and stays", "though no deploy has put it there, and stays"}, absent},
		{"made there, and then here, of one size", absent, absent, "SEED", "seed", "SEED", [3]string{"", "though no deploy has put it there, and stays", "though no deploy has put it there, and stays"}, absent},
		{"the same, made there, and then here", absent, absent, "seed", "seed", "seed", [3]string{}, absent},
		{"there before the first", "orders", "seed", absent, "seed", "seed", [3]string{"yours replaces it, --rollback brings it back, and it is kept in "}, "orders"},
		{"the same before the first", "seed", "seed", absent, "seed", "seed", [3]string{}, absent},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, folder, map[string]string{"shop.db": c.before})
			for i, here := range []string{c.first, c.second, c.second} {
				app := strings.Repeat("x", i)
				writeFiles(t, dir, map[string]string{"app.py": "app" + app, "shop.db": here})
				notes := strings.Join(deployApp(t, host, folder, dir), "\n")
				if !strings.Contains(notes, c.notes[i]) || c.notes[i] == "" && notes != "" {
					t.Errorf("deploy %d says %q, want %q", i+1, notes, c.notes[i])
				}
				wantFiles(t, folder, map[string]string{"app.py": "app" + app})
				if i == 0 && c.there != absent {
					writeFiles(t, folder, map[string]string{"shop.db": strings.TrimPrefix(c.there, gone)})
				}
			}
			wantFiles(t, folder, map[string]string{"shop.db": c.want})
			var kept string
			files, _ := filepath.Glob(filepath.Join(folder, stateFolder, "kept-*-shop.db"))
			for _, name := range files {
				text, _ := os.ReadFile(name)
				kept += string(text)
			}
			if kept != c.kept {
				t.Errorf("kept is %q, want %q", kept, c.kept)
			}
		})
	}
}

// TestOthersContentBack has a rollback bring back what somebody else had made of a file of
// an earlier deploy: it is still a file of that one.
func TestOthersContentBack(t *testing.T) {
	for _, c := range []struct{ name, here, want, notes string }{
		{"changed here", "three", "three", "yours replaces it, --rollback brings it back, and it is kept in "},
		{"as it was here", "one", "hot fix", "has been changed on the host since the last deploy, and stays so"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"app.py": "one", "same.txt": "same"})
			deployApp(t, host, folder, dir)
			writeFiles(t, folder, map[string]string{"app.py": "hot fix"})
			writeFiles(t, dir, map[string]string{"app.py": "two"})
			deployApp(t, host, folder, dir)
			a, err := openApp(host, folder)
			if err != nil {
				t.Fatal(err)
			}
			takeBack(t, a, "rollback")
			wantFiles(t, folder, map[string]string{"app.py": "hot fix"})
			writeFiles(t, dir, map[string]string{"app.py": c.here})
			if notes := strings.Join(deployApp(t, host, folder, dir), "\n"); !strings.Contains(notes, c.notes) {
				t.Errorf("said is %q, want %q", notes, c.notes)
			}
			wantFiles(t, folder, map[string]string{"app.py": c.want})
		})
	}
}

// TestPermissionsHere has other permissions here alone, as in a checkout with another
// umask: what has been written there stays.
func TestPermissionsHere(t *testing.T) {
	for _, c := range []struct {
		name, there, notes string
		mode               fs.FileMode // there in the end
	}{
		{"written to", "orders", "has been changed on the host since the last deploy, and stays so", 0o644},
		{"written to within its size", "SEED", "has been changed on the host since the last deploy, and stays so", 0o644},
		{"as it was", "seed", "", 0o600},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"shop.db": "seed"})
			deployApp(t, host, folder, dir)
			writeFiles(t, folder, map[string]string{"shop.db": c.there})
			if err := os.Chmod(filepath.Join(dir, "shop.db"), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if notes := strings.Join(deployApp(t, host, folder, dir), "\n"); !strings.Contains(notes, c.notes) || (notes == "") != (c.notes == "") {
					t.Errorf("said is %q, want %q", notes, c.notes)
				}
				wantFiles(t, folder, map[string]string{"shop.db": c.there})
			}
			if info, err := os.Stat(filepath.Join(folder, "shop.db")); err != nil || info.Mode() != c.mode {
				t.Errorf("it is %v, %v, want %v", info.Mode(), err, c.mode)
			}
		})
	}
}

// TestFileAndFolder has a file here in the place of a folder there, and the other way
// round: that is said, with what to do, which then goes.
func TestFileAndFolder(t *testing.T) {
	for _, c := range []struct{ name, first, second, want string }{
		{"a folder that is a file now", "m/init.py", "m", "m is a folder on the host, and a file here: delete or rename that folder first"},
		{"a file that is a folder now", "m", "m/init.py", "m is a file on the host, and a folder here: give the folder another name, or delete that file first, which no --rollback brings back then"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			first, second := t.TempDir(), t.TempDir()
			writeFiles(t, first, map[string]string{"app.py": "one", c.first: "one"})
			writeFiles(t, second, map[string]string{"app.py": "two", c.second: "two"})
			deployApp(t, host, folder, first)
			files, leftOut, err := scan(second, nil)
			if err != nil {
				t.Fatal(err)
			}
			a, err := openApp(host, folder)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := a.plan(files, leftOut, nil); err == nil || err.Error() != filepath.Join(folder, c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err := os.RemoveAll(filepath.Join(folder, "m")); err != nil {
				t.Fatal(err)
			}
			deployApp(t, host, folder, second)
			wantFiles(t, folder, map[string]string{"app.py": "two", c.second: "two"})
		})
	}
}

// An askedHost notes which folders are asked for.
type askedHost struct {
	remote.Host
	asked []string
}

func (h *askedHost) List(folder string) ([]remote.Entry, error) {
	h.asked = append(h.asked, path.Base(folder))
	return h.Host.List(folder)
}

// TestFewLists asks for no folder that the one above it is known not to have.
func TestFewLists(t *testing.T) {
	host, folder := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x", "lib/a/x": "x", "lib/b/c/x": "x", ".well-known/x": "x"})
	writeFiles(t, folder, map[string]string{"lib/a/other": "x"})
	asked := &askedHost{Host: host}
	if _, changes, _ := planApp(t, asked, folder, dir); len(changes) != 4 {
		t.Errorf("there are %d files to bring", len(changes))
	}
	if got, want := fmt.Sprint(asked.asked), fmt.Sprint([]string{stateFolder, path.Base(folder), ".well-known", "lib", "a"}); got != want {
		t.Errorf("asked are %s, want %s", got, want)
	}
}

// TestIncludedOnce has a deploy bring what is usually left out, and a next one that is
// not told to: it stays there, also where it is not here, as in a fresh checkout.
func TestIncludedOnce(t *testing.T) {
	host, folder := thisHost(t)
	dir := t.TempDir()
	files := map[string]string{"app.py": "x", "link.txt": "linked to", "media/a/x.jpg": "x", ".env": "SECRET=1", "node_modules/a/x.js": "a", "node_modules/b/x.js": "b"}
	writeFiles(t, dir, files)
	deployApp(t, host, folder, dir, ".env", "node_modules")
	files["app.py"] = "y"
	writeFiles(t, dir, files)
	for name, to := range map[string]string{"link.txt": "app.py", "media": "/nowhere/else"} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.RemoveAll(name), os.Symlink(to, name)); err != nil {
			t.Fatal(err)
		}
	}
	notes := strings.Join(deployApp(t, host, folder, dir), "\n")
	for _, name := range []string{".env", "node_modules", "link.txt", "media"} {
		if want := filepath.Join(folder, name) + " is left out here, though an earlier deploy has brought it"; strings.Count(notes, want) != 1 {
			t.Errorf("said is %q, want %q once", notes, want)
		}
	}
	wantFiles(t, folder, files)

	here := map[string]string{"app.py": "z", "link.txt": "", ".env": ""}
	writeFiles(t, dir, here)
	if err := os.RemoveAll(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	files["app.py"], files["link.txt"] = "z", ""
	for range 2 { // the second one removes what the first has replaced
		notes = strings.Join(deployApp(t, host, folder, dir), "\n")
		for _, name := range []string{".env", "node_modules"} {
			if want := filepath.Join(folder, name) + " is not here, though an earlier deploy has brought it"; strings.Count(notes, want) != 1 {
				t.Errorf("said is %q, want %q once", notes, want)
			}
		}
		wantFiles(t, folder, files)
		files["app.py"] = "last"
		writeFiles(t, dir, map[string]string{"app.py": "last"})
	}

	deployApp(t, host, folder, dir, ".env", "node_modules")
	wantFiles(t, folder, map[string]string{"app.py": "last", ".env": "", "node_modules/a/x.js": "", "node_modules/b/x.js": ""})
}

// TestSiteInApp has the served folder in the app's: what is put there for the site is
// none of the app's files, whatever there is here, and an earlier deploy has brought.
func TestSiteInApp(t *testing.T) {
	host, folder := thisHost(t)
	dir := t.TempDir()
	of := func(name, text string) map[string]string {
		return map[string]string{"app.py": text, "public/a.css": text, "lib/.htaccess": text, "public/" + name: text}
	}
	for _, name := range []string{".htaccess", "proxy.cgi", ".htproxycgi"} {
		writeFiles(t, folder, map[string]string{"app.py": "", "public/x": "x", "public/" + name: "the site's"})
		writeFiles(t, dir, of(name, "one"))
		_, changes, notes, err := planFor(t, host, folder, dir, "public")
		if want := filepath.Join(folder, "public", name) + " is not uploaded"; err != nil || len(changes) != 3 || !strings.HasPrefix(strings.Join(notes, "\n"), want) {
			t.Errorf("%d files, said is %q, %v, want %q", len(changes), notes, err, want)
		}
		writeFiles(t, dir, of(name, ""))
	}
	writeFiles(t, folder, map[string]string{stateFolder + "/manifest.json": `{"number": 1, "files": {"public/.htaccess": {}}}`})
	writeFiles(t, dir, map[string]string{"app.py": "two"})
	_, changes, notes, err := planFor(t, host, folder, dir, "public")
	if err != nil || len(changes) != 1 || notes != nil {
		t.Errorf("brought before: %d files, said is %q, %v", len(changes), notes, err)
	}
}
