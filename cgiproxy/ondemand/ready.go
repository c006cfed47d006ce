package ondemand

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// ready waits until the app listens, and leaves with errStillStarting at a time
// that is not zero, and with errBusy where another start is wanted. The child is nil
// where another process started it, and then nobody knows how the command ends:
// errUnseen.
func (a *App) ready(ctx context.Context, s *state, c *child, leave time.Time) (net.Conn, error) {
	if begin(&s.run.began) {
		a.note(s)
	}
	limit := s.run.began.Add(a.timeout())
	var exited <-chan exit
	var logBefore int64
	if c != nil {
		exited, logBefore = c.exited, c.log
	}
	patience := patience{until: limit}
	status, ended := exit(0), false
	for {
		conn, err := a.reach(ctx, &s.run)
		switch {
		case err == nil && a.staysUp(ctx, s, leave):
			at("accepted")
			a.up(s)
			return conn, nil
		case err == nil:
			conn.Close()
		case isStranger(err):
			_ = s.run.end(context.WithoutCancel(ctx), comeBack)
			return nil, a.failed(s, err)
		}
		select {
		case status = <-exited:
			ended = true
			if status == 0 { // or who goes on from here takes it for dead
				s.run.background = true
				a.note(s)
			}
		default:
		}
		// A command that ends with 0 may have put the app into the background,
		// and while anything of its session is left, so may any.
		switch {
		case c == nil && !s.run.background && !s.run.alive():
			return nil, errUnseen
		case ended && status != 0 && !s.run.alive():
			return nil, a.failed(s, a.ended(s, status, logBefore))
		case ctx.Err() != nil:
			return nil, ctx.Err() // the next one goes on from here
		case hasPassed(leave) && (err == nil || time.Now().Before(limit)) && s.old.alive():
			return nil, errStillStarting
		case err != nil && a.isObsolete(s):
			return nil, errBusy
		}
		a.folder().trimLog(a.log())
		if waitErr := patience.wait(ctx); waitErr != nil && ctx.Err() == nil && err != nil {
			return nil, a.timedOut(ctx, s, logBefore)
		}
	}
}

// isObsolete reports whether who waits for a start has to let the lock go, or what the
// owner has corrected meanwhile would count only when that start has failed: the next
// one to have the lock ends it. Where a start changes the file itself, as a build script
// may that was made for another host, only the log can tell why none is ever done.
func (a *App) isObsolete(s *state) bool {
	if changed(s.stamps, a.look().stamps) {
		a.warn("a start is broken off and made anew, for " + strings.Join(a.RestartFiles, " or ") + " has changed since it began: if START does that, or what it runs, take it out there")
		return true
	}
	return a.outdated() != nil || a.folder().isWanted()
}

// reach connects to a run that is being started. A port that was free when it was
// chosen may have been chosen for two sites, and be the other's by now.
func (a *App) reach(ctx context.Context, r *run) (net.Conn, error) {
	conn, err := a.connect(ctx, r.network, r.addresses)
	if err != nil || !a.Auto {
		return conn, err
	}
	at := conn.RemoteAddr()
	other, found := a.othersAt(at.Network(), []string{at.String()})
	if !found {
		return conn, nil
	}
	conn.Close()
	return nil, &Error{
		Kind:   Stranger,
		Cause:  fmt.Errorf("on %v listens process %d of another site's app, in %s", at, other.pid, other.dir()),
		Remedy: "the next start is on another port",
	}
}

// ended is a start whose command has ended before the app listened.
func (a *App) ended(s *state, status exit, logBefore int64) *Error {
	e := &Error{
		Kind:   Failed,
		Cause:  fmt.Errorf("the app's command ended with %v before the app was up", status),
		Remedy: status.remedy(),
		Output: lastLines(a.log(), logBefore),
	}
	if s.run.pid == 0 {
		e.Cause = fmt.Errorf("what was to run the app's command ended with %v", status)
		e.Remedy = "is the limit of processes or memory reached (ulimit -u, RLimitNPROC)? see the app's log"
	}
	return e
}

// staysUp reports whether an app that accepts may take the place of the one that
// serves: gunicorn and others listen before they load the app, and end if they
// cannot. Where there is no old app, requests wait for this one in any case.
func (a *App) staysUp(ctx context.Context, s *state, leave time.Time) bool {
	if !s.old.alive() {
		return true
	}
	if begin(&s.run.found) {
		a.note(s)
	}
	for time.Since(s.run.found) < probation {
		if !s.run.alive() || hasPassed(leave) || sleep(ctx, probation/20) != nil {
			return false
		}
	}
	return s.run.alive() || s.run.background
}

// hasPassed reports whether a time that is not zero has come.
func hasPassed(leave time.Time) bool { return !leave.IsZero() && time.Now().After(leave) }

// up writes down that the app listens.
func (a *App) up(s *state) {
	s.phase, s.failures, s.next = running, 0, time.Time{}
	s.run.lost = time.Time{}
	s.run.meet(a.log(), a.Auto)
	if s.run.unseen = !s.run.alive(); s.run.unseen {
		a.warn(explain(unseenAt(s.run.addresses)))
	}
	a.folder().trimLog(a.log())
	if err := a.folder().write(s); err != nil {
		a.warn(err.Error())
		return
	}
	at("up")
	if s.old.pid != 0 {
		if err := a.retire(s); err != nil {
			a.warn(fmt.Sprintf("the app before this one goes on, process %d: %v", s.old.pid, err))
		}
	}
}

// timedOut ends what was started and did not listen.
func (a *App) timedOut(ctx context.Context, s *state, logBefore int64) error {
	// An app that does not look at PORT is the commonest reason.
	elsewhere := s.run.elsewhere()
	at("timed out")
	remedy := "raise START_TIMEOUT if it needs longer; see the app's log"
	cause := fmt.Errorf("the app did not listen on %s within %v", strings.Join(s.run.addresses, " or "), a.timeout())
	if len(elsewhere) > 0 {
		cause = fmt.Errorf("%w, but on %s", cause, strings.Join(elsewhere, ", "))
		remedy = "let the app listen where PORT or SOCKET in its environment says"
	}
	output := lastLines(a.log(), logBefore)
	if err := s.run.end(context.WithoutCancel(ctx), comeBack); err != nil { // nobody knows it any more
		a.warn(err.Error())
	}
	return a.failed(s, &Error{Kind: TimedOut, Cause: cause, Remedy: remedy, Output: output})
}

// elsewhere returns where the processes of a run listen.
func (r *run) elsewhere() (addresses []string) {
	for _, l := range listeners(r.processes()) {
		if !slices.ContainsFunc(addresses, func(a string) bool { return strings.HasPrefix(a, l.address+" ") }) {
			addresses = append(addresses, l.String())
		}
	}
	return addresses
}
