// How FTP calls what the settings name.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"proxy.cgi/scripts/deploy/remote"
)

// onHost returns how FTP calls a folder of the settings: a login sees the whole
// machine, or its own home as all there is. It is "" where that is not there, or
// cannot be told: proxy.cgi goes up from what a link leads to.
func (d *deploy) onHost(folder string) string {
	if at, isThere := d.findOnHost(folder); isThere {
		return at
	}
	return ""
}

// findOnHost is onHost for a folder that may have to be made: the one that it is in has
// to be there then, in which another of that name elsewhere is not the one.
func (d *deploy) findOnHost(folder string) (at string, isThere bool) {
	if !path.IsAbs(folder) {
		at := path.Join(d.target.Folder, folder)
		if d.linkAbove(at) != "" || d.isAboveAll(folder) {
			return "", false
		}
		return at, true
	}
	for name := folder; name != ""; {
		if _, err := d.host.List(name); err == nil {
			return name, true
		}
		if above := path.Dir(name); above != "/" && above != "." {
			if _, err := d.host.List(above); err == nil {
				return name, false
			}
		}
		_, name, _ = strings.Cut(strings.TrimPrefix(name, "/"), "/")
	}
	if path.Base(folder) == d.target.User { // /home/me
		return ".", true
	}
	return "", false
}

// isAboveAll reports whether a folder, as seen from the served one, is above all that the
// login sees: to that, what is above / is / again.
func (d *deploy) isAboveAll(folder string) bool {
	up := 0
	for rest := path.Clean(folder) + "/"; strings.HasPrefix(rest, "../"); rest = rest[len("../"):] {
		up++
	}
	if up == 0 {
		return false
	}
	served, err := d.host.Real(d.target.Folder)
	return err == nil && up > strings.Count(strings.TrimSuffix(served, "/"), "/")
}

// fileOnHost returns how FTP calls a file of the settings, whose path begins in dir if it
// is relative, "" where that cannot be told. FTP calls START_DIR start, "" is not known.
func (d *deploy) fileOnHost(start, dir, name string) string {
	onHost := path.Clean(d.setting("START_DIR"))
	if below, isBelow := strings.CutPrefix(path.Clean(name), onHost+"/"); isBelow && path.IsAbs(onHost) && start != "" {
		return path.Join(start, below)
	}
	if path.IsAbs(name) {
		if dir, _ = d.findOnHost(path.Dir(name)); dir == "" {
			return ""
		}
		name = path.Base(name)
	}
	return path.Join(dir, name)
}

// realPath returns the whole path of a folder, of which the last parts may yet have to be
// made.
func realPath(host remote.Host, folder string) (string, error) {
	for above, rest := folder, ""; ; above, rest = path.Dir(above), path.Join(path.Base(above), rest) {
		real, err := host.Real(above)
		if err == nil {
			return path.Join(real, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || above == path.Dir(above) {
			return "", err
		}
	}
}

// between returns where a folder is as seen from another, by their whole paths.
func (d *deploy) between(from, to string) (string, error) {
	from, err := realPath(d.host, from)
	if err != nil {
		return "", err
	}
	if to, err = realPath(d.host, to); err != nil {
		return "", err
	}
	return relative(from, to)
}

// relative is filepath.Rel for the names of hosts.
func relative(from, to string) (string, error) {
	rel, err := filepath.Rel(filepath.FromSlash(from), filepath.FromSlash(to))
	return filepath.ToSlash(rel), err
}

// linkAbove returns the first link on the way from the served folder up to where
// the app's is below, too, "" for none: what is beside the link is not beside what
// it leads to.
func (d *deploy) linkAbove(app string) string {
	for name := d.target.Folder; name != path.Dir(name) && !strings.HasPrefix(app+"/", name+"/"); name = path.Dir(name) {
		list, _ := d.host.List(path.Dir(name)) // it has been found by its name
		if e, _ := entryIn(list, path.Base(name)); isLink(e) {
			return name
		}
	}
	return ""
}

func errLink(link, remedy string) error {
	return fmt.Errorf("%s is a link on the host, and the app is looked for beside what it leads to: name that folder as the target, as in domains/example.com/public_html, or say with %s", link, remedy)
}
