//go:build linux

package ondemand

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestFirstRequestsAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		set  func(*site)
		one  func(*site) (string, error)
	}{
		{"goroutines", func(*site) {}, func(s *site) (string, error) { return s.get(context.Background(), "/") }},
		{"goroutines, auto", auto, func(s *site) (string, error) { return s.get(context.Background(), "/") }},
		{"processes", func(*site) {}, inProcess},
		{"processes, auto", auto, inProcess},
		{"processes, a socket", socket, inProcess},
		{"processes, with a watcher", func(s *site) { s.IdleStop = time.Hour }, inProcess},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 17 { // about a hundred in all
				s := newSite(t, "")
				tt.set(s)
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() {
						if out, err := tt.one(s); err != nil {
							t.Errorf("%v %s", err, out)
						}
					})
				}
				all.Wait()
				if got := len(s.starts()); got != 1 {
					t.Fatalf("%d starts, want 1", got)
				}
			}
		})
	}
}

func inProcess(s *site) (string, error) {
	out, err := s.process("/").CombinedOutput()
	return string(out), err
}

func auto(s *site) { s.Auto, s.Addresses = true, nil }

func socket(s *site) {
	s.Network, s.Addresses = "unix", []string{filepath.Join(s.Dir, "app.sock")}
}

func TestAwkwardApps(t *testing.T) {
	t.Parallel()
	app := testBinary(t) + " testapp "
	elsewhere := testkit.FreePort(t)
	for _, tt := range []struct {
		name, command string
		set           func(*site)
		fails         Kind // -1: it is answered
		cause         string
		remedy        string
	}{
		{name: "goes into the background", command: app + "&", fails: -1},
		{name: "goes into a session of its own", command: app + "-daemon -delay 200ms", fails: -1},
		{name: "goes into a session of its own, watched", command: app + "-daemon -delay 200ms", set: watched, fails: -1},
		{name: "leaves an app, ends with 3", command: app + "-delay 200ms & exit 3", fails: -1},
		{name: "listens on ::1", command: app + "-host ::1", fails: -1},
		{name: "prints 10 MB before", command: app + "-print 10", fails: -1},
		{name: "ends with 3", command: app + "-exit 3", fails: Failed, cause: "status 3"},
		{name: "ends with 3, watched", command: app + "-exit 3", set: watched, fails: Failed, cause: "status 3"},
		{name: "killed", command: "exec " + app + "-signal 9", fails: Failed, cause: "signal 9 (killed)"},
		{name: "killed, watched", command: "exec " + app + "-signal 9", set: watched, fails: Failed, cause: "signal 9 (killed)"},
		{name: "no such program", command: "nosuchprogram", fails: Failed, cause: "status 127", remedy: "full path"},
		{name: "never listens", command: "echo waiting; " + app + "-never", set: hasty, fails: TimedOut, cause: "within 500ms"},
		{name: "ends with 0", command: "true", set: hasty, fails: TimedOut, cause: "within 500ms"},
		{name: "ignores PORT", command: app + "-port " + elsewhere, set: hasty, fails: TimedOut, cause: "but on 127.0.0.1:" + elsewhere, remedy: "PORT"},
		{name: "ignores PORT and SIGTERM", command: app + "-ignore -port " + testkit.FreePort(t), set: hasty, fails: TimedOut, cause: "but on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			s.Command = tt.command
			if tt.set != nil {
				tt.set(s)
			}
			pid, err := s.get(context.Background(), "/")
			if tt.fails < 0 {
				if err != nil {
					t.Fatal(err)
				}
				s.stops(pid)
				return
			}
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != tt.fails || !strings.Contains(e.Error(), tt.cause) || !strings.Contains(e.Remedy, tt.remedy) || e.RetryAfter <= 0 {
				t.Fatalf("got %#v (%v), want kind %d, cause %q, remedy %q", err, err, tt.fails, tt.cause, tt.remedy)
			}
			if tt.name == "ends with 3" && e.Output != "the reason why" {
				t.Errorf("output %q", e.Output)
			}
			eventually(t, "what was started is gone", func() bool { return len(s.apps()) == 0 })
		})
	}
}

func watched(s *site) { s.IdleStop = time.Hour }
func hasty(s *site)   { s.Timeout = 500 * time.Millisecond }

// stops checks that an app is known well enough to be found again and stopped.
func (s *site) stops(pid string) {
	s.t.Helper()
	if info, err := os.Stat(s.log()); err != nil || info.Size() > maxLog || info.Mode().Perm() != 0o600 {
		s.t.Errorf("log: %v, %v", info, err)
	}
	st, err := s.Status()
	if err != nil || !st.Running || st.PID == 0 || st.Memory == 0 {
		s.t.Errorf("status %+v, %v", st, err)
	}
	if err := s.Stop(context.Background()); err != nil {
		s.t.Error(err)
	}
	n, _ := strconv.Atoi(pid)
	if p, err := readProcess(n); err == nil && !p.ended {
		s.t.Errorf("process %d is still there", n)
	}
}

func TestDeadSocket(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	socket(s)
	l, err := net.Listen("unix", s.Addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if _, err := s.get(context.Background(), "/"); err != nil {
		t.Fatal(err)
	}
}

// A process that lives on, as in FastCGI, reaps what it has started.
func TestNoZombie(t *testing.T) {
	t.Parallel()
	for _, idle := range []time.Duration{0, time.Hour} {
		s := newSite(t, "")
		s.IdleStop = idle
		if _, err := s.get(context.Background(), "/"); err != nil {
			t.Fatal(err)
		}
		st, _ := s.folder().read()
		if err := s.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the app is reaped", func() bool {
			_, err := readProcess(st.run.pid)
			return err != nil
		})
	}
}
