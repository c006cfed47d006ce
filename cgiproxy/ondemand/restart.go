package ondemand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Only tests change them.
var (
	drainLimit = 10 * time.Second // a stop waits that long for requests under way
	killLimit  = 10 * time.Second // and that long after SIGTERM, before SIGKILL
	retireTime = time.Minute      // until then an old app has ended (Auto)
)

// Start starts the app if it does not run, without regard to the pause after a
// start that failed.
func (a *App) Start(ctx context.Context) error {
	leave, err := a.Enter(ctx)
	if err != nil {
		return err
	}
	leave()
	lock, err := a.waitLock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	return a.bringUp(ctx, lock)
}

// Stop ends the app, once the requests under way are done. The next request
// starts it again.
func (a *App) Stop(ctx context.Context) error {
	lock, err := a.demandLock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	s, err := a.known(ctx)
	if err != nil {
		return err
	}
	a.refresh(ctx, s)
	was := s.run
	if was.unseen {
		err = a.nobodyAt(ctx, &was)
	}
	if err == nil {
		s.failures, s.next = 0, time.Time{} // who has stopped it may have corrected it
		err = a.stop(ctx, s)
	}
	if err == nil {
		err = a.nobodyAt(ctx, &was)
	}
	return err
}

// Restart ends the app as Stop does, and starts it. With Auto the new one
// listens before the old one ends.
func (a *App) Restart(ctx context.Context) error {
	lock, err := a.demandLock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	s, err := a.known(ctx)
	if err != nil {
		return err
	}
	a.refresh(ctx, s)
	switch known := s.run.alive(); {
	case known && a.replaceable(s):
		if s.phase == starting {
			if err := a.folder().end(ctx, s, &s.run); err != nil {
				return err
			}
			s.run = run{}
		}
		return brokenOff(a.replace(ctx, lock, s, 0))
	case known:
		err = a.stopToStart(ctx, s)
	default:
		err = a.nobodyAt(ctx, &s.run)
	}
	if err != nil {
		return err
	}
	return a.bringUp(ctx, lock)
}

// bringUp has bring start the app, for nobody who wants the connection.
func (a *App) bringUp(ctx context.Context, lock *os.File) error {
	conn, err := a.bring(ctx, lock, true)
	if err == nil {
		conn.Close()
	}
	return brokenOff(err)
}

// brokenOff tells a person why who has the lock was to let it go.
func brokenOff(err error) error {
	if err != errBusy {
		return err
	}
	return &Error{
		Kind:   Busy,
		Cause:  errors.New("the start was broken off: the settings or the restart file have changed, or another command was called"),
		Remedy: "see what became of it with proxy.cgi app status",
	}
}

func (a *App) nameNow() string {
	now := a.look()
	return now.name()
}

// nobodyAt returns an error where something listens that was not started here, or
// that cannot be known to be what was.
func (a *App) nobodyAt(ctx context.Context, r *run) error {
	addresses := a.addresses(r)
	conn, err := a.connect(ctx, a.network(), addresses)
	if err != nil {
		return nil
	}
	conn.Close()
	if r.unseen {
		return unseenAt(addresses)
	}
	if e := a.othersApp(addresses); e != nil {
		return e
	}
	return &Error{
		Kind:   Unending,
		Cause:  fmt.Errorf("on %v listens what was not started here", addresses),
		Remedy: "end it where it was started (by hand, cron, pm2?)",
	}
}

// othersApp returns an error where the app of another folder listens, nil where none does.
func (a *App) othersApp(addresses []string) *Error {
	other, found := a.othersAt(a.network(), addresses)
	if !found {
		return nil
	}
	return &Error{
		Kind:   Unending,
		Cause:  fmt.Errorf("on %v listens what was not started here: process %d, the app in %s", addresses, other.pid, other.dir()),
		Remedy: "is that another site's, or an older release? proxy.cgi app stop ends it there; for all releases START_DIR has to be one folder, or the link to the newest",
	}
}

