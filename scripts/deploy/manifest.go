package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"proxy.cgi/scripts/deploy/remote"
)

// stateFolder is in the app's folder on the host. It has the manifest, the new
// files of a deploy until they are in place, and the old ones until the next.
const stateFolder = ".proxycgi-deploy"

// A manifest is what deploys have put into the app's folder. Files of others,
// the app's data most of all, are not in it, and not touched.
type manifest struct {
	Number int                    `json:"number"` // of the deploy
	Run    string                 `json:"run"`    // in the names of its files here
	Site   string                 `json:"site"`   // the served folder, as seen from the app's; "" is not known
	Files  map[string]file        `json:"files"`
	Last   []replaced             `json:"last"`           // what that deploy has replaced
	Open   map[string]fs.FileMode `json:"open,omitempty"` // folders that it has made private, as they were before
	Aside  []aside                `json:"aside,omitempty"`

	Settings []changedSetting `json:"settings,omitempty"`

	// Former is the manifest to go back to, while files are on their way: a run
	// that finds it here puts the old ones back first.
	Former *manifest `json:"former,omitempty"`
}

// A replaced is one file before and after a deploy, nil for none.
type replaced struct {
	Path string `json:"path"`
	Old  *file  `json:"old"`
	New  *file  `json:"new"`
	Was  *file  `json:"was,omitempty"` // of an earlier deploy, where Old is what somebody has made of it
}

// An app is the app's folder on the host.
type app struct {
	host     remote.Host
	folder   string
	run      string // the name of this one
	site     string // as in a manifest
	at       string // the other way round: the app's folder as seen from the served one
	now      *manifest
	text     []byte                 // of it, as it is on the host
	have     map[string]bool        // names in stateFolder
	isStale  bool                   // there may be more than those by now
	made     map[string]bool        // folders that are there
	notes    []string               // of folders that were made
	open     map[string]fs.FileMode // folders that swap is to make private, as they are
	said     []string               // by back: of what is not as one may expect
	settings []changedSetting       // by this run
	shuts    bool                   // the next upload begins with a .htaccess that keeps visitors away

	restarted []byte          // what the file that restarts it has, "" for nothing yet
	databases map[string]bool // files of this upload that are

	// turn fails where another run has taken this one for dead. It is asked all the
	// time: nothing of the other's may be moved.
	turn func() error
}

func (a *app) path(name string) string  { return path.Join(a.folder, name) }
func (a *app) state(name string) string { return path.Join(a.folder, stateFolder, name) }

// openApp reads the manifest.
func openApp(host remote.Host, folder string) (*app, error) {
	a := &app{host: host, folder: folder, run: rand.Text()[:10], now: &manifest{Files: map[string]file{}}, have: map[string]bool{}, made: map[string]bool{}, open: map[string]fs.FileMode{}, databases: map[string]bool{}, turn: func() error { return nil }}
	list, err := host.List(a.state(""))
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		a.have[e.Name] = true
	}
	if !a.have["manifest.json"] {
		return a, absent(host, a.state("manifest.json"))
	}
	text, err := host.Read(a.state("manifest.json"), 0, maxText)
	if err != nil {
		return nil, err
	}
	a.text = text
	err = json.Unmarshal(text, a.now)
	if err == nil {
		err = a.now.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: delete it, and all files are uploaded anew", a.state("manifest.json"), err)
	}
	return a, nil
}

// check demands that nothing is missing, and that all paths lead to below the
// app's folder, those that the run's name is a part of, too. Others than this
// program can write the file, and it says what is moved, and to where.
func (m *manifest) check() error {
	if m.Files == nil {
		return errors.New("there is no list of files in it")
	}
	if strings.ContainsFunc(m.Run, isNoneOfRun) {
		return fmt.Errorf("%q is no name of a run, and no deploy has written that", m.Run)
	}
	paths := slices.Collect(maps.Keys(m.Files))
	for _, c := range m.Last {
		if c.Old == nil && c.New == nil {
			return fmt.Errorf("it does not say what was done to %q", c.Path)
		}
		paths = append(paths, c.Path)
	}
	for name := range m.Open {
		if !fs.ValidPath(name) {
			return fmt.Errorf("%q is no folder of the app, and no deploy has written that", name)
		}
	}
	for _, f := range m.Aside {
		if run, is := strings.CutPrefix(strings.TrimRight(f.Name, "+"), "aside-"); !is || strings.ContainsFunc(run, isNoneOfRun) {
			return fmt.Errorf("%q is no file that has been moved aside, and no deploy has written that", f.Name)
		}
		paths = append(paths, f.Path)
	}
	for _, name := range paths {
		if !fs.ValidPath(name) || name == "." {
			return fmt.Errorf("%q is no file below the app's folder, and no deploy has written that", name)
		}
	}
	if m.Former != nil {
		return m.Former.check()
	}
	return nil
}

// isNoneOfRun reports whether a character is in no run's name: rand.Text has
// letters and digits.
func isNoneOfRun(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-')
}

// isTakenBack reports whether the deploy of this number is there no more: with it
// goes what it had replaced.
func (m *manifest) isTakenBack() bool { return m.Number > 0 && m.Last == nil && m.Former == nil }

// write puts a new manifest in the place of the old one.
func (a *app) write(m *manifest) error {
	text, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	if err := put(a.host, a.state("manifest.new"), text, 0o600, meter{}); err != nil {
		return fmt.Errorf("%s: %w", a.state("manifest.json"), err)
	}
	if err := a.turn(); err != nil {
		return err
	}
	if err := a.host.Rename(a.state("manifest.new"), a.state("manifest.json")); err != nil {
		return err
	}
	a.now, a.text = m, text
	return nil
}

// clean removes what has been uploaded and is not needed. Of old files it knows too
// little: see discard.
func (a *app) clean() {
	for name := range a.have {
		if strings.HasPrefix(name, "new-") && a.host.Remove(a.state(name)) == nil { // else it does no harm
			delete(a.have, name)
		}
	}
}
