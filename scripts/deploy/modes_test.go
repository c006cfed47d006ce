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

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/scripts/deploy/remote"
)

// TestModes deploys files and folders with all kinds of permissions: nobody may
// read on the host what he may not read here, nor what is a secret.
func TestModes(t *testing.T) {
	for _, c := range []struct {
		name    string
		content string
		folder  fs.FileMode // here, of the one that it is in
		file    fs.FileMode
		want    string // the same on the host
	}{
		{"app.py", "x", 0o755, 0o644, "755 644"},
		{"app.py", "x", 0o775, 0o664, "755 644"},
		{"app.py", "x", 0o777, 0o666, "755 644"}, // as Windows has all
		{"app.py", "x", 0o755, 0o444, "755 644"},
		{"app.py", "x", 0o700, 0o600, "700 600"},
		{"app.py", "x", 0o750, 0o640, "750 640"},
		{"app.py", "x", 0o711, 0o604, "711 604"},
		{"start.sh", "x", 0o755, 0o755, "755 755"},
		{"start.sh", "#!/bin/sh\n", 0o755, 0o644, "755 755"},
		{"start.sh", "#!/bin/sh\n", 0o755, 0o600, "755 700"},
		{"start.sh", "x", 0o755, 0o750, "755 750"},
		{"start.sh", "x", 0o755, 0o744, "755 755"},
		{".env.production", "x", 0o755, 0o644, "755 600"},
		{".npmrc", "x", 0o755, 0o666, "755 600"},
		{"server.key", "x", 0o755, 0o644, "755 600"},
		{"SERVER.PEM", "x", 0o777, 0o777, "755 600"},
		{"id_ed25519", "x", 0o755, 0o755, "755 600"},
		{"id_card.png", "x", 0o755, 0o644, "755 644"},
	} {
		t.Run(fmt.Sprintf("%s %03o %03o", c.name, c.folder, c.file), func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"in/" + c.name: c.content})
			err := errors.Join(os.Chmod(filepath.Join(dir, "in", c.name), c.file), os.Chmod(filepath.Join(dir, "in"), c.folder))
			if err != nil {
				t.Fatal(err)
			}
			deployApp(t, host, folder, dir)
			var got []string
			for _, name := range []string{"in", "in/" + c.name} {
				info, err := os.Stat(filepath.Join(folder, name))
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%03o", info.Mode().Perm()))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("folder and file have permissions %s, want %s", got, c.want)
			}
			if again := deployApp(t, host, folder, dir); again != nil {
				t.Errorf("a second deploy: %q", again)
			}
		})
	}
}

// TestPrivateFolder has a folder that nobody else may enter here, and that is there on
// the host already, open for all: what is in it others may not read there either.
func TestPrivateFolder(t *testing.T) {
	const private = "in/private"
	for _, c := range []struct {
		name   string
		folder string // that is private here
		site   string // the served folder, as the app's folder sees it
		want   string // permissions on the host, of the app's folder, private and private/cards.csv
		isSaid bool
	}{
		{"one of the app's", private, "../public_html", "755 700 600", false},
		{"one above it", "in", "../public_html", "755 755 600", false},
		{"the app's own", ".", "../public_html", "700 755 644", false},
		{"the app's own, with the served one in it", ".", "public_html", "755 755 644", true},
		{"the app's own, and nobody knows where the served one is", ".", "", "755 755 644", true},
		{"one that the served one is in", private, private + "/public_html", "755 755 600", true},
		{"one of a name like the served one's", private, private + "-too", "755 700 600", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(folder, name) }
			writeFiles(t, dir, map[string]string{private + "/a.txt": "a", private + "/cards.csv": "no", "app.py": "x"})
			deployApp(t, host, folder, dir)
			writeFiles(t, dir, map[string]string{private + "/cards.csv": "cards", "app.py": "y"})
			if err := errors.Join(os.Chmod(folder, 0o755), os.Chmod(filepath.Join(dir, c.folder), 0o700)); err != nil {
				t.Fatal(err)
			}
			a, changes, _ := planApp(t, host, folder, dir)
			a.site = c.site
			a.putChanges(t, dir, changes)
			notes, err := a.settle()
			if err != nil || (notes != nil) != c.isSaid {
				t.Errorf("said is %q, %v", notes, err)
			}
			var got []string
			for _, name := range []string{".", private, private + "/cards.csv"} {
				info, err := os.Stat(at(name))
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%03o", info.Mode().Perm()))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("permissions are %s, want %s", got, c.want)
			}
			if c.folder == private { // of what is unchanged, too
				if info, err := os.Stat(at(private + "/a.txt")); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("a.txt: %v, %v", info, err)
				}
			}
		})
	}
}

