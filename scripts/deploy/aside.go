// What has been moved aside on the way back, which the app may have written to.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"proxy.cgi/scripts/deploy/remote"
)

// An aside is a file that a deploy has brought and back has moved into stateFolder.
type aside struct {
	Name string `json:"name"` // there
	Path string `json:"path"`
	New  file   `json:"new"` // as it was deployed
}

// isAside reports whether a file has been moved aside under a name, by which it may be
// kept for good by now.
func (a *app) isAside(name, file string) bool {
	return a.have[name] || a.have[sinceName(name, file)]
}

// settleBack says that what back has put there is to stay. Of what it has moved aside,
// that which has been written to since the deploy is kept for good, and told. The rest
// stays until the next deploy: an app that nobody has restarted has it open, and may
// yet write to it.
func (a *app) settleBack() (kept []string, err error) {
	m := a.now
	kept = a.said
	for i, c := range m.Last {
		for name := asideName(m.Run, i); a.isAside(name, c.Path); name += "+" {
			if a.have[sinceName(name, c.Path)] { // by a run that broke off then
				kept = append(kept, a.keptSince(name, c.Path))
				continue
			}
			is, err := a.wasDeployed(name, c.New)
			switch {
			case err != nil:
				return kept, err
			case !is || a.hasJournals(c.Path, name):
				if err := a.keepSince(name, c.Path); err != nil {
					return kept, err
				}
				kept = append(kept, a.keptSince(name, c.Path))
			case c.New != nil:
				m.Former.Aside = append(m.Former.Aside, aside{name, c.Path, *c.New})
			}
		}
	}
	if err := a.write(m.Former); err != nil {
		return kept, err
	}
	a.clean()
	return append(kept, a.discardAside(m)...), nil
}

// keepSince keeps for good what has been written since a deploy.
func (a *app) keepSince(name, file string) error {
	return a.move(a.state(name), a.state(sinceName(name, file)))
}

func (a *app) keptSince(name, file string) (note string) {
	return fmt.Sprintf("%s has been written to since it was deployed: that is kept as %s", a.path(file), a.state(sinceName(name, file)))
}

func sinceName(aside, file string) string {
	return fmt.Sprintf("kept-since-%s-%s", strings.TrimPrefix(aside, "aside-"), shortBase(file))
}

// discardAside removes what an earlier run has moved aside, but for what has been
// written to since then. What cannot be looked at stays.
func (a *app) discardAside(m *manifest) (notes []string) {
	for _, f := range m.Aside {
		is, err := isAs(a.host, a.state(f.Name), &f.New)
		switch {
		case err != nil:
		case is:
			a.host.Remove(a.state(f.Name)) // it does no harm
		default:
			if a.keepSince(f.Name, f.Path) == nil {
				notes = append(notes, a.keptSince(f.Name, f.Path))
			}
		}
	}
	return notes
}

// wasDeployed reports whether a file in stateFolder is as a deploy has uploaded
// it, nil for none, or is not there.
func (a *app) wasDeployed(name string, deployed *file) (bool, error) {
	if deployed == nil {
		deployed = &file{}
	}
	is, err := isAs(a.host, a.state(name), deployed)
	if !errors.Is(err, fs.ErrNotExist) {
		return is, err
	}
	_, err = a.host.List(a.state(name)) // to FTP, a folder is no file that is there
	if remote.IsBroken(err) {
		return false, err
	}
	return err != nil, nil
}

// isAs reports whether a file has the content of another. It is read, for what
// databases write into a file often leaves its size; what cannot be read has not.
func isAs(host remote.Host, name string, f *file) (bool, error) {
	text, err := host.Read(name, 0, f.Size)
	if errors.Is(err, fs.ErrNotExist) || remote.IsBroken(err) {
		return false, err
	}
	return err == nil && sum(text) == f.SHA256, nil
}
