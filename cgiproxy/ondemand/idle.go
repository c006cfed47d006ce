package ondemand

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watchPeriod is how often the watcher wakes up. Tests have less.
var watchPeriod = 30 * time.Second

// A watcher is the parent of an app with IdleStop, "app watch". It stops the app
// when it was not used for a while, and knows how it ended. It sleeps in one
// system call: goroutines and timers would be threads.
type watcher struct {
	folder   folder
	idleStop time.Duration
	log      string
	command  string

	pid      int         // of the shell
	start    uint64      // when it did
	status   exit        // of the shell, or of another if that is 0
	children bool        // there are some: the app is one of them
	reaped   bool        // one has just ended
	program  os.FileInfo // what this process runs

	used     time.Time // when it was last seen in use
	lastOpen int64     // when the file of the requests was last opened
}

// watch is "app watch IDLESTOP LOG COMMAND", and "app watch IDLESTOP LOG COMMAND
// PID START" for one that takes over. Without arguments it shows that this
// program runs.
func watch(arguments []string) int {
	if len(arguments) == 0 {
		return 0
	}
	if len(arguments) != 3 && len(arguments) != 5 {
		return 2
	}
	// The kernel interrupts the thread that has started a child at its end
	// (SIGCHLD), so that has to be the one that sleeps.
	runtime.LockOSThread()
	// The runtime shall not wake up every two minutes to collect; tick does.
	debug.SetGCPercent(-1)
	_ = adoptOrphans() // an app that goes into the background stays our child

	w := &watcher{folder: ".cgiproxy", log: arguments[1], command: arguments[2], children: true}
	w.idleStop, _ = time.ParseDuration(arguments[0])
	w.used = time.Now()
	if path, err := os.Executable(); err == nil {
		w.program, _ = os.Stat(path)
	}
	if len(arguments) == 5 {
		w.pid, _ = strconv.Atoi(arguments[3])
		w.start, _ = strconv.ParseUint(arguments[4], 10, 64)
	} else if err := w.run(); err != nil {
		fmt.Fprintf(os.Stderr, "proxy.cgi: %v\n", err)
		_, _ = os.NewFile(tellFD, "tell").Write(encodeError(err))
		return 1
	}
	return w.loop()
}

// run starts the command as a.spawn would without a watcher.
func (w *watcher) run() error {
	at("watcher")
	closeOnExec(lockFD)
	path, err := new(App).executable()
	if err != nil {
		return cannotRun(err)
	}
	environ := os.Environ()
	if environ[0] == oneThread {
		environ = environ[1:]
	}
	lock, tell := os.NewFile(lockFD, "lock"), os.NewFile(tellFD, "tell")
	child, err := os.StartProcess(path, []string{os.Args[0], "app", "run", w.command}, &os.ProcAttr{
		Env:   environ,
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, lock, tell},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return cannotRun(err)
	}
	at("watcher has started")
	lock.Close()
	tell.Close()
	w.pid = child.Pid
	if p, err := readProcess(w.pid); err == nil {
		w.start = p.start
	}
	return child.Release()
}

// loop looks at the children, and once in a while at the rest, until the app is
// gone or there is no need of a watcher.
func (w *watcher) loop() int {
	ticked := time.Now()
	for n := 0; ; {
		if w.children && !w.reap() {
			w.children = false
			if done, status := w.ended(); done {
				return status
			}
		}
		if time.Since(ticked) >= watchPeriod {
			ticked = time.Now()
			if w.tick() {
				return 0
			}
			if n++; n%100 == 0 {
				runtime.GC()
			}
		}
		pause := watchPeriod - time.Since(ticked)
		if s, err := w.folder.readAnyBoot(); err == nil && s.phase == starting && time.Since(s.run.began) < time.Minute {
			pause = min(pause, 50*time.Millisecond) // who starts it waits for what we say
		}
		if w.reaped { // the others of a session end with it, perhaps before we sleep
			w.reaped, pause = false, min(pause, 50*time.Millisecond)
		}
		// The end of a child interrupts it (SIGCHLD). One that comes just before
		// is seen a period later.
		_, _ = unix.Poll(nil, int(max(pause, 0).Milliseconds())+1) // less than 0 is for ever
	}
}

