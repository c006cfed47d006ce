package ondemand

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A process is one as the kernel shows it.
type process struct {
	pid, group, session int
	start               uint64 // as the kernel counts, from some point in time on
	ended               bool   // a zombie
	hidden              bool   // only the first three are known
	uid                 int    // effective
	memory              int64  // resident bytes
}

// is reports whether a process is the one that has started then.
func (p process) is(start uint64) bool { return p.hidden || p.start == start }

// processes returns those of the app that have not ended: the session that was
// started, that of the app where the command has put it into another (daemon(3),
// pm2), and where both have ended whoever has the run's token. Nobody else is
// ever signalled: on the app's port may listen what was started by hand.
//
// A pid alone is no name for a process, for another gets the same number one
// day. While a session has a member, its number is not given to another; so if
// a process has the number of the session's leader, it must have its start, too,
// and where there is none a member must have the run's token, unless that cannot be
// read.
func (r *run) processes() []process {
	if r.pid == 0 {
		return nil
	}
	own := ownProcesses()
	shell, app := r.pid, r.appSession(own)
	var found []process
	switch leader, err := readProcess(r.pid); {
	case err == nil && !leader.is(r.start),
		err != nil && !slices.ContainsFunc(own, func(p process) bool {
			return p.session == r.pid && (r.started(p) || p.start >= r.start && isClosed(p.pid))
		}):
		shell = 0
	case leader.hidden:
		found = append(found, leader)
	}
	hosted := r.isHosted()
	known := r.known() && !hosted
	for _, p := range own {
		if p.session == shell || p.session == app || p.pid == r.app && p.start == r.appStart && !hosted || !known && r.started(p) {
			found = append(found, p)
		}
	}
	return found
}

// known reports whether the command still runs, which then is the app or waits
// for it, or the one that listened first.
func (r *run) known() bool {
	return lives(r.pid, r.start) || r.app != 0 && lives(r.app, r.appStart)
}

func lives(pid int, start uint64) bool {
	p, err := readProcess(pid)
	return err == nil && p.is(start) && !p.ended
}

// alive is processes() > 0, at less cost where the app is known.
func (r *run) alive() bool {
	return r.pid != 0 && (r.known() || len(r.processes()) > 0)
}

// listens reports whether a process of a run does at its address.
func (r *run) listens() bool {
	for _, l := range listeners(r.processes()) {
		if l.at(r.network, r.addresses) {
			return true
		}
	}
	return false
}

// A listener is a socket of one of our processes that takes connections.
type listener struct {
	process          process
	network, address string
}

func (l listener) String() string { return fmt.Sprintf("%s (process %d)", l.address, l.process.pid) }

// end asks the processes of a run to end, makes them after a limit, and waits
// until they have. Who asked them first counts.
func (r *run) end(ctx context.Context, limit time.Duration) error {
	if r.pid == 0 {
		return nil
	}
	called, signal := time.Now(), unix.SIGTERM
	begin(&r.asked)
	for asked := map[int]unix.Signal{}; ; {
		left := r.processes()
		if len(left) == 0 {
			return nil
		}
		switch waited := time.Since(r.asked); {
		case waited > limit+5*time.Second && time.Since(called) > time.Second:
			return &Error{
				Kind:   Unending,
				Cause:  fmt.Errorf("process %d does not end, even after SIGKILL", left[0].pid),
				Remedy: "does it wait for a disk or network folder? ask the host",
			}
		case waited > limit:
			signal = unix.SIGKILL
		}
		if err := signalOnce(left, signal, asked); err != nil {
			return err
		}
		at("signalled")
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// begin sets when a wait began to now, where it is not written down, or was by a clock
// that was wrong. It reports whether it has.
func begin(wait *time.Time) bool {
	now := time.Now()
	if !wait.IsZero() && !wait.After(now) {
		return false
	}
	*wait = now
	return true
}

// since returns when a wait began that may be written down.
func since(began time.Time) time.Time {
	begin(&began)
	return began
}

// signalOnce signals processes that have not got this signal yet, by their group
// where its leader is one of them: that takes those with it that are forked
// meanwhile. Another's group may have members that are none of the app.
func signalOnce(processes []process, signal unix.Signal, asked map[int]unix.Signal) error {
	for _, p := range processes {
		target := p.pid
		if slices.ContainsFunc(processes, func(q process) bool { return q.pid == p.group && q.session == p.session }) {
			target = -p.group
		}
		if asked[target] == signal {
			continue
		}
		asked[target] = signal
		if err := unix.Kill(target, signal); err != nil && err != unix.ESRCH {
			return &Error{
				Kind:   Unending,
				Cause:  fmt.Errorf("signal process %d: %w", p.pid, err),
				Remedy: fmt.Sprintf("is it another user's? This is user %d", os.Geteuid()),
			}
		}
	}
	return nil
}
