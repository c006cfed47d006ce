package ondemand

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// claim takes the folder for our site where it is nobody's, or of one that is
// gone. Two sites may have one app; with other settings each would have it
// restarted with its own, and show the other's.
func (a *App) claim(s *state) error {
	if a.Settings == "" {
		return nil
	}
	file := siteFileID(a.Settings)
	moved := file != "" && file == s.siteFile // where it was there may be another site by now
	if s.site != "" && s.site != a.Settings && !moved {
		theirs, err := os.Stat(s.site)
		if ours, ourErr := os.Stat(a.Settings); !errors.Is(err, fs.ErrNotExist) && !(ourErr == nil && os.SameFile(ours, theirs)) {
			return a.share(s)
		}
	}
	s.site, s.siteFile = a.Settings, file
	return nil
}

// siteFileID is the fileID of a settings file, with the time of its birth where the
// file system knows one: moving keeps it, and a file that is uploaded under another
// name and renamed leaves its number to the next, which may be another site's.
func siteFileID(path string) string { return fileID(path) + born(path) }

// outdated returns an error where the settings have changed since they were read, or
// the site is gone: with install --uninstall they may stay, and proxy.cgi does not.
func (a *App) outdated() error {
	if a.SettingsChanged.IsZero() {
		return nil
	}
	var now unix.Stat_t
	err := unix.Stat(a.Settings, &now)
	if err == unix.ENOENT || err == nil && now.Ctim.Nano() != a.SettingsChanged.UnixNano() {
		return outdated(fmt.Errorf("%s has changed while a request waited for the app that it named before", a.Settings))
	}
	program, err := os.Executable() // not without /proc
	if err == nil && unix.Lstat(program, &now) == unix.ENOENT {
		return outdated(fmt.Errorf("%s was taken away while a request waited for the app", program))
	}
	return nil
}

func outdated(cause error) error {
	return &Error{
		Kind:       Outdated,
		Cause:      cause,
		Remedy:     "nothing is to be done: requests that come now find what is there now",
		RetryAfter: time.Second,
	}
}

// share refuses a folder of another site, unless that wants the same app.
func (a *App) share(s *state) error {
	if s.settings == a.settings() {
		return nil
	}
	return &Error{
		Kind:   Shared,
		Cause:  fmt.Errorf("%s is the START_DIR of another site, %s, which starts its app with other settings", a.Dir, filepath.Dir(s.site)),
		Remedy: fmt.Sprintf("give each site a START_DIR of its own, or both the same settings; if that site does not start it any more, delete %s", a.folder()),
	}
}
