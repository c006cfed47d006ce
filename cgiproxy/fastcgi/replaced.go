package fastcgi

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A program is the file that this process was started from.
type program struct {
	path    string   // maybe through a link to the newest of several releases
	place   string   // path without links, as it was: .htcgiproxy is beside it
	environ []string // as it was: the settings are decoded through it later
	report  reporter
	checked atomic.Int64 // Unix milliseconds

	mu      sync.Mutex
	file    os.FileInfo // as it was; nil where it is not known
	refused os.FileInfo // a new one that does not run
	tried   time.Time   // when that was last tried
	ending  bool        // for a new one that runs
}

func startedFrom(report reporter) *program {
	p := &program{report: report, environ: os.Environ()}
	path, err := os.Executable()
	if err != nil {
		return p
	}
	p.path = path
	// On Linux what runs, even if there is another file at its path already.
	if p.file, err = os.Stat("/proc/self/exe"); err != nil {
		p.file, _ = os.Stat(path)
	}
	// Of the links on the way only the server's own name for it tells.
	if named, err := os.Stat(os.Args[0]); err == nil && filepath.IsAbs(os.Args[0]) && sameFile(named, p.file) {
		p.path = os.Args[0]
	}
	p.place = withoutLinks(p.path)
	return p
}

// withoutLinks returns where path leads, "" if nowhere.
func withoutLinks(path string) string {
	place, _ := filepath.EvalSymlinks(path)
	return place
}

// checkDue reports whether it is time to look for another file: not with each
// of many requests a second.
func (p *program) checkDue() bool {
	now, before := time.Now().UnixMilli(), p.checked.Load()
	due := now-before >= settleTime.Milliseconds()/2 || now < before // the clock was set back
	return due && p.checked.CompareAndSwap(before, now)
}

// whenReplaced calls act if there is another file now, one that runs: an upload
// that is under way, in ASCII mode or for another system must not end a site
// that works. It looks once more after await, which may take long.
func (p *program) whenReplaced(await, act func()) {
	if !p.mu.TryLock() {
		return // another request is about it
	}
	defer p.mu.Unlock()
	if !p.replaced() {
		return
	}
	await()
	if p.replaced() {
		p.ending = true
		act()
	}
}

// settleTime is how long a new file must not have changed: it may still be
// uploaded. A time that is yet to come is another machine's.
const settleTime = time.Second

// retryTime is when a new file that did not run is tried again: the limit of
// processes may have been reached, or the machine busy.
const retryTime = time.Minute

func (p *program) replaced() bool {
	if p.file == nil || p.ending {
		return false
	}
	now, err := os.Stat(p.path)
	if err != nil || sameFile(now, p.file) && withoutLinks(p.path) == p.place {
		return false
	}
	known := sameFile(now, p.refused)
	if age := time.Since(now.ModTime()); 0 <= age && age < settleTime || known && time.Since(p.tried) < retryTime {
		return false
	}
	if err := tryRun(p.path); err != nil {
		p.refused, p.tried = now, time.Now()
		if !known {
			p.report("the new %s does not run, so the old one goes on: %v: is it built for this system, uploaded in binary mode, and may it be run (chmod 755)?", p.path, err)
		}
		return false
	}
	return true
}

// sameFile reports whether a and b are one state of one file, or both nil. chmod
// keeps the time, and may let others write to it, or have it run at last.
func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// tryRun runs the file's version command. A script that is no proxy.cgi may
// well end with status 0, so it has to answer as one does.
func tryRun(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.WaitDelay = time.Second // for what it has started and left behind with its stdout
	start := make(prefix, 0, len(versionPrefix))
	cmd.Stdout = &start
	if err := cmd.Run(); err != nil {
		return err
	}
	if string(start) != versionPrefix {
		return fmt.Errorf("its version command writes %q and not %q", start, versionPrefix)
	}
	return nil
}

// versionPrefix is what the version command of each proxy.cgi writes first.
const versionPrefix = "proxy.cgi "

// A prefix keeps what is written first, up to its capacity.
type prefix []byte

func (p *prefix) Write(b []byte) (int, error) {
	*p = append(*p, b[:min(len(b), cap(*p)-len(*p))]...)
	return len(b), nil
}

// takeOver runs the new file in this process, after cut. It returns only at end, of which
// the new one would know nothing, or where that does not run any more, for requests may
// have taken long to end: who is here goes on then, as under spawn-fcgi nobody starts
// another.
func (p *program) takeOver(end context.Context, cut func()) {
	err := tryRun(p.path)
	if err == nil && end.Err() == nil {
		cut()
	}
	if end.Err() != nil {
		return
	}
	if err == nil {
		err = syscall.Exec(p.path, os.Args, p.environ)
	}
	p.report("run the new %s: %v: the old one goes on", p.path, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending = false
}

// awaitInherited waits for the children that this process has already, the app
// that it started before it took over from itself: nobody else would, and they
// would stay zombies. It has to come before the first child of our own. Only
// Linux tells them (proc_pid_children(5)).
func awaitInherited() {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				continue
			}
			if child, err := os.FindProcess(pid); err == nil {
				go child.Wait()
			}
		}
	}
}
