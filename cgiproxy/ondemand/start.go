package ondemand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bring returns a connection to the app, for which it starts it where need be.
// The lock is held. In a hurry, it does not keep the pause after a failed start.
func (a *App) bring(ctx context.Context, lock *os.File, hurry bool) (net.Conn, error) {
	s, err := a.known(ctx)
	if err != nil {
		return nil, err
	}
	// Another may have started it since we looked.
	conn, err := a.connect(ctx, a.network(), a.addresses(&s.run))
	if err == nil || !a.isDown(err) {
		return conn, err
	}
	at("looked again")
	corrected := changed(s.stamps, a.look().stamps)
	asked := hurry || corrected || s.settings != a.settings()
	over := corrected || asked && time.Since(s.run.began) > a.timeout()
	switch alive := s.run.alive(); {
	case s.phase == starting && (alive || s.run.background) && !over:
		conn, err := a.ready(ctx, s, nil, time.Time{}) // who started it has left
		if err == errUnseen {
			return a.bring(ctx, lock, hurry)
		}
		return conn, err
	case s.phase == starting && s.run.pid != 0 && !asked:
		if err := a.unseen(s); err != nil {
			return nil, err
		}
	case alive && s.phase == running:
		if conn, err := a.comesBack(ctx, s); err == nil || ctx.Err() != nil {
			return conn, err
		}
		a.warn("the app runs and does not listen any more: it is restarted")
		fallthrough
	case alive:
		if err := a.folder().end(ctx, s, &s.run); err != nil {
			return nil, err
		}
	}
	// More than the longest pause says that the clock was wrong.
	if wait := time.Until(s.next); wait > 0 && wait <= maxPause && !asked {
		return nil, &Error{
			Kind:       Failed,
			Cause:      fmt.Errorf("the app did not start: %s; %d failed in a row", s.exit, s.failures),
			Remedy:     "see the app's log; touch the restart file to have it tried at once",
			RetryAfter: wait,
		}
	}
	return a.start(ctx, lock, s, time.Time{})
}

