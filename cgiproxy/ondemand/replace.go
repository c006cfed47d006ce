package ondemand

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

// replaceable reports whether a new app can listen beside the old one.
func (a *App) replaceable(s *state) bool {
	return a.Auto && (s.phase == running || s.old.pid != 0)
}

// replace starts a new app while requests go to the old one. Where that takes
// longer than the patience, if it is not 0, it leaves with errStillStarting.
func (a *App) replace(ctx context.Context, lock *os.File, s *state, patience time.Duration) error {
	if s.phase == running {
		if s.old.alive() { // who should have ended it may have been ended
			if use, err := a.folder().findUse(); err == nil && use != "" {
				_ = a.retireWhenFree(&s.old, use)
			}
		}
		s.old = s.run
	}
	exit := s.exit
	conn, err := a.startOrGoOn(ctx, lock, s, patience)
	if err == nil {
		return conn.Close()
	}
	if _, failed := errors.AsType[*Error](err); failed && s.old.alive() {
		s.phase, s.run, s.old = running, s.old, run{}
		s.failures, s.next = 0, time.Time{}
		s.exit, s.unreplaced = exit, err.Error()
		a.note(s)
	}
	return err
}

// startOrGoOn starts the new app, or goes on with one that is starting: who did
// that has left. One of the restart before is not the one that is asked for.
func (a *App) startOrGoOn(ctx context.Context, lock *os.File, s *state, patience time.Duration) (net.Conn, error) {
	leave := func(began time.Time) time.Time {
		if patience == 0 {
			return time.Time{}
		}
		return began.Add(patience)
	}
	if s.phase == starting && s.run.pid != 0 {
		now, alive := a.look(), s.run.alive()
		same := s.settings == now.settings && !changed(s.stamps, now.stamps)
		switch {
		case same && (alive || s.run.background):
			conn, err := a.ready(ctx, s, nil, leave(since(s.run.began)))
			if err == errUnseen {
				return a.startOrGoOn(ctx, lock, s, patience)
			}
			return conn, err
		case same:
			if err := a.unseen(s); err != nil {
				return nil, err
			}
		default:
			if err := a.folder().end(ctx, s, &s.run); err != nil {
				return nil, err
			}
			s.failures = 0
		}
	}
	return a.start(ctx, lock, s, leave(time.Now()))
}

// retire has the old app ended when no request is under way that may go to it,
// and lets requests find another file. It starts "app retire" for the first, as
// this process may not live as long; and first, as a request that finds the new
// file has no reason to look whether this was done. That takes the place of the one
// before, so that there are never two.
func (a *App) retire(s *state) error {
	f, name := a.folder(), a.nameNow()
	found, err := f.findUse()
	if err == nil && found == "" {
		found, err = name, f.openGate(name)
	}
	if err != nil {
		return err
	}
	if err := a.retireWhenFree(&s.old, found); err != nil {
		return err
	}
	at("retire spawned")
	next, err := f.open("next", os.O_RDWR|os.O_CREATE)
	if err != nil {
		return noState(err)
	}
	next.Close()
	if err := os.Rename(f.file("next"), f.file(found)); err != nil {
		return noState(err)
	}
	at("requests find another file")
	if err := f.openGate(name); err != nil {
		return err
	}
	if s.old.isHosted() {
		return fmt.Errorf("process %d listens for it, which was there before it and is never ended (pm2?): end the app there", s.old.app)
	}
	return nil
}

// retireWhenFree starts "app retire" for a run and the file of its requests.
func (a *App) retireWhenFree(old *run, use string) error {
	held, err := a.folder().open(use, os.O_RDWR)
	if err != nil {
		return noState(err)
	}
	defer held.Close()
	path, log, err := a.prepare()
	if err != nil {
		return err
	}
	defer log.Close()
	closeOnExec(3)
	arguments := []string{"proxy.cgi", "app", "retire", strconv.Itoa(old.pid), strconv.FormatUint(old.start, 10), old.token, strconv.Itoa(old.app), strconv.FormatUint(old.appStart, 10), old.network}
	process, err := os.StartProcess(path, append(arguments, old.addresses...), &os.ProcAttr{
		Dir:   a.Dir,
		Env:   []string{},
		Files: []*os.File{nil, log, log, held},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return cannotRun(err)
	}
	go process.Wait() // in FastCGI it must not stay a zombie
	return nil
}

// overdue reports whether an old app should have ended long ago: "app retire"
// was ended itself.
func (s *state) overdue() bool {
	return s.old.pid != 0 && s.phase == running &&
		time.Since(s.run.began) > retireTime && time.Since(s.old.began) > retireTime
}

// remind starts "app retire" again, once in a while.
func (a *App) remind() {
	f := a.folder()
	lock, err := f.lock()
	if err != nil {
		return
	}
	defer lock.Close()
	s, err := f.read()
	if err != nil || !s.overdue() {
		return
	}
	s.old.began = time.Now()
	use, err := f.findUse()
	if err != nil || use == "" || f.write(s) != nil {
		return
	}
	if err := a.retireWhenFree(&s.old, use); err != nil {
		a.warn(err.Error())
	}
}

// retireOld is "app retire PID START TOKEN APP START NETWORK ADDRESS...".
func retireOld(arguments []string) int {
	old := run{token: arguments[2], network: arguments[5], addresses: arguments[6:]}
	old.pid, _ = strconv.Atoi(arguments[0])
	old.start, _ = strconv.ParseUint(arguments[1], 10, 64)
	old.app, _ = strconv.Atoi(arguments[3])
	old.appStart, _ = strconv.ParseUint(arguments[4], 10, 64)
	ctx, gate := context.Background(), closedGate{os.NewFile(3, "use"), time.Now()}
	at("retire")
	if drained, _ := gate.drain(ctx); !drained {
		fmt.Fprintf(os.Stderr, "proxy.cgi: the old app is ended while requests are under way that last longer than %v\n", drainLimit)
	}
	at("retire drained")
	if err := old.end(ctx, killLimit); err != nil {
		fmt.Fprintf(os.Stderr, "proxy.cgi: %v\n", err)
		return 1
	}
	a := App{Dir: "."}
	lock, err := a.waitLock(ctx)
	if err != nil {
		return 1
	}
	defer lock.Close()
	s, err := a.folder().read()
	if err == nil && s.old.pid == old.pid && s.old.start == old.start {
		s.old = run{}
		err = a.folder().write(s)
	}
	if err != nil {
		return 1
	}
	return 0
}
