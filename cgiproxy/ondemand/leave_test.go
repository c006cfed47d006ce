//go:build linux

package ondemand

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// browserPatience is shorter than each of the waits here: no request that leaves
// sees the end of one.
const browserPatience = 300 * time.Millisecond

// browse makes a browser's request as a process. It reports whether it was
// answered; else it has left, or failed with what it said.
func (s *site) browse() (body string, answered bool, failure string) {
	s.t.Helper()
	c := s.processOf("/", cmp.Or(s.patience, browserPatience))
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	exit, _ := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return out.String(), true, ""
	case exit != nil && exit.ExitCode() == statusLeft:
		return "", false, ""
	}
	return "", false, said.String()
}

// restartUnderStream asks for a restart while a stream is under way that does not end,
// and for which a stop waits that long.
func (s *site) restartUnderStream(drainLimit string) {
	s.t.Helper()
	s.write("drain-limit", drainLimit)
	stream := s.process("/stream")
	if err := stream.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = stream.Process.Kill(); _ = stream.Wait() })
	eventually(s.t, "the stream is under way", s.inUse)
	s.restart()
}

// browses has a browser reload the page that says that the app is starting, and
// nobody else come, until there is an answer that is not that of a process.
func (s *site) browses(before string) (after string) {
	s.t.Helper()
	eventually(s.t, "a browser gets the page of another process than "+before, func() bool {
		body, answered, failure := s.browse()
		if failure != "" {
			s.t.Logf("a browser: %s", failure)
		}
		after = body
		return answered && body != before
	})
	return after
}

// Browsers only, each of which leaves long before what it waits for is done: that
// is done in its time all the same.
func TestBrowsersOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		flags string
		set   func(*site)
		then  func(s *site, before string)
	}{
		{"a slow start", "-delay 1s", func(*site) {}, nil},
		{"a slow start, auto", "-delay 1s", auto, nil},
		{"requests under way", "", socket, func(s *site, _ string) {
			s.restartUnderStream("1s")
		}},
		{"ignores SIGTERM", "-ignore", func(*site) {}, func(s *site, _ string) {
			s.write("kill-limit", "1s")
			s.restart()
		}},
		{"the app is killed, and another process of its session goes on", "", helped, func(s *site, before string) {
			pid, _ := strconv.Atoi(before)
			_ = unix.Kill(pid, unix.SIGKILL)
			eventually(s.t, "the app is gone", func() bool { return len(s.apps()) == 0 })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, tt.flags)
			tt.set(s)
			s.browse()
			eventually(t, "the app listens while nobody waits for it", s.listens)
			now, starts := s.browses(""), 1
			if tt.then != nil {
				tt.then(s, now)
				now = s.browses(now)
				starts = 2
			}
			if st, err := s.folder().read(); err != nil || st.phase != running || st.run.app == 0 {
				t.Errorf("state %+v, %v", st, err)
			}
			if n := len(s.starts()); n != starts {
				t.Errorf("%d starts, want %d", n, starts)
			}
			s.stops(now)
		})
	}
}

// helped has a process beside the app in its session, as one that builds style
// sheets.
func helped(s *site) { s.Command = "sleep 1000 & " + s.Command }

// A client that leaves need be no browser.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-delay 2500ms") // longer than an app that reloads itself has
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.get(ctx, "/"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if _, err := s.get(context.Background(), "/"); err != nil {
		t.Fatal(err)
	}
	if n := len(s.starts()); n != 1 {
		t.Errorf("%d starts, want 1: the next request waits for the app that is coming", n)
	}
}

// An app whose slow start nobody has seen the end of is replaced like any other.
func TestReplaceAfterLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	auto(s)
	s.Command = "if test -e broken; then exit 3; fi; sleep 1; " + s.Command
	s.browse()
	eventually(t, "the app listens while nobody waits for it", s.listens)
	s.browse()
	before := strconv.Itoa(s.apps()[0])
	s.write("broken", "")
	s.restart()
	for range 3 {
		if body, answered, failure := s.browse(); !answered || body != before {
			t.Errorf("got %q, answered %t, %s; want %s", body, answered, failure, before)
		}
	}
	if st, err := s.Status(); err != nil || !strings.Contains(st.Unreplaced, "status 3") {
		t.Errorf("status %+v, %v", st, err)
	}
}

