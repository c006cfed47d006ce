package ondemand

import (
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// A trial is a run of a new program file, to see whether it does.
type trial struct {
	sync.Mutex // whoever reaps it must know its pid before
	pid        int
	status     chan exit
}

// takeOver becomes the new program where the file of this one was replaced, or
// the old one would stay for as long as the app does. The children stay, too.
func (w *watcher) takeOver() {
	path, err := os.Executable()
	if err != nil || w.program == nil || !w.children {
		return
	}
	now, err := os.Stat(path)
	if err != nil || os.SameFile(now, w.program) || time.Since(now.ModTime()) < time.Second {
		return // it may still be uploaded
	}
	w.program = now // not again, whatever comes of it
	if !w.runs(path) {
		return
	}
	_ = syscall.Exec(path, []string{os.Args[0], "app", "watch", w.idleStop.String(), w.log, w.command,
		strconv.Itoa(w.pid), strconv.FormatUint(w.start, 10)}, os.Environ())
}

// runs reports whether a program is one for this system, and is whole.
func (w *watcher) runs(path string) bool {
	w.trial.Lock()
	process, err := os.StartProcess(path, []string{os.Args[0], "app", "watch"}, new(os.ProcAttr))
	if err == nil {
		w.trial.pid, w.trial.status = process.Pid, make(chan exit, 1)
	}
	w.trial.Unlock()
	if err != nil {
		return false
	}
	defer process.Release()
	select {
	case status := <-w.trial.status:
		return status == 0
	case <-time.After(5 * time.Second):
		_ = process.Kill()
		return false
	}
}
