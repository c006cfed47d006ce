package ondemand

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// replaceable reports whether a new app can listen beside the old one.
func (a *App) replaceable(s *state) bool {
	return a.Auto && (s.phase == running || s.old.pid != 0)
}

// replace starts a new app while requests go to the old one.
func (a *App) replace(ctx context.Context, lock *os.File, s *state) error {
	if s.phase == running {
		if s.old.pid != 0 && time.Since(s.run.began) > drainLimit+2*killLimit {
			_ = s.old.end(ctx, killLimit) // who should have ended it has been ended
		}
		s.old = s.run
	}
	var conn net.Conn
	var err error
	if s.phase == starting && s.run.alive() {
		conn, err = a.ready(ctx, netDial, s, nil) // who started it was ended
	} else {
		conn, err = a.start(ctx, netDial, lock, s)
	}
	if err == nil {
		return conn.Close()
	}
	if ctx.Err() == nil && s.old.alive() {
		s.phase, s.run, s.old = running, s.old, run{}
		if err := a.folder().write(s); err != nil {
			a.warn(err.Error())
		}
	}
	return err
}

// retire lets requests find another file, and starts "app retire", which ends
// the old app when the file they had is free. This process may not live as long.
func (a *App) retire(s *state) error {
	f, name := a.folder(), a.nameNow()
	found, err := f.findUse()
	if err != nil {
		return err
	}
	if found == "" {
		found = name
		if err := f.openGate(name); err != nil {
			return err
		}
	}
	held, err := os.OpenFile(f.file(found), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return noState(err)
	}
	defer held.Close()
	next, err := os.OpenFile(f.file("next"), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return noState(err)
	}
	next.Close()
	if err := os.Rename(f.file("next"), f.file(name)); err != nil {
		return noState(err)
	}
	at("requests go to the new app")
	if found != name {
		if err := os.Remove(f.file(found)); err != nil {
			return noState(err)
		}
	}
	return a.spawnRetire(held)
}

func (a *App) spawnRetire(held *os.File) error {
	path, err := a.executable()
	if err != nil {
		return cannotRun(err)
	}
	log, err := openLog(a.log())
	if err != nil {
		return noState(err)
	}
	defer log.Close()
	closeOnExec(3)
	process, err := os.StartProcess(path, []string{"proxy.cgi", "app", "retire"}, &os.ProcAttr{
		Dir:   a.Dir,
		Files: []*os.File{nil, log, log, held},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return cannotRun(err)
	}
	at("retire spawned")
	go process.Wait()
	return nil
}

// retireOld is "app retire".
func retireOld(held *os.File) int {
	f, ctx := folder(".cgiproxy"), context.Background()
	s, err := f.read()
	if err != nil || s.old.pid == 0 {
		return 1
	}
	old := s.old
	gate := closedGate{held}
	if drained, _ := gate.drain(ctx); !drained {
		fmt.Fprintf(os.Stderr, "proxy.cgi: the old app is ended while requests are under way that last longer than %v\n", drainLimit)
	}
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
	if s, err = f.read(); err == nil && s.old.pid == old.pid && s.old.start == old.start {
		s.old = run{}
		err = f.write(s)
	}
	if err != nil {
		return 1
	}
	return 0
}
