package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/command/docroot"
	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/scripts/deploy/remote"
)

// places are where proxy.cgi starts the app, which is where the app's files are unless
// filesDir says otherwise, as FTP calls them. They are "" where nothing is known.
type places struct{ dir, log, restart string }

// filesDir returns the folder of the app's files in the words of the settings, "" for
// none: START_DIR, or another one to which START goes, as MANUAL has it for hosts that run
// scripts as another user, who writes to START_DIR. It may go to a virtualenv before.
func (d *deploy) filesDir() string {
	start := d.setting("START_DIR")
	files, at := start, start
	for part := range strings.FieldsFuncSeq(d.setting("START"), func(r rune) bool { return strings.ContainsRune("&;|\n", r) }) {
		to, goes := strings.CutPrefix(strings.TrimSpace(part), "cd ")
		switch {
		case !goes:
			continue
		case strings.ContainsAny(to, "$`~*?\\"):
			return start
		}
		if to = strings.Trim(to, ` "'`); path.IsAbs(to) {
			at = to
		} else {
			at = path.Join(at, to) // "" is the folder of proxy.cgi, too
		}
		if files == "" && path.IsAbs(at) || !d.isBelow(files, at) {
			files = at
		}
	}
	return files
}

// isBelow reports whether a folder of the settings is the same as another, or in it.
func (d *deploy) isBelow(folder, to string) bool {
	between, err := relative(folder, to)
	if err != nil { // one is absolute, the other is not
		at, below := d.onHost(folder), d.onHost(to)
		if at == "" || below == "" {
			return false
		}
		between, err = d.between(at, below)
	}
	return err == nil && filepath.IsLocal(filepath.FromSlash(between))
}

// appFolder returns where the app shall be, and whether the settings say so.
func (d *deploy) appFolder() (folder string, known bool, err error) {
	start, files := d.setting("START_DIR"), d.filesDir()
	switch {
	case d.appTo != "":
		folder = path.Clean(d.appTo)
		return folder, start != "" && (d.isSaid("START_DIR") || d.mayLeadTo(files, folder)), nil
	case files != "":
		if folder = d.onHost(files); folder == "" {
			if link := d.linkAbove(path.Join(d.target.Folder, files)); link != "" && !path.IsAbs(files) {
				return "", true, errLink(link, "--app-to how FTP calls the folder "+files)
			}
			return "", true, fmt.Errorf("how does FTP call the folder %s of the host, if this login sees it? Say it with --app-to", files)
		}
		return folder, start != "", nil
	}
	root, below := d.servedRoot()
	if root == "." || root == "/" {
		return "", false, fmt.Errorf("this login sees nothing but what is served, where visitors could download the app: name a folder that begins with a dot in that of the site, as in --app-to %s", d.hiddenFolder())
	}
	name := "app"
	if base := path.Base(root); !slices.Contains(docroot.Names(), base) { // an account has several, side by side
		name += "-" + base
	}
	if below != "" {
		name += "-" + strings.ReplaceAll(below, "/", "-")
	}
	return path.Join(path.Dir(root), name), false, nil
}

// isSaid reports whether a flag says a setting.
func (d *deploy) isSaid(setting string) bool {
	return slices.ContainsFunc(d.settings, func(s install.Assignment) bool { return s.Name == setting })
}

// mayLeadTo reports whether a folder of the settings is that one, or whether that cannot
// be told.
func (d *deploy) mayLeadTo(name, folder string) bool {
	at := d.onHost(name)
	if at == "" {
		return true
	}
	between, err := d.between(at, folder)
	return err != nil || between == "."
}

// leadToApp has START_DIR name the app's folder, and says so where it named another one.
func (d *deploy) leadToApp(folder string) error {
	if link := d.linkAbove(folder); link != "" {
		return errLink(link, "--start-dir how the host calls the folder "+folder)
	}
	dir, err := relative(d.target.Folder, folder)
	if err != nil { // one is absolute, the other is not
		if dir, err = d.between(d.target.Folder, folder); err != nil {
			return err
		}
	}
	was := d.setting("START_DIR")
	d.settings = append(d.settings, install.Assignment{Name: "START_DIR", Value: dir})
	if err := d.findsApp(folder); err != nil || was == "" {
		return err
	}
	d.note(fmt.Sprintf("--app-to names another folder than %sSTART_DIR=%s, which is %s from now on: with --start-dir %s it stays", settings.Prefix, was, dir, was))
	return nil
}

