package ondemand

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A request holds a shared lock (flock) on one file while it lasts, and the name
// of this file says which app it wants: use-HASH, of the folder, the settings and
// the stamps of the restart files. A request that finds it has read nothing, and
// knows that the app is as it shall be. A stop renames it, so that no request
// finds it and they wait, and then takes the lock exclusively, so that it
// waits for those under way: it is the same file under both names, and a request
// that opened it under the one before counts. With one lock and one name, a
// stop would never get it under load. The next request renames it again.
const (
	usePrefix      = "use-"
	stoppingPrefix = "stopping-" // and since when, for the limit of a drain
)

// use marks a request as under way and returns what to close at its end. Opening
// to truncate the empty file, with touch, sets its time (open(2)): that is how
// the watcher sees that it was used, for no system call more. Locks on NFS want a file
// that is open to read where they are shared, and to write where not (flock(2)).
func (f folder) use(name string, touch bool) (fd int, err error) {
	flags := unix.O_RDONLY
	if touch {
		flags = unix.O_RDWR | unix.O_TRUNC
	}
	for {
		fd, err = unix.Open(f.file(name), flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != unix.EINTR {
			break
		}
	}
	if touch && (err == unix.EROFS || err == unix.ENOSPC || err == unix.EDQUOT) {
		return f.use(name, false)
	}
	if err != nil {
		return -1, err
	}
	if err = unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// A look is what the settings and the restart files are like at one moment.
type look struct {
	folder   string // whose gate this is: it may have been copied
	settings string
	stamps   []stamp
	always   bool
}

func (a *App) look() look {
	l := look{folder: a.folder().id(), settings: a.settings()}
	if len(a.RestartFiles) > 0 {
		l.stamps = make([]stamp, len(a.RestartFiles))
		for i, file := range a.RestartFiles {
			l.stamps[i] = stampOf(file)
		}
	}
	l.always = a.AlwaysRestart != "" && stampOf(a.AlwaysRestart) != stamp{}
	return l
}

func (l *look) name() string {
	h := newHash()
	h.text(l.folder)
	h.text(l.settings)
	for _, s := range l.stamps {
		h.number(s.inode)
		h.number(uint64(s.size))
		h.number(uint64(s.time))
		h.number(uint64(s.changed))
	}
	return usePrefix + h.String()
}

// settings is a hash of what an app is started with, its watcher too, and of the
// files that restart it: of two sites with one app each would find the other's
// changed. An app writes on to the log it was started with, which nobody would cut.
func (a *App) settings() string {
	h := newHash()
	h.text(a.Command)
	h.text(a.Dir)
	h.text(a.Network)
	h.text(a.log())
	h.number(uint64(a.IdleStop))
	for _, list := range [...][]string{a.Addresses, a.Env, a.RestartFiles} {
		h.number(uint64(len(list)))
		for _, s := range list {
			h.text(s)
		}
	}
	if a.Auto {
		h.text("auto")
	}
	return h.String()
}

// A stamp tells two states of a file apart. Files are uploaded with times of
// another machine, so which is newer says nothing, and in place with the time they
// had before (scp -p): only the kernel's own tells of that, and of chmod, too.
// Zero is no file.
type stamp struct {
	inode         uint64
	size          int64 // bytes
	time, changed int64 // nanoseconds: mtime, ctime
}

func stampOf(file string) stamp {
	var st unix.Stat_t
	if unix.Stat(file, &st) != nil {
		return stamp{}
	}
	return stamp{uint64(st.Ino), st.Size, st.Mtim.Nano(), st.Ctim.Nano()}
}

func (s stamp) String() string {
	return fmt.Sprintf("%d %d %d %d", s.inode, s.size, s.time, s.changed)
}

func parseStamp(text string) (s stamp, err error) {
	_, err = fmt.Sscanf(text, "%d %d %d %d", &s.inode, &s.size, &s.time, &s.changed)
	return s, err
}

// changed reports whether one of the files has appeared or changed. One that is
// gone asks for nothing, nor does another list of files.
func changed(before, now []stamp) bool {
	for i := range now {
		if len(before) == len(now) && now[i] != before[i] && now[i] != (stamp{}) {
			return true
		}
	}
	return false
}

// findUse returns the name that the file of the requests has now, "" for none.
func (f folder) findUse() (string, error) {
	names, err := f.uses()
	if err != nil || len(names) == 0 {
		return "", err
	}
	return names[len(names)-1], nil
}

// uses returns the names of all files of requests.
func (f folder) uses() (names []string, err error) {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return nil, noState(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), stoppingPrefix) || strings.HasPrefix(e.Name(), usePrefix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// forgetOthers leaves one file of the requests. A backup that was put back may have
// brought another, and a stop that takes that one cuts the requests which hold the
// first. So one that a request holds stays, or else the newest. The lock is held.
func (f folder) forgetOthers() {
	names, _ := f.uses()
	if len(names) < 2 {
		return
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Compare(stampOf(f.file(a)).time, stampOf(f.file(b)).time)
	})
	left := len(names)
	for _, name := range names {
		if left > 1 && f.forget(name) {
			left--
		}
	}
}

// forget removes a file of the requests that none of them holds: it holds it itself
// meanwhile, so that none begins.
func (f folder) forget(name string) bool {
	fd, err := f.openToHold(name)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	}
	return err != errBusy && unix.Unlink(f.file(name)) == nil
}

// openToHold opens a file of the requests for a lock that is not shared.
func (f folder) openToHold(name string) (fd int, err error) {
	return unix.Open(f.file(name), unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
}

// openGate lets requests find the file under a name.
func (f folder) openGate(name string) error {
	found, err := f.findUse()
	if err != nil {
		return err
	}
	if err := unix.Access(f.file(found), unix.R_OK|unix.W_OK); found != "" && f.mend(found, err) {
		found, _ = f.findUse() // none, where it was root's
	}
	switch found {
	case name:
		return nil
	case "":
		file, err := f.open(name, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return noState(err)
		}
		return file.Close()
	}
	if err := os.Rename(f.file(found), f.file(name)); err != nil {
		return noState(err)
	}
	return nil
}

// A closedGate is the file of the requests where none finds it.
type closedGate struct {
	*os.File
	since time.Time
}

// closeGate keeps the name of one that is closed: who did that had to leave.
func (f folder) closeGate() (*closedGate, error) {
	name, err := f.findUse()
	if err != nil {
		return nil, err
	}
	var since time.Time
	if closed, isClosed := strings.CutPrefix(name, stoppingPrefix); isClosed {
		ns, _ := strconv.ParseInt(closed, 10, 64)
		since = time.Unix(0, ns)
	}
	if begin(&since) {
		name = stoppingPrefix + strconv.FormatInt(since.UnixNano(), 10)
		if err := f.openGate(name); err != nil {
			return nil, err
		}
	}
	file, err := f.open(name, os.O_RDWR)
	if err != nil {
		return nil, noState(err)
	}
	at("gate closed")
	return &closedGate{file, since}, nil
}

// empty reports whether no request is under way, and lets none begin as long as
// the gate is closed.
func (g *closedGate) empty() (bool, error) {
	switch err := unix.Flock(int(g.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
	case nil:
		return true, nil
	case errBusy:
		return false, nil
	default:
		return false, noState(&fs.PathError{Op: "flock", Path: g.Name(), Err: err})
	}
}

// drain waits for the requests under way, until the gate is closed for drainLimit.
// It reports whether none is left.
func (g *closedGate) drain(ctx context.Context) (bool, error) {
	for {
		if empty, err := g.empty(); empty || err != nil || time.Since(g.since) > drainLimit {
			return empty, err
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return false, err
		}
	}
}
