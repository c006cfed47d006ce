// The file that restarts the app.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/scripts/deploy/remote"
)

// restart has the next request restart the app. The file is put there as all others
// are: some servers never overwrite one, and it may be another user's.
func (a *app) restart(file string) error {
	temp, err := a.putRestart(file)
	if err != nil {
		return err
	}
	return a.host.Rename(temp, file)
}

// putRestart puts the new one beside the file, which may be on another disk than the app.
// A run that broke off may have left its own there.
func (a *app) putRestart(file string) (temp string, err error) {
	a.restarted = []byte(time.Now().UTC().Format(time.RFC3339Nano) + "\n")
	if err := a.host.Mkdir(path.Dir(file), 0o755); err != nil {
		return "", err
	}
	temp = file + ".new"
	if err := a.host.Remove(temp); remote.IsBroken(err) {
		return "", err
	}
	return temp, put(a.host, temp, a.restarted, 0o644, meter{})
}

// mayRestart demands that the app can be restarted, before anything is moved: its tmp may
// be a link that this login cannot follow. To go back it has to be restarted, too.
func (a *app) mayRestart(file string) error {
	temp, err := a.putRestart(file)
	if err != nil && !remote.IsBroken(err) && !errors.Is(err, remote.ErrFull) {
		err = fmt.Errorf("the app could not be restarted, for no file can be put into %s: %w: make that a folder, or name another file in %s, as in %sRESTART_FILE=restart.txt", path.Dir(file), err, settings.File, settings.Prefix)
	}
	if err != nil {
		return err
	}
	return a.host.Remove(temp)
}

// isForRestart demands of the file that restarts the app that it is for nothing else, as
// the wsgi.py that people know to touch is: restart replaces what is there.
func (a *app) isForRestart(restart string, files map[string]file) error {
	if path.Base(restart) == "restart.txt" { // which leftOut has, too
		return nil
	}
	folder, err := realPath(a.host, a.folder)
	if err != nil {
		return err
	}
	at, err := realPath(a.host, path.Dir(restart)) // it may be absolute, and the folder not
	if err != nil {
		return err
	}
	name, err := relative(folder, path.Join(at, path.Base(restart)))
	if err != nil {
		return err
	}
	_, isFile := files[name]
	if isFile || slices.ContainsFunc(a.now.Last, func(c replaced) bool { return c.Path == name }) {
		return errRestartFile(restart)
	}
	text, err := a.host.Read(restart, 0, maxText)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case remote.IsBroken(err):
		return err
	case err != nil || !isRestartText(string(text)):
		return errRestartFile(restart)
	}
	return nil
}

// isRestartText reports whether a text is one of restart, or the nothing of touch.
func isRestartText(text string) bool {
	text = strings.TrimSpace(text)
	_, err := time.Parse(time.RFC3339Nano, text)
	return text == "" || err == nil
}

func errRestartFile(restart string) error {
	return fmt.Errorf("%sRESTART_FILE leads to %s, a file with content, or of the app, which a deploy would overwrite to restart it: name one that is for nothing else, as in tmp/restart.txt", settings.Prefix, restart)
}