// unchangeable is a host on which the permissions of a folder are another's.
type unchangeable struct{ remote.Host }

func (h unchangeable) Chmod(name string, mode fs.FileMode) error {
	if path.Base(name) == "private" {
		return fs.ErrPermission
	}
	return h.Host.Chmod(name, mode)
}

// TestPrivateFolderRefused has the host refuse that: nothing comes into the folder.
func TestPrivateFolderRefused(t *testing.T) {
	host, folder := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, folder, map[string]string{"private/x": "x"})
	writeFiles(t, dir, map[string]string{"private/cards.csv": "cards"})
	if err := os.Chmod(filepath.Join(dir, "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	a, changes := stageApp(t, unchangeable{host}, folder, dir)
	err := a.swap(changes)
	wantFiles(t, folder, map[string]string{"private/cards.csv": ""})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "give it permissions 700 there, or others here") {
		t.Error(err)
	}
}

// TestPrivateFolderBack takes a deploy back that has made folders private, which may
// have been why the site failed. Until its files are moved, nothing is made so.
func TestPrivateFolderBack(t *testing.T) {
	for _, way := range []string{"staged alone", "rollback", "undo", "undo, broken off on the way"} {
		t.Run(way, func(t *testing.T) {
			host, home := thisHost(t)
			folder, dir := filepath.Join(home, "app"), t.TempDir()
			writeFiles(t, folder, map[string]string{"lib/x": "x", "app.py": "old"})
			writeFiles(t, dir, map[string]string{"lib/y": "y", "app.py": "new"})
			want := func(mode fs.FileMode) {
				t.Helper()
				for _, name := range []string{"", "lib"} {
					if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != mode {
						t.Errorf("app/%s: %v, %v, want %03o", name, info.Mode(), err, mode)
					}
				}
			}
			for _, name := range []string{dir, filepath.Join(dir, "lib")} {
				if err := os.Chmod(name, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			a, changes := stageApp(t, host, folder, dir)
			want(0o755)
			if way == "staged alone" {
				return
			}
			if err := a.swap(changes); err != nil {
				t.Fatal(err)
			}
			want(0o700)
			if way == "rollback" {
				if _, err := a.settle(); err != nil {
					t.Fatal(err)
				}
			}
			if said := strings.Join(takeBack(t, a, way), "\n"); !strings.Contains(said, "has permissions 755 again") && !strings.Contains(way, "broken off") {
				t.Errorf("said is %q", said)
			}
			want(0o755)
			wantFiles(t, folder, map[string]string{"lib/x": "x", "app.py": "old", "lib/y": ""})
		})
	}
}

// A hidingHost is one that uploads under another name, as ProFTPD with
// HiddenStores: what a file is to have for permissions, it gets in the end.
type hidingHost struct {
	remote.Host
	t *testing.T
}

func (h hidingHost) Write(name string, content []byte, mode fs.FileMode, tell func(int)) error {
	hidden := path.Join(path.Dir(name), ".in."+path.Base(name)+".")
	if err := h.Host.Write(hidden, content, 0o644, tell); err != nil {
		return err
	}
	info, err := os.Stat(path.Dir(name))
	if err != nil {
		return err
	}
	if strings.Contains(string(content), "TOPSECRET") && info.Mode()&0o077 != 0 {
		h.t.Errorf("%s can be read by others while it comes", name)
	}
	return errors.Join(h.Host.Rename(hidden, name), h.Host.Chmod(name, mode))
}

// TestHidden uploads secrets to such a host: nobody else reads them at any time.
func TestHidden(t *testing.T) {
	host, folder := thisHost(t)
	host = hidingHost{host, t}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	wantSecret := func(name string) {
		t.Helper()
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s is %v, %v", name, info, err)
		}
		wantFiles(t, folder, map[string]string{name: "TOPSECRET"})
	}

	s, err := openServed(host, folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.read(".htcgiproxy"); err != nil {
		t.Fatal(err)
	}
	todo, err := steps([]install.Change{{Name: ".htcgiproxy", New: []byte("TOPSECRET"), Mode: 0o600}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.stage(t.Context(), todo, meter{}), s.place(todo), s.putKey("TOPSECRET")); err != nil {
		t.Fatal(err)
	}
	wantSecret(".htcgiproxy")
	wantSecret(".htproxycgi-check")
	s.clean()
	if left, _ := filepath.Glob(filepath.Join(folder, tempPrefix+"*")); left != nil {
		t.Errorf("%q is left", left)
	}

	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"server.key": "TOPSECRET"})
	if err := os.Mkdir(filepath.Join(folder, stateFolder), 0o755); err != nil { // as a run has left it that broke off
		t.Fatal(err)
	}
	deployApp(t, host, folder, dir)
	wantSecret("server.key")
}