// reap takes note of children that have ended, for none must stay a zombie. It
// reports whether there are others.
func (w *watcher) reap() bool {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil: // ECHILD
			return false
		case pid == 0:
			return true
		}
		w.reaped = true
		if pid == w.pid || w.status == 0 {
			w.status = exitStatus(status)
		}
	}
}

// mine reports whether the state is still about the app of this watcher.
func (w *watcher) mine(s *state) bool { return s.run.pid == w.pid && s.run.start == w.start }

// ended is called when no child is left. It reports whether the watcher is done.
func (w *watcher) ended() (done bool, status int) {
	s, err := w.folder.read()
	switch {
	case err != nil || !w.mine(s) && !(s.phase == starting && s.run.pid == 0):
		return true, 0
	case s.phase == starting:
		// Who starts it takes our end for that of the command. One that ends with
		// 0 may have had another process start the app: ours are none of it.
		return w.status != 0, int(w.status)
	case s.phase != running:
		return true, 0 // it was ended
	case s.run.alive():
		return false, 0
	}
	a := App{Dir: "."}
	lock, err := a.waitLock(context.Background())
	if err != nil {
		return true, 1
	}
	defer lock.Close()
	if s, err = w.folder.read(); err == nil && w.mine(s) && s.phase == running {
		s.phase, s.exit = stopped, fmt.Sprintf("ended by itself with %v", w.status)
		_ = w.folder.write(s)
	}
	return true, 0
}

// tick looks after the app. It reports whether the watcher is done.
func (w *watcher) tick() bool {
	s, err := w.folder.read()
	switch {
	case err != nil || s.phase == starting && s.run.pid == 0:
		return false
	case s.phase == "" && time.Since(w.used) >= w.idleStop: // .cgiproxy was deleted, and no request has come since
		_ = (&run{pid: w.pid, start: w.start}).end(context.Background(), killLimit)
		return true
	case s.phase == "":
		return false
	case !w.mine(s):
		return s.old.pid != w.pid || s.old.start != w.start // it may go on where the new app does not start
	}
	w.folder.trimLog(w.log)
	if s.phase != running {
		w.used = time.Now()
		if s.phase == starting {
			w.helpStarter()
			return false
		}
		return !w.children
	}
	if !w.children && !s.run.alive() {
		return true
	}
	w.takeOver()
	now := time.Now()
	switch used, err := w.wasUsed(); {
	case err != nil:
		return false
	case used:
		w.used = now
	case now.Sub(w.used) >= w.idleStop:
		return w.stop()
	}
	return false
}

// wasUsed reports whether there was a request since the last call, or is one. A
// time that is not the same says so, whatever clock it comes from; a request
// that lasts opened the file long ago, but holds its lock.
func (w *watcher) wasUsed() (bool, error) {
	name, err := w.folder.findUse()
	if err != nil {
		return false, err
	}
	fd, err := w.folder.openToHold(name)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, err
	}
	opened := st.Mtim.Nano()
	used := opened != w.lastOpen || unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil
	w.lastOpen = opened
	return used, nil
}

// stop ends the app if no request is under way or comes meanwhile. It reports
// whether it has.
func (w *watcher) stop() (stopped bool) {
	lock, err := w.folder.lock()
	if err != nil {
		return false
	}
	defer lock.Close()
	s, err := w.folder.read()
	if err != nil || !w.mine(s) || s.phase != running || s.run.unseen {
		return false
	}
	name, err := w.folder.findUse()
	if err != nil {
		return false
	}
	gate, err := w.folder.closeGate()
	if err != nil {
		return false
	}
	defer func() {
		if gate.Close(); !stopped { // where it was, it stays closed: see App.stop
			_ = w.folder.openGate(name)
		}
	}()
	empty, err := gate.empty()
	if info, statErr := gate.Stat(); err != nil || statErr != nil || !empty || info.ModTime().UnixNano() != w.lastOpen {
		return false
	}
	at("idle")
	why := fmt.Sprintf("stopped after %v without a request", w.idleStop)
	if err := w.folder.stop(context.Background(), s, why); err != nil {
		fmt.Fprintf(os.Stderr, "proxy.cgi: %v\n", err)
		return false
	}
	fmt.Fprintf(os.Stderr, "proxy.cgi: %s\n", why)
	return true
}
