package ondemand

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A folder is the .cgiproxy of an app:
//
//	lock         held (flock) by who changes what runs
//	state        what is known of the app (state.go)
//	wanted       held by a command that waits to end what is being started
//	log          held by who makes the app's log shorter (logfile.go)
//	use-HASH     held by requests (gate.go), under the name stopping-TIME during a stop
//
// The kernel takes a lock back from a process that ends, whatever ends it.
type folder string

func (a *App) folder() folder { return folder(a.Dir + "/.cgiproxy") }

func (f folder) file(name string) string { return string(f) + "/" + name }

// id tells the app's folder from others, also from a copy of it, and where a link
// leads to another now. It is the same under each path that leads there.
func (f folder) id() string { return fileID(filepath.Dir(string(f))) }

// fileID tells a file from others, "" is one that is not there.
func fileID(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return ""
	}
	return strconv.FormatUint(uint64(st.Dev), 10) + ":" + strconv.FormatUint(uint64(st.Ino), 10)
}

// errBusy is a lock that another process has.
var errBusy error = unix.EWOULDBLOCK

// lock takes the lock without waiting.
func (f folder) lock() (*os.File, error) {
	file, err := f.take("lock")
	if err == nil {
		f.forgetOthers()
		at("locked")
	}
	return file, err
}

// take takes the lock on a file of the folder without waiting. Closing the file
// releases it, if no process that was given it still has it open (so LOCK_UN is
// never used).
func (f folder) take(name string) (*os.File, error) {
	if err := f.make(); err != nil {
		return nil, noState(err)
	}
	file, err := f.open(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, noState(err)
	}
	at("lock opened")
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		if err == errBusy {
			return nil, err
		}
		return nil, noState(&fs.PathError{Op: "flock", Path: file.Name(), Err: err})
	}
	if !f.has(name, int(file.Fd())) {
		file.Close()
		return nil, errBusy // by who deletes the folder
	}
	return file, nil
}

// open opens a file of the folder.
func (f folder) open(name string, flag int) (*os.File, error) {
	open := func() (*os.File, error) {
		return os.OpenFile(f.file(name), flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	}
	file, err := open()
	if f.mend(name, err) {
		return open()
	}
	return file, err
}

// mend reports whether a file that could not be opened may be tried again: an FTP
// program's chmod for all that is in a folder has taken our permissions, or it is
// root's, from a backup.
func (f folder) mend(name string, err error) bool {
	if !errors.Is(err, fs.ErrPermission) || f.make() != nil {
		return false
	}
	return os.Chmod(f.file(name), 0o600) == nil || os.Remove(f.file(name)) == nil
}

// refused returns whose folder it is, where a file of it may not be used for that.
func (f folder) refused(err error) error {
	if theirs, ok := errors.AsType[*othersError](f.make()); ok && errors.Is(err, fs.ErrPermission) {
		return theirs
	}
	return err
}

// has reports whether a file that is open is still the folder's of that name: an
// upload that mirrors a folder deletes it, and then the lock on it is none.
func (f folder) has(name string, fd int) bool {
	var open, now unix.Stat_t
	return unix.Fstat(fd, &open) == nil && unix.Stat(f.file(name), &now) == nil && open.Dev == now.Dev && open.Ino == now.Ino
}

// make makes the folder, and looks that nobody else writes to it.
func (f folder) make() error {
	path := string(f)
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", path)
	case owner != os.Geteuid():
		return &othersError{path, owner}
	case info.Mode().Perm() != 0o700:
		return os.Chmod(path, 0o700)
	}
	return nil
}

// waitLock waits for the lock, for as long as an honest holder may need.
func (a *App) waitLock(ctx context.Context) (*os.File, error) {
	patience := a.patience()
	for {
		lock, err := a.folder().lock()
		if err != errBusy {
			return lock, err
		}
		if err := patience.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// demandLock is waitLock for a command that ends what runs. Who waits for a start sees
// that it is wanted, and lets the lock go.
func (a *App) demandLock(ctx context.Context) (*os.File, error) {
	for {
		wanted, err := a.folder().take("wanted")
		if err == nil {
			defer wanted.Close()
		}
		if err != errBusy { // by another command, or who has just looked
			return a.waitLock(ctx)
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// isWanted reports whether a command waits in demandLock.
func (f folder) isWanted() bool {
	file, err := f.take("wanted")
	if err == nil {
		file.Close()
	}
	return err == errBusy
}

// A patience is the waiting for something that another process does. Pauses
// grow from 5 ms to 100 ms.
type patience struct {
	pause time.Duration
	until time.Time
	what  string
}

// patience lasts for a drain, a stop, a start, and some more.
func (a *App) patience() patience {
	limit := drainLimit + killLimit + 2*a.timeout()
	return patience{until: time.Now().Add(limit), what: string(a.folder())}
}

// wait returns ctx's error, or an *Error when patience is at its end.
func (p *patience) wait(ctx context.Context) error {
	if time.Now().After(p.until) {
		return &Error{
			Kind:       Busy,
			Cause:      fmt.Errorf("another process holds a lock in %s, and does not get on", filepath.Clean(p.what)),
			Remedy:     "find it with `fuser` or `lsof`, and end it",
			RetryAfter: time.Minute,
		}
	}
	p.pause = min(max(2*p.pause, 5*time.Millisecond), 100*time.Millisecond)
	return sleep(ctx, p.pause)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// testPoint is called at each step that a process may be killed at. Only tests
// set it.
var testPoint func(step string)

func at(step string) {
	if testPoint != nil {
		testPoint(step)
	}
}