func (s *site) listens() bool {
	st, err := s.folder().read()
	return err == nil && st.run.alive() && st.run.listens()
}

// While a new app takes longer than a browser waits, the old one serves it, and
// where the new one never comes up it goes on to.
func TestBrowsersWhileReplaced(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, version string
		unreplaced    string // "" is a version that works
		starts        int
	}{
		{"slow", "sleep 1", "", 2},
		{"fails late", "sleep 1; echo no database; exit 3", "nobody was there", 3}, // once more: it may have been killed
		{"never listens", "exec sleep 1000", "within 2s", 2},
		{"goes into the background, never listens", "sleep 1000 & exit 0", "within 2s", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			auto(s)
			s.Timeout = 2 * time.Second
			s.Command = "echo $$ >>begun; if test -e new; then " + tt.version + "; fi; " + s.Command
			before := s.answered("/")
			s.write("new", "")
			s.restart()
			page := before
			eventually(t, "the new version listens, or is given up", func() bool {
				body, answered, failure := s.browse()
				if !answered {
					t.Errorf("a browser gets no page: %s", failure)
				}
				page = body
				st, _ := s.folder().read()
				return t.Failed() || page != before || st.unreplaced != ""
			})
			for range 3 {
				if body, answered, failure := s.browse(); !answered || body != page {
					t.Errorf("afterwards: %q, answered %t, %s; want %s", body, answered, failure, page)
				}
			}
			st, err := s.folder().read()
			if err != nil || (tt.unreplaced == "") != (page != before) || !strings.Contains(st.unreplaced, tt.unreplaced) || st.phase != running || st.failures != 0 {
				t.Errorf("process %s, then %s; state %+v, %v", before, page, st, err)
			}
			if text, _ := os.ReadFile(s.Dir + "/begun"); strings.Count(string(text), "\n") != tt.starts {
				t.Errorf("%d starts, want %d", strings.Count(string(text), "\n"), tt.starts)
			}
			eventually(t, "one app is left", func() bool { return len(s.apps()) == 1 })
			s.stops(page)
		})
	}
}

// While the new app is tried, app status tells of the one that serves.
func TestStatusWhileReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	auto(s)
	s.Command = "if test -e new; then sleep 1000; fi; " + s.Command
	before := s.answered("/")
	s.write("new", "")
	s.restart()
	s.browse()
	if st, err := s.Status(); err != nil || !st.Running || strconv.Itoa(st.PID) != before || st.Phase != running {
		t.Errorf("status %+v, %v, want process %s", st, err, before)
	}
}

// An app that shows nothing of its environment is not known before it listens:
// there is one all the same, and where it never listens none more than the pause
// lets there be.
func TestBrowsersOfHiddenApp(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	auto(s)
	s.Command = "env -i PORT=$PORT " + testBinary(t) + " testapp -daemon -delay 1s"
	pid := s.browses("")
	if again := s.browses(""); again != pid || len(s.starts()) != 1 {
		t.Errorf("process %s, then %s; %d starts, want 1", pid, again, len(s.starts()))
	}
	s.stops(pid)

	s = newSite(t, "")
	auto(s)
	s.Timeout = time.Second
	s.Command = "env -i PORT=$PORT " + testBinary(t) + " testapp -daemon -never"
	failed := ""
	eventually(t, "the start is given up", func() bool {
		_, _, failed = s.browse()
		return failed != ""
	})
	if st, err := s.folder().read(); err != nil || st.failures != 1 || len(s.starts()) != 1 || !strings.Contains(failed, "within 1s") {
		t.Errorf("%d starts, want 1; %s; state %+v, %v", len(s.starts()), failed, st, err)
	}
}

// A new version that never listens and does not end either is not left behind.
func TestBrowsersOfUnendingVersion(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	auto(s)
	s.Timeout = time.Second
	s.Command = "if test -e new; then exec " + testBinary(t) + " testapp -ignore -port " + testkit.FreePort(t) + "; fi; " + s.Command
	before := s.answered("/")
	s.write("new", "")
	s.restart()
	eventually(t, "the new version is given up", func() bool {
		s.browse()
		st, _ := s.folder().read()
		return st.unreplaced != ""
	})
	if apps := s.apps(); len(apps) != 1 || strconv.Itoa(apps[0]) != before {
		t.Errorf("processes %v are left, want %s", apps, before)
	}
}
