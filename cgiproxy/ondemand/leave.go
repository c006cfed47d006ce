package ondemand

import (
	"context"
	"errors"
	"strings"
	"time"
)

// A request may have to leave in the middle of what it does for all: a browser's
// has a deadline, after which it shows a page that reloads itself. What it has
// begun is in the state, with the time when: the next request goes on with it, and
// limits count from there.

// errStillStarting is a new app that does not listen yet, while the old one does.
var errStillStarting = errors.New("the new app is still being started")

// errUnseen is a start whose command has ended while who waited was not who began it.
var errUnseen = errors.New("the app's command ended before the app listened; nobody was there to see its status")

// patienceOf returns how long a request that has just come waits for a new app
// while the old one goes on, 0 is for as long as it takes: that is one without a
// deadline.
func patienceOf(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(deadline), 1)
}

// useOld marks a request as under way that goes to the old app, where there is one
// and the new one is starting for longer than the patience.
func (a *App) useOld(patience time.Duration) (fd int, ok bool) {
	f := a.folder()
	s, err := f.read()
	if err == nil {
		err = a.claim(s)
	}
	if err != nil || s.phase != starting || time.Since(since(s.run.began)) < patience || !s.old.alive() {
		return -1, false
	}
	name, err := f.findUse()
	if err != nil || !strings.HasPrefix(name, usePrefix) {
		return -1, false
	}
	fd, err = f.use(name, a.IdleStop > 0)
	return fd, err == nil
}

// unsettled reports whether a state says less than a connection to its app does:
// who started the app, or waited for it to come back, had to leave.
func (s *state) unsettled() bool {
	return s.phase == starting && s.old.pid == 0 || s.phase == running && !s.run.lost.IsZero()
}

// settleRun writes down that the app listens. The lock is held.
func (a *App) settleRun(s *state) {
	switch {
	case s.phase == running:
		s.run.lost, s.run.asked = time.Time{}, time.Time{}
		a.note(s)
	case s.run.alive() || s.run.background:
		a.up(s)
	default: // it is not the app that was started
		s.phase = stopped
		a.note(s)
	}
}

// refresh has the state say what a connection to the app does. The lock is held.
func (a *App) refresh(ctx context.Context, s *state) {
	if !s.unsettled() {
		return
	}
	if conn, err := a.connect(ctx, s.run.network, s.run.addresses); err == nil {
		conn.Close()
		a.settleRun(s)
	}
}

// confirm is settleRun for who has a connection.
func (a *App) confirm() {
	lock, err := a.folder().lock()
	if err != nil {
		return
	}
	defer lock.Close()
	if s, err := a.folder().read(); err == nil && s.unsettled() {
		a.settleRun(s)
	}
}

// unseen counts a start whose command has ended while nobody was there to see
// how: who started it had left. It returns nothing where it may have been killed,
// as both were, and deserves another try.
func (a *App) unseen(s *state) error {
	if s.failures == 0 {
		s.failures = 1
		return nil
	}
	return a.failed(s, &Error{
		Kind:   Failed,
		Cause:  errUnseen,
		Remedy: "see the app's log",
		Output: lastLines(a.log(), 0),
	})
}

// helpStarter writes down that the app listens where who started it was ended
// before he could.
func (w *watcher) helpStarter() {
	lock, err := w.folder.lock()
	if err != nil {
		return
	}
	defer lock.Close()
	s, err := w.folder.read()
	if err == nil && w.mine(s) && s.phase == starting && s.run.listens() {
		s.phase, s.failures, s.next = running, 0, time.Time{}
		s.run.meet(w.log, false)
		_ = w.folder.write(s)
	}
}