// comesBack waits a moment for an app that reloads itself.
func (a *App) comesBack(ctx context.Context, s *state) (net.Conn, error) {
	if begin(&s.run.lost) {
		a.note(s)
	}
	patience := patience{until: s.run.lost.Add(comeBack)}
	for {
		conn, err := a.connect(ctx, s.run.network, s.run.addresses)
		if err == nil && a.Auto && !a.mayListen(&s.run) {
			conn.Close() // another program has its port
			err = unix.ECONNREFUSED
		}
		if err == nil {
			a.settleRun(s)
		}
		if err == nil || !a.isDown(err) {
			return conn, err
		}
		if err := patience.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// note writes the state where what is to be done does not depend on that.
func (a *App) note(s *state) {
	if err := a.folder().write(s); err != nil {
		a.warn(err.Error())
	}
}

// start runs the command and waits until it listens, or to the time to leave, as
// ready does. From the moment the command runs, all that is needed to go on is in
// the state, so that whoever takes the lock after us does.
func (a *App) start(ctx context.Context, lock *os.File, s *state, leave time.Time) (net.Conn, error) {
	if a.Command == "" || !filepath.IsAbs(a.Dir) {
		return nil, cannotRun(errors.New("no command, or a folder that is not absolute"))
	}
	f, now := a.folder(), a.look()
	run, err := a.place()
	if err != nil {
		return nil, err
	}
	a.warnOfLimits()
	if s.phase == failed {
		s.exit = "" // no app has ended
	}
	s.phase, s.run, s.unreplaced = starting, run, ""
	s.settings, s.stamps = now.settings, now.stamps
	if err := f.write(s); err != nil {
		return nil, err
	}
	at("starting")
	child, err := a.spawn(lock, s)
	if err != nil {
		return nil, a.failed(s, err)
	}
	at("spawned")
	err = child.wasRun()
	at("run")
	written, readErr := f.read()
	switch {
	case !f.has("lock", int(lock.Fd())), readErr == nil && written.run.token != s.run.token:
		child.end(ctx, s.run.token) // .cgiproxy was deleted: another may have a lock there, too
		return nil, errBusy
	case err != nil:
		return nil, a.failed(s, err)
	case readErr != nil:
		return nil, readErr // the next one goes on from here
	}
	s.run = written.run // with the process that the child has written down
	return a.ready(ctx, s, child, leave)
}

// place returns a run with its address, which is free.
func (a *App) place() (run, error) {
	now := time.Now()
	r := run{began: now, token: a.token(now), network: a.network(), addresses: a.Addresses}
	if a.Auto {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return r, cannotRun(err)
		}
		port := strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
		free.Close()
		// "localhost" is ::1 for some.
		r.network, r.addresses = "tcp", []string{"127.0.0.1:" + port, "[::1]:" + port}
		return r, nil
	}
	if r.network == "unix" {
		// A socket whose app is gone keeps the next one from binding.
		for _, path := range r.addresses {
			info, err := os.Lstat(path)
			if err == nil && info.Mode()&fs.ModeSocket != 0 {
				err = os.Remove(path)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return r, noState(err)
			}
		}
	}
	return r, nil
}

// A child is what we have started: the command, or the watcher that has.
type child struct {
	exited chan exit
	told   *os.File
	log    int64 // how long the log was before
	pid    int
}

// spawn starts "app run COMMAND", which writes down its pid and then becomes the
// shell (run.go), or with IdleStop the watcher, which starts that. Both get the
// lock: it is free again only when the one who starts and the one who writes
// are done or dead, so nobody finds a state in between.
func (a *App) spawn(lock *os.File, s *state) (*child, error) {
	path, log, err := a.prepare()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, cannotRun(err)
	}
	defer null.Close()
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, cannotRun(err)
	}
	defer tell.Close()
	c := &child{exited: make(chan exit, 1), told: told, log: logSize(log)}
	closeOnExec(3)
	environ := a.environment(&s.run)
	if a.IdleStop > 0 && !slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, "GOMAXPROCS=") }) {
		environ = append([]string{oneThread}, environ...)
	}
	process, err := os.StartProcess(path, a.arguments(), &os.ProcAttr{
		Dir:   a.Dir,
		Env:   environ,
		Files: []*os.File{null, log, log, lock, tell},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		told.Close()
		return nil, cannotRun(err)
	}
	c.pid = process.Pid
	// In FastCGI we may outlive it, and it must not stay a zombie.
	go func() {
		if state, err := process.Wait(); err == nil {
			c.exited <- exitStatus(unix.WaitStatus(state.Sys().(syscall.WaitStatus)))
		}
	}()
	return c, nil
}

// prepare returns what a start needs: our own program, and the app's log.
func (a *App) prepare() (path string, log *os.File, err error) {
	if _, err := readProcess(os.Getpid()); err != nil {
		return "", nil, noProcesses(err)
	}
	if path, err = a.executable(); err != nil {
		return "", nil, cannotRun(err)
	}
	if log, err = a.folder().openLog(a.log()); err != nil {
		return "", nil, noLog(err)
	}
	return path, log, nil
}

func (a *App) arguments() []string {
	name := a.Executable
	if name == "" {
		name, _ = os.Executable()
	}
	if a.IdleStop > 0 {
		return []string{name, "app", "watch", a.IdleStop.String(), a.log(), a.Command}
	}
	return []string{name, "app", "run", a.Command}
}

// wasRun waits until the child has become the shell. An error is its own.
func (c *child) wasRun() error {
	defer c.told.Close()
	said, _ := io.ReadAll(c.told)
	if len(said) > 0 {
		return decodeError(said)
	}
	return nil
}

// end ends what was started where nobody can know it by the state.
func (c *child) end(ctx context.Context, token string) {
	if p, err := readProcess(c.pid); err == nil {
		_ = (&run{pid: c.pid, start: p.start, token: token}).end(ctx, comeBack)
	}
}

const maxPause = time.Minute // after starts that have failed

// failed writes down that a start has failed, and when the next may be: but where
// .cgiproxy was deleted meanwhile, the state is of who has started anew by now.
func (a *App) failed(s *state, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	pause := maxPause
	if s.failures < 6 {
		pause = time.Second << s.failures
	}
	s.failures++
	s.phase, s.next, s.exit = failed, time.Now().Add(pause), e.Cause.Error()
	if e.RetryAfter == 0 {
		e.RetryAfter = pause
	}
	if now, readErr := a.folder().read(); readErr != nil || now.run.token == s.run.token {
		a.note(s)
	}
	a.folder().trimLog(a.log())
	return e
}
