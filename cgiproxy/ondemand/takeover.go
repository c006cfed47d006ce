package ondemand

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

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
	if !runs(path) {
		return // yet: it may have no permission so far, or no process be left for it
	}
	_ = syscall.Exec(path, []string{os.Args[0], "app", "watch", w.idleStop.String(), w.log, w.command,
		strconv.Itoa(w.pid), strconv.FormatUint(w.start, 10)}, os.Environ())
}

// runs reports whether a program is one for this system, and is whole.
func runs(path string) bool {
	trial, err := os.StartProcess(path, []string{os.Args[0], "app", "watch"}, new(os.ProcAttr))
	if err != nil {
		return false
	}
	defer trial.Release()
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); {
		var status unix.WaitStatus
		if pid, _ := unix.Wait4(trial.Pid, &status, unix.WNOHANG, nil); pid == trial.Pid {
			return status.Exited() && status.ExitStatus() == 0
		}
		_, _ = unix.Poll(nil, 20)
	}
	_ = trial.Kill() // reap sees to it
	return false
}