// findsApp demands of START that it goes to the app's folder, if it goes anywhere.
func (d *deploy) findsApp(folder string) error {
	start, files := d.setting("START_DIR"), d.filesDir()
	if files == start || d.mayLeadTo(files, folder) {
		return nil
	}
	return fmt.Errorf("with %[1]sSTART_DIR=%[2]s %[1]sSTART goes to the folder %[3]s, and would not find there what is brought to %[4]s: leave its cd out, or write the whole path of that folder in it", settings.Prefix, start, files, folder)
}

// isAnother demands of a folder that no deploy has brought anything to that it is not
// another one of the host, where START_DIR is found by its last parts alone (onHost).
func (d *deploy) isAnother(folder string) error {
	start := d.filesDir()
	list, _ := d.host.List(folder) // it has been found, or is yet to be made
	// A first deploy that was taken back has left this.
	_, isBegun := entryIn(list, stateFolder)
	if !path.IsAbs(start) || start == folder || len(list) == 0 || isBegun {
		return nil
	}
	return fmt.Errorf("is the folder %s, where there is %s, the one that the host calls %s? If it is, say so with --app-to %s", folder, list[0].Name, start, folder)
}

// openApp opens the app's folder, unless it is another site's.
func (d *deploy) openApp(folder string) (err error) {
	if d.app, err = openApp(d.host, folder); err != nil {
		return err
	}
	d.app.turn = d.holdsTurn
	if d.places = d.findPlaces(); d.places.restart == "" {
		file := settings.ValueIn(d.lines, "RESTART_FILE")
		if d.places.dir == "" {
			return fmt.Errorf("the folder of %sSTART_DIR=%s is not seen by this login, so that no file there can restart the app: make it, or let it be one that is seen", settings.Prefix, d.setting("START_DIR"))
		}
		return fmt.Errorf("the folder of %sRESTART_FILE=%s is not seen by this login, so that no file there can restart the app: make the folder, or name one in the app's, as in tmp/restart.txt", settings.Prefix, file)
	}
	if err := d.app.isForRestart(d.places.restart, d.app.now.Files); err != nil {
		return err
	}
	if err := d.locate(); err != nil {
		return err
	}
	return d.isOwnApp()
}

// isOwnApp demands of the app that it is this site's, or that of one that is no more: its
// owner has moved or renamed one of the two folders, perhaps with a link left behind.
func (d *deploy) isOwnApp() error {
	was := d.app.now.Site
	if was == "" || was == d.app.site {
		return nil
	}
	served, err := realPath(d.host, d.target.Folder)
	if err != nil {
		return err
	}
	app, err := realPath(d.host, d.app.folder)
	if err != nil {
		return err
	}
	for _, folder := range [...]string{path.Join(d.app.folder, was), path.Join(app, was)} {
		if real, err := d.host.Real(folder); err == nil && real == served {
			return nil
		}
		switch is, err := d.isSite(folder); {
		case err != nil:
			return err
		case is:
			return fmt.Errorf("the app in %s is that of the site in %s, and not of %s: name another folder for this one, as in --app-to %s-2, or take that site out first, with --uninstall",
				d.app.folder, folder, d.target.Folder, d.app.folder)
		}
	}
	return nil
}

// isSite reports whether a program of ours is in a folder.
func (d *deploy) isSite(folder string) (bool, error) {
	list, err := d.host.List(folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return slices.ContainsFunc(list, func(e remote.Entry) bool { return slices.Contains(htaccess.Both.Names(), e.Name) }), err
}

// locate finds out where the app's folder and the served one are, each as seen from the
// other, which is the same wherever a login begins. The names of folders do not tell it:
// one may be absolute, or there is a link on the way.
func (d *deploy) locate() (err error) {
	if d.app.site, err = d.between(d.app.folder, d.target.Folder); err != nil {
		return err
	}
	d.app.at, err = d.between(d.target.Folder, d.app.folder)
	return err
}

func (d *deploy) findPlaces() (p places) {
	start := d.setting("START_DIR")
	if d.setting("START") != "" && (start != "" || d.app == nil || d.filesDir() != start) {
		p.dir = d.onHost(start)
	}
	if p.dir == "" && d.app != nil && d.filesDir() == start {
		p.dir = d.app.folder
	}
	if p.dir == "" {
		return p
	}
	p.log = d.fileOnHost(p.dir, p.dir, cmp.Or(settings.ValueIn(d.lines, "START_LOG"), "app.log"))
	p.restart = d.fileOnHost(p.dir, p.dir, cmp.Or(settings.ValueIn(d.lines, "RESTART_FILE"), "tmp/restart.txt"))
	return p
}
