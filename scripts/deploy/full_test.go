package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/scripts/deploy/remote"
)

// A halfHost has room for the beginning of files of such a name.
type halfHost struct {
	remote.Host
	pattern string
}

func (h halfHost) Write(name string, content []byte, mode fs.FileMode, tell func(int)) error {
	if is, _ := path.Match(h.pattern, path.Base(name)); !is {
		return h.Host.Write(name, content, mode, tell)
	}
	return errors.Join(h.Host.Write(name, content[:1], mode, tell), fmt.Errorf("%s: %w", name, remote.ErrFull))
}

// TestNoRoom has no room for a file, or finds what a run has left that broke off: none of
// that stays, for the app that runs may need the room.
func TestNoRoom(t *testing.T) {
	for _, c := range []struct {
		name string
		app  string // what app.py has here
		full string // for which files there is no room
	}{
		{"for a file of the app", "two", "new-*"},
		{"for the file that restarts it", "two", "restart.txt.new"},
		{"for what keeps visitors from it", "two", install.HtaccessFile},
		{"left by another run, and nothing to upload", "one", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, home := thisHost(t)
			dir, folder := t.TempDir(), filepath.Join(home, "app")
			writeFiles(t, home, map[string]string{"public_html/index.html": "x"})
			writeFiles(t, dir, map[string]string{"app.py": "one"})
			deployApp(t, host, folder, dir)
			writeFiles(t, folder, map[string]string{stateFolder + "/new-ANOTHER-0": "large", install.HtaccessFile: ""})
			writeFiles(t, dir, map[string]string{"app.py": c.app})
			d := &deploy{options: &options{target: &remote.Target{Folder: path.Join(home, "public_html")}, app: dir}, host: halfHost{host, c.full}, out: io.Discard}
			d.signed.Store(time.Now().UnixNano()) // it has the turn
			var err error
			if d.served, err = openServed(host, d.target.Folder); err != nil {
				t.Fatal(err)
			}
			if _, err = d.planApp(); err != nil {
				t.Fatal(err)
			}
			d.app.shuts = c.full == install.HtaccessFile
			if _, err = d.stage(t.Context()); errors.Is(err, remote.ErrFull) != (c.full != "") {
				t.Errorf("said is %v", err)
			}
			if err != nil {
				d.app.clean() // as deploy does
			}
			for _, pattern := range [...]string{stateFolder + "/new-*", "tmp/*", install.HtaccessFile} {
				if left, _ := filepath.Glob(filepath.Join(folder, pattern)); left != nil {
					t.Errorf("left are %q", left)
				}
			}
		})
	}
}
