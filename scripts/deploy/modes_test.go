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
