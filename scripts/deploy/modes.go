package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/scripts/deploy/remote"
)

// secrets are names of files that hold keys, passwords or tokens, whatever their
// permissions here are.
var secrets = []string{
	".env*", "*.key", "*.pem", "*.p12", "*.pfx", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
	".npmrc", ".pypirc", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".git-credentials", ".htcgiproxy",
}

func isSecret(name string) bool {
	return slices.ContainsFunc(secrets, func(pattern string) bool {
		is, _ := path.Match(pattern, strings.ToLower(path.Base(name)))
		return is
	})
}

// fileMode is the permissions of a file on the host: who may not read it here may
// not there. Others than the owner never write: suEXEC runs no such program.
func fileMode(name string, here fs.FileMode, isProgram bool) fs.FileMode {
	if isSecret(name) {
		return 0o600
	}
	mode := 0o600 | here.Perm()&0o044
	if isProgram {
		mode |= 0o100 | (mode&0o044)>>2 // for who may read it
	}
	return mode
}

// reach is the part of a file's permissions that is of use to who can get through
// a folder on its way.
func reach(folder fs.FileMode) fs.FileMode {
	return 0o700 | (folder&0o011)*7
}

// folderMode is the same for a folder.
func folderMode(here fs.FileMode) fs.FileMode { return 0o700 | here.Perm()&0o055 }

// isPrivate reports whether a folder's permissions are for its owner alone.
func isPrivate(mode fs.FileMode) bool { return mode&0o077 == 0 }

// makePrivate makes a folder that others cannot enter: the FTP server's umask, or
// an upload under another name, shows nobody what comes there.
func makePrivate(host remote.Host, name string) error {
	if err := host.Mkdir(name, 0o700); err != nil {
		return err
	}
	return host.Chmod(name, 0o700) // it may have been there
}

// mkdir makes a folder below the app's, with those on its way, as they are in dir.
func (a *app) mkdir(dir, name string) error {
	if a.made[name] {
		return nil
	}
	if name != "." {
		if err := a.mkdir(dir, path.Dir(name)); err != nil {
			return err
		}
	}
	info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	a.made[name] = true
	mode := folderMode(info.Mode())
	switch {
	case !isPrivate(mode):
		return a.host.Mkdir(a.path(name), mode)
	case a.leadsToSite(name):
		a.notes = append(a.notes, fmt.Sprintf("the folder %s is for its owner alone here; on the host it keeps its permissions if it was there, for the served folder may be in it", a.path(name)))
		return a.host.Mkdir(a.path(name), mode)
	}
	if before := a.permissions(name); !isPrivate(before) { // until its files come
		a.open[name] = before
		return nil
	}
	return a.close(name)
}

// permissions returns those of a folder on the host, 0 where that cannot be told.
func (a *app) permissions(name string) fs.FileMode {
	list, _ := a.host.List(path.Dir(a.path(name))) // it may not be there
	if e, _ := entryIn(list, path.Base(a.path(name))); e.Mode.IsDir() {
		return e.Mode.Perm()
	}
	return 0
}

// close makes a folder private, as it is here.
func (a *app) close(name string) error {
	if err := makePrivate(a.host, a.path(name)); err != nil {
		return fmt.Errorf("the folder %s is for its owner alone here, and cannot be made so on the host: %w: give it permissions 700 there, or others here", a.path(name), err)
	}
	return nil
}

// reopen gives folders the permissions that they had before the deploy.
func (a *app) reopen() error {
	for name, mode := range a.now.Open {
		now := a.permissions(name)
		if now == mode.Perm() { // it has not come that far
			continue
		}
		switch err := a.host.Chmod(a.path(name), mode.Perm()); {
		case now == 0 && errors.Is(err, fs.ErrNotExist): // somebody has removed it since
			continue
		case err != nil:
			return err
		}
		a.said = append(a.said, fmt.Sprintf("the folder %s, which the deploy made private as it is here, has permissions %03o again: where scripts run as another user give it others here", a.path(name), mode.Perm()))
	}
	return nil
}

// leadsToSite reports whether the served folder is in a folder of the app, or may
// be: the web server has to get through, whatever its permissions here are.
func (a *app) leadsToSite(name string) bool {
	switch {
	case a.site == "":
		return true
	case name == ".":
		return !strings.HasPrefix(a.site+"/", "../")
	}
	return strings.HasPrefix(a.site+"/", name+"/")
}

// closed is a .htaccess for a folder of which visitors are shown nothing. LiteSpeed
// reads only the rule.
const closed = `# The app's own files, which are for nobody else.
Require all denied
<IfModule mod_rewrite.c>
	RewriteEngine On
	RewriteRule ^ - [F]
</IfModule>
`

// isInSite reports whether the app's folder is in the served one.
func (a *app) isInSite() bool {
	return strings.HasPrefix(a.site, "..") && strings.Trim(a.site, "./") == "" // all the way up
}

// shut finds out whether visitors are kept from the app's folder: where it is in the
// served one, whose own rules go with --uninstall, and where it is new, for another
// site may show what is around it. Then no .htaccess comes with the app: each says anew
// who may have what.
func (p *plan) shut(files map[string]file) error {
	const rules = install.HtaccessFile
	list, err := p.lists.in(".")
	if err != nil {
		return err
	}
	_, isStaged := list[stateFolder] // by a run that broke off
	isNew := p.now.Number == 0 && (len(list) == 0 || len(list) == 1 && isStaged)
	there, err := p.host.Read(p.path(rules), 0, maxText)
	isThere := !errors.Is(err, fs.ErrNotExist)
	switch isShut := string(there) == closed; {
	case isThere && err != nil:
		return err
	case isThere && !isShut && p.isInSite():
		return fmt.Errorf("%s may show visitors the app's files, at the latest after --uninstall: delete it, and another will be put there that shows them nothing", p.path(rules))
	case !isNew && !isShut && !p.isInSite():
		return nil
	}
	p.shuts = !isThere
	delete(p.now.Files, rules) // a deploy before this rule has brought it
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) == rules {
			delete(files, name)
			p.note(name, "is not uploaded: it could show visitors the app's files, from which another one there keeps them")
		}
	}
	return nil
}

// shutStart keeps visitors from START_DIR, too, where that is another folder in the served
// one: what the app prints comes there.
func (d *deploy) shutStart() error {
	place, err := d.between(d.target.Folder, d.places.dir)
	if err != nil || place == "." || !filepath.IsLocal(filepath.FromSlash(place)) {
		return err
	}
	list, err := d.host.List(d.places.dir)
	if err != nil || pageIn(list) != "" { // its own, which may have a .htaccess by now
		return err
	}
	return put(d.host, path.Join(d.places.dir, install.HtaccessFile), []byte(closed), 0o644, meter{})
}