// settle does what a request has found to do before it may go on: restart the
// app if that is asked for, and let requests find their file again. Patience is for
// a new app while the old one goes on. It looks anew, with the lock: what it has seen
// before may have been seen to by another since, and be asked for no more.
func (a *App) settle(ctx context.Context, arrived time.Time, patience time.Duration) error {
	lock, err := a.folder().lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	s, err := a.known(ctx)
	if err != nil {
		return err
	}
	now := a.look()
	if s.settings != "" && s.settings != now.settings {
		if err := a.outdated(); err != nil {
			return err
		}
	}
	if s.phase == "" && !a.Auto {
		if e := a.othersApp(a.Addresses); e != nil {
			a.warn("another app is shown: " + explain(e))
		}
	}
	begun := s.phase == starting // by a request that had to leave: no one was served
	a.refresh(ctx, s)
	other := s.settings != "" && s.settings != now.settings || changed(s.stamps, now.stamps)
	halfway := s.phase == stopping || s.phase == starting && s.old.pid != 0 // of a process that was ended
	asked := other || halfway || now.always && !begun && !s.run.hasBegunBetween(arrived, time.Now())
	if asked {
		switch known := s.run.alive() || s.old.alive(); {
		case !known:
			err = a.nobodyAt(ctx, &s.run)
		case a.replaceable(s):
			err = a.replace(ctx, lock, s, patience)
		default:
			err = a.stopToStart(ctx, s)
		}
		switch _, failed := errors.AsType[*Error](err); {
		case err != nil && !failed:
			return err // ctx's, or errStillStarting: the next request goes on from here
		case failed:
			a.warn("the app is not restarted, the old one goes on until it is asked for again: " + explain(err))
		}
	}
	if other {
		s.settings, s.stamps = now.settings, now.stamps
		s.failures, s.next = 0, time.Time{}
		if err := a.folder().write(s); err != nil {
			return err // and the gate keeps its name, or the restart would be forgotten
		}
	}
	at("settled")
	return a.folder().openGate(now.name())
}

// hasBegunBetween reports whether a run has: not one that a clock which was wrong has
// beginning later.
func (r *run) hasBegunBetween(from, to time.Time) bool {
	return !r.began.Before(from) && !r.began.After(to)
}

// stopToStart is stop where the app can be started again as far as can be told before:
// a rotated log may be root's now.
func (a *App) stopToStart(ctx context.Context, s *state) error {
	_, log, err := a.prepare()
	if err != nil {
		s.unreplaced = err.Error()
		a.note(s)
		return err
	}
	log.Close()
	return a.stop(ctx, s)
}

// stop holds requests back and ends the app. The lock is held. The next request
// opens the gate, and looks first whether the site has an app elsewhere by then.
// For requests that are under way it waits where one has an app: before the first
// listens, all wait for the lock.
func (a *App) stop(ctx context.Context, s *state) error {
	gate, err := a.folder().closeGate()
	if err != nil {
		return err
	}
	defer gate.Close()
	drained := s.phase == starting && s.old.pid == 0
	if !drained {
		if drained, err = gate.drain(ctx); err != nil {
			return err
		}
	}
	if !drained {
		a.warn(fmt.Sprintf("the app is stopped while requests are under way that last longer than %v", drainLimit))
	}
	at("drained")
	return a.folder().stop(ctx, s, "stopped")
}

// end ends a run of the state, and writes down before that it was asked to, for
// who goes on where we have to leave.
func (f folder) end(ctx context.Context, s *state, r *run) error {
	if begin(&r.asked) {
		if err := f.write(s); err != nil {
			return err
		}
	}
	return r.end(ctx, killLimit)
}

// stop ends the app.
func (f folder) stop(ctx context.Context, s *state, why string) error {
	s.phase = stopping
	begin(&s.run.asked)
	begin(&s.old.asked)
	if err := f.write(s); err != nil {
		return err
	}
	at("stopping")
	for _, r := range [...]*run{&s.run, &s.old} {
		if err := r.end(ctx, killLimit); err != nil {
			return err
		}
	}
	at("ended")
	s.phase, s.run, s.old = stopped, run{}, run{}
	s.exit, s.unreplaced = why, ""
	err := f.write(s)
	at("stopped")
	return err
}
