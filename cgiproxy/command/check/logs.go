package check

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// checkStartLog looks at the app's log, without which it is not started.
func (s *site) checkStartLog() []Finding {
	if state, err := os.Lstat(filepath.Join(s.cfg.StartDir, ".cgiproxy")); err == nil {
		if owner, _ := ownerOf(state); owner != s.uid {
			return nil // it is that of the web server, which runs the scripts as itself
		}
	}
	if why := s.unwritable(s.cfg.StartLog, s.uid); why != "" {
		return cause{"503", "delete or rename it, or correct START_LOG: the next start makes another"}.fault("user %d cannot use the app's log %s (%s): the app is not started", s.uid, s.cfg.StartLog, why)
	}
	return nil
}

// checkLogFile looks at the log that many an owner has no other than.
func checkLogFile(s *site) []Finding {
	path := s.cfg.LogFile
	if path == "" || s.cfgErr != nil {
		return nil
	}
	owner, _ := ownerOf(s.info) // who has made it where scripts run as another user
	if why := s.unwritable(path, s.uid, owner); why != "" {
		return cause{"", "delete or rename it, or name a file in a folder that this user may write to: it is made"}.warning("user %d cannot use LOG_FILE %s (%s): its lines are in the web server's error log alone", s.uid, path, why)
	}
	return fine("LOG_FILE is %s", path)
}

// unwritable says why the user that scripts run as cannot add to a log, "" where he can:
// one that is not there is made. A link, or a file of who is none of the owners, nor
// root, is not believed to be the owner's.
func (s *site) unwritable(path string, owners ...int) string {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if folder, err := os.Stat(filepath.Dir(path)); err != nil || !may(folder, s.uid, s.gid, 3) {
			return "its folder is missing, or may not be written to"
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	owner, _ := ownerOf(info)
	if info.Mode()&(fs.ModeDir|fs.ModeSymlink|fs.ModeSocket|fs.ModeNamedPipe) != 0 || !slices.Contains(append(owners, 0), owner) || !may(info, s.uid, s.gid, 2) {
		return info.Mode().String()
	}
	return ""
}
