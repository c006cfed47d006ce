package ondemand

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A Status is what is known of an app at one moment.
type Status struct {
	Running   bool     // it listens, and the listener is ours
	Phase     string   // stopped, starting, running, stopping, failed; "" if it was never started
	Network   string   // of Addresses
	Addresses []string // where it listens, or should
	Listener  string   // whose listener is there: "ours", "nobody", or why it is not ours

	PID    int       // of its first process; 0 if it was not started here, or has ended
	Since  time.Time // when it was started
	Memory int64     // bytes that its processes have resident, shared ones counted more than once

	LastExit   string    // how it last ended, as far as that is known
	Unreplaced string    // why the last restart failed, after which the app from before went on; "" if it did not fail
	Failures   int       // starts in a row that failed
	NextTry    time.Time // no request starts it before; zero is at once
}

// Rows returns what there is to say, each with its name.
func (st *Status) Rows(now time.Time) (rows [][2]string) {
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, [2]string{name, value})
		}
	}
	phase := st.Phase
	if phase == "" {
		phase = "never started"
	}
	add("state", phase)
	add("address", strings.Join(st.Addresses, " or "))
	add("listener", st.Listener)
	switch {
	case st.PID != 0 && st.Since.IsZero():
		add("process", fmt.Sprintf("%d, from before .cgiproxy was deleted, or of another START_DIR: the next request ends it", st.PID))
	case st.PID != 0:
		add("process", fmt.Sprintf("%d, since %s (%v)", st.PID, st.Since.Format(time.DateTime), now.Sub(st.Since).Round(time.Second)))
		add("memory", fmt.Sprintf("%.1f MB", float64(st.Memory)/1e6))
	}
	add("last exit", st.LastExit)
	if st.Unreplaced != "" {
		add("restart", "the last one failed: "+st.Unreplaced)
	}
	if st.Failures > 0 {
		add("failures", fmt.Sprintf("%d in a row", st.Failures))
	}
	if wait := st.NextTry.Sub(now); wait > 0 {
		add("next try", "in "+wait.Round(time.Second).String())
	}
	return rows
}

// Status looks without changing anything.
func (a *App) Status() (Status, error) {
	s, err := a.folder().read()
	if err == nil {
		err = a.claim(s)
	}
	if err != nil {
		return Status{}, err
	}
	run, phase := s.serving(), s.phase
	switch {
	case run == &s.run:
	case run.alive():
		phase = running // while a new one is tried
	default:
		run = &s.run
	}
	st := Status{
		Phase: phase, Network: a.network(), Addresses: a.addresses(run),
		LastExit: s.exit, Unreplaced: s.unreplaced, Failures: s.failures, NextTry: s.next,
	}
	processes := run.processes()
	for _, p := range processes {
		st.Memory += p.memory
	}
	if len(processes) > 0 {
		st.PID, st.Since = processes[0].pid, run.began
	} else if phase == "" {
		st.PID = a.earlier().pid // which the next request ends
	} else if (phase == starting || phase == running || phase == stopping) && !run.alive() {
		st.Phase = stopped
		if phase == running {
			st.LastExit = "it ended by itself, nobody saw how"
			if !s.ofThisBoot() {
				st.LastExit = "it ended as the machine was booted, or runs on another machine: .cgiproxy is from before, or from there"
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := a.connect(ctx, st.Network, st.Addresses)
	switch {
	case err == nil:
		conn.Close()
		st.Running, st.Listener = true, "ours"
		if st.Phase == starting || run.unseen {
			st.Phase, st.LastExit = running, s.exit // who started it was ended before it could say so
		}
		if a.Connect == nil {
			st.Listener = "somebody's"
		}
		switch {
		case run.unseen:
			st.Listener += "; its processes cannot be seen: it is never ended from here"
		case st.PID == 0:
			st.Listener += ", started elsewhere: it is never ended from here"
		}
	case nobodyListens(err):
		st.Listener = "nobody"
	default:
		st.Listener = fmt.Sprint(err)
	}
	return st, nil
}
