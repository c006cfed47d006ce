package ondemand

import (
	"context"
	"fmt"
	"net"
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
	uid                 int    // effective
	memory              int64  // resident bytes
}

// processes returns those of the app that have not ended: the session that was
// started, and whoever listens at its address and was started later. A command
// may put the app into a session of its own (daemon(3), pm2), and then the first
// is empty: nothing else tells who the app is.
//
// A pid alone is no name for a process, for another gets the same number one
// day. While a session has a member, its number is not given to another; so if
// a process has the number of the session's leader, it must have its start, too.
func (r *run) processes() []process {
	if r.pid == 0 {
		return nil
	}
	if leader, err := readProcess(r.pid); err == nil && leader.start != r.start {
		return r.listening()
	}
	var found []process
	for _, p := range ownProcesses() {
		if p.session == r.pid {
			found = append(found, p)
		}
	}
	if len(found) > 0 && r.led() {
		return found
	}
	return append(found, r.listening()...)
}

// led reports whether the command itself still runs, which then is the app or
// waits for it.
func (r *run) led() bool {
	leader, err := readProcess(r.pid)
	return err == nil && leader.start == r.start && !leader.ended
}

// alive is processes() > 0, at less cost where the command is the app.
func (r *run) alive() bool {
	return r.pid != 0 && (r.led() || len(r.processes()) > 0)
}

// listening returns the session of the process that listens at the address of a
// run, if both have begun since. If only the process has, it returns this one.
func (r *run) listening() []process {
	later := ownSince(r.start)
	own, _ := unix.Getsid(0)
	for _, l := range listeners(later) {
		if !l.at(r.network, r.addresses) || l.process.session == own || l.process.session == r.pid {
			continue
		}
		var session []process
		for _, p := range later {
			if p.session == l.process.session {
				session = append(session, p)
			}
		}
		if leader, err := readProcess(l.process.session); err == nil && leader.start < r.start {
			return []process{l.process}
		}
		return session
	}
	return nil
}

// listens reports whether one of our processes does at the address of a run.
func (r *run) listens() bool {
	for _, l := range listeners(ownSince(r.start)) {
		if l.at(r.network, r.addresses) {
			return true
		}
	}
	return false
}

// hasDescendant reports whether a process has the environment that the run was
// started with, in whatever session.
func (r *run) hasDescendant() bool {
	variable := "SOCKET=" + r.addresses[0]
	if _, port, err := net.SplitHostPort(r.addresses[0]); err == nil && r.network != "unix" {
		variable = "PORT=" + port
	}
	return slices.ContainsFunc(ownSince(r.start), func(p process) bool {
		return slices.Contains(environmentOf(p.pid), variable)
	})
}

// A listener is a socket of one of our processes that takes connections.
type listener struct {
	process          process
	network, address string
}

func (l listener) String() string { return fmt.Sprintf("%s (process %d)", l.address, l.process.pid) }

// end asks the processes of a run to end, makes them after a limit, and waits
// until they have.
func (r *run) end(ctx context.Context, limit time.Duration) error {
	if r.pid == 0 {
		return nil
	}
	began, signal := time.Now(), unix.SIGTERM
	for asked := map[int]unix.Signal{}; ; {
		left := r.processes()
		if len(left) == 0 {
			return nil
		}
		switch waited := time.Since(began); {
		case waited > limit+5*time.Second:
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

// signalOnce signals the groups of processes that have not got this signal yet.
// A group takes those with it that are forked meanwhile.
func signalOnce(processes []process, signal unix.Signal, asked map[int]unix.Signal) error {
	for _, p := range processes {
		if asked[p.group] == signal {
			continue
		}
		asked[p.group] = signal
		target := -p.group
		if leader, err := readProcess(p.group); err == nil && leader.session != p.session {
			target = p.pid // not its group any more
		}
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
