package ondemand

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// claim takes the folder for our site where it is nobody's, or of one that is
// gone. Two sites may have one app; with other settings each would have it
// restarted with its own, and show the other's.
func (a *App) claim(s *state) error {
	if a.Settings == "" {
		return nil
	}
	file := fileID(a.Settings)
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
