package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/remote"
)

// A writeOnce host overwrites no file.
type writeOnce struct{ remote.Host }

func (h writeOnce) Write(name string, content []byte, mode fs.FileMode, tell func(int)) error {
	if _, err := h.Host.Size(name); err == nil {
		name += ".1" // AutoRename of Pure-FTPd
	}
	return h.Host.Write(name, content, mode, tell)
}

// TestRestartFile restarts an app again and again where that is so, the second time after
// a run that broke off.
func TestRestartFile(t *testing.T) {
	host, folder := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	a, _ := stageApp(t, writeOnce{host}, folder, dir)
	for range 2 {
		if err := a.restart(filepath.Join(folder, "tmp/restart.txt")); err != nil {
			t.Fatal(err)
		}
		wantFiles(t, folder, map[string]string{"tmp/restart.txt": string(a.restarted), "tmp/restart.txt.new": ""})
		writeFiles(t, folder, map[string]string{"tmp/restart.txt.new": "of another run"})
	}
}

// A twoDisks host has the folder tmp on another disk than all else.
type twoDisks struct{ remote.Host }

func (h twoDisks) Rename(from, to string) error {
	isOnOther := func(name string) bool { return path.Base(path.Dir(name)) == "tmp" }
	if isOnOther(from) != isOnOther(to) {
		return errors.New("invalid cross-device link")
	}
	return h.Host.Rename(from, to)
}

// TestRestartOnOtherDisk restarts an app whose owner has made tmp a link to there.
func TestRestartOnOtherDisk(t *testing.T) {
	host, folder := thisHost(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"app.py": "x"})
	a, _ := stageApp(t, twoDisks{host}, folder, dir)
	at := filepath.Join(folder, "tmp/restart.txt")
	if err := errors.Join(a.mayRestart(at), a.restart(at)); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, folder, map[string]string{"tmp/restart.txt": string(a.restarted)})
	if files, _ := filepath.Glob(filepath.Join(folder, "tmp/*")); len(files) != 1 {
		t.Errorf("there are %q", files)
	}
}

// TestNoRestart has an app whose tmp is a link that this login cannot follow: that is said
// before anything is moved.
func TestNoRestart(t *testing.T) {
	const want = "/app/tmp: mkdir"
	for _, way := range []string{"a deploy", "a rollback"} {
		t.Run(way, func(t *testing.T) {
			host, home := thisHost(t)
			dir := t.TempDir()
			folder := filepath.Join(home, "app")
			writeFiles(t, home, map[string]string{"public_html/index.html": "x"})
			for _, text := range []string{"one", "two"} {
				writeFiles(t, dir, map[string]string{"app.py": text})
				deployApp(t, host, folder, dir)
			}
			if err := os.Symlink("/of/another/root/tmp", filepath.Join(folder, "tmp")); err != nil {
				t.Fatal(err)
			}
			d := &deploy{options: &options{target: &remote.Target{Folder: path.Join(home, "public_html")}, app: dir}, host: host, out: io.Discard}
			d.signed.Store(time.Now().UnixNano()) // it has the turn
			var err error
			if d.served, err = openServed(host, d.target.Folder); err != nil {
				t.Fatal(err)
			}
			if way == "a rollback" {
				err = d.rollBack(t.Context())
			} else {
				writeFiles(t, dir, map[string]string{"app.py": "three"})
				if _, err = d.planApp(); err == nil {
					_, err = d.stage(t.Context())
				}
			}
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "as in CGIPROXY_RESTART_FILE=restart.txt") {
				t.Errorf("said is %v, want %q", err, want)
			}
			wantFiles(t, folder, map[string]string{"app.py": "two"})
			if a, err := openApp(host, folder); err != nil || a.now.Former != nil {
				t.Errorf("it is under way: %v", err)
			}
		})
	}
}

// A roomless host has no room for a file, and makes folders that it gives no permissions.
type roomless struct{ remote.Host }

func (roomless) Write(name string, _ []byte, _ fs.FileMode, _ func(int)) error {
	return fmt.Errorf("%s: %w", name, remote.ErrFull)
}

func (roomless) Chmod(string, fs.FileMode) error { return errors.New("unknown command") }

// TestFull has no room for the file that restarts the app, which no other place for it mends.
func TestFull(t *testing.T) {
	host, folder := thisHost(t)
	a, err := openApp(roomless{host}, folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.mayRestart(filepath.Join(folder, "tmp/restart.txt")); !errors.Is(err, remote.ErrFull) || strings.Contains(err.Error(), "RESTART_FILE") {
		t.Errorf("said is %v", err)
	}
}

// TestTempRefused leaves no folder in the served one where a server gives it no permissions:
// the next run would take it for another's.
func TestTempRefused(t *testing.T) {
	host, folder := thisHost(t)
	s := &served{host: roomless{host}, folder: folder}
	err := s.makeTemp()
	if left, _ := os.ReadDir(folder); err == nil || len(left) != 0 {
		t.Errorf("%v, left are %q", err, left)
	}
}
