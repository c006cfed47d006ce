package cgiproxy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
	"proxy.cgi/cgiproxy/settings"
)

// maxLogFile bounds LOG_FILE, in bytes. It is a choice: some thousand lines, and
// as many in the file before.
const maxLogFile = 1 << 20

// A logFile puts what goes to the web server's error log into the LOG_FILE of a
// site, too. Where it cannot it says so once, in the error log.
type logFile struct {
	errorLog Logger
	cfg      *settings.Config
	failed   bool
}

// Write takes one line.
func (l *logFile) Write(line []byte) (int, error) {
	if err := appendLine(l.cfg, dated(line)); err != nil && !l.failed {
		l.failed = true
		remedy := settings.FileRemedy(err, "may it be written there, and is the disk full?")
		if errors.Is(err, fs.ErrPermission) {
			remedy = fmt.Sprintf("scripts run as user %d, who may not write there: upload an empty file of that name, and set its permissions to 666", os.Geteuid())
		}
		l.errorLog.Errorf("%sLOG_FILE: %v: %s", settings.Prefix, err, remedy)
	}
	return WriteLogLine(l.errorLog.W, line)
}

// appendLine adds a line to the site's LOG_FILE. The file is opened for each,
// so that it may be renamed at any time.
func appendLine(cfg *settings.Config, line []byte) error {
	f, info, err := openLogFile(cfg)
	if err == nil && info.Size()+int64(len(line)) > maxLogFile {
		makeRoom(f, info)
		f.Close()
		f, _, err = openLogFile(cfg)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(line)
	return err
}

func openLogFile(cfg *settings.Config) (*os.File, fs.FileInfo, error) {
	return cfg.OpenOwn(cfg.LogFile, os.O_WRONLY|os.O_APPEND|os.O_CREATE)
}

// makeRoom renames a file that is full, in place of the one renamed before it.
// Of several processes that find it so one does: a lock is held, or the name has
// another file by now. Nobody waits for it, for the others' lines are as good in
// the file that is renamed. Where the folder may not be written to, a file that
// the owner has put there is emptied.
func makeRoom(f *os.File, full fs.FileInfo) {
	var locked error
	_ = descriptor.Control(f, func(fd int) { locked = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) }) // until f is closed
	if errors.Is(locked, unix.EWOULDBLOCK) && full.Size() < 2*maxLogFile {
		return // beyond that, a stranger holds it: whoever may read the file can
	}
	now, err := os.Lstat(f.Name())
	if err != nil || !os.SameFile(now, full) || now.Size() < full.Size() {
		return
	}
	if os.Rename(f.Name(), f.Name()+".1") != nil {
		_ = f.Truncate(0) // else the next line says what is wrong
	}
}
