//go:build linux

package ondemand

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Each step that a process may be killed at: nothing is stuck, there is no second
// app, and the next request is answered.
func TestKilledStarter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode  string
		set   func(*site)
		steps []string
	}{
		{"start", func(*site) {}, []string{
			"locked", "settled", "locked/2", "looked again", "state written, not in place", "starting", "spawned", "run",
			"accepted", "state written, not in place/2", "up",
			"child", "child knows itself", "child written", "child before exec",
		}},
		{"start, watched", watched, []string{
			"starting", "spawned", "run", "accepted", "up",
			"watcher", "watcher has started", "child", "child knows itself", "child written", "child before exec",
		}},
		{"start, auto", auto, []string{"starting", "spawned", "run", "accepted", "child", "child written"}},
		{"start of what does not listen", func(s *site) {
			s.Command = `test -e started || { touch started; exec sleep 1000; }; ` + s.Command
			hasty(s)
		}, []string{"timed out", "signalled", "state written, not in place/2"}},
	} {
		for _, step := range tt.steps {
			t.Run(tt.mode+": "+step, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, "")
				tt.set(s)
				s.killAt(step)
				s.oneApp()
			})
		}
	}
}

func TestKilledRestart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode  string
		set   func(*site)
		steps []string
	}{
		{"restart", func(*site) {}, []string{
			"locked", "gate closed", "drained", "state written, not in place", "stopping", "signalled", "ended", "stopped",
			"state written, not in place/3", "settled", "locked/2", "starting", "run", "accepted", "up",
		}},
		{"restart, watched", watched, []string{"gate closed", "stopping", "signalled", "ended", "settled", "spawned", "watcher"}},
		{"restart, auto", auto, []string{
			"locked", "state written, not in place", "starting", "spawned", "run", "accepted", "up",
			"retire spawned", "requests find another file", "settled", "retire", "retire drained",
		}},
	} {
		for _, step := range tt.steps {
			t.Run(tt.mode+": "+step, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, "")
				tt.set(s)
				before := s.answered("/")
				s.restart()
				s.write("retire-time", "1s") // the one that ended the old app may be the one who was
				s.killAt(step)
				if after := s.oneApp(); after == before {
					t.Errorf("the restart is forgotten")
				}
			})
		}
	}
}

// A visitor leaves in the middle of a restart, which ends a CGI process, and then
// the next version is uploaded: it is not the one that is starting.
func TestKilledRestartAgain(t *testing.T) {
	for name, set := range map[string]func(*site){"port": func(*site) {}, "auto": auto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			set(s)
			s.answered("/")
			s.restart()
			s.killAt("run")
			eventually(t, "the second app has begun", func() bool { return len(s.starts()) == 2 })
			second := strconv.Itoa(s.starts()[1])
			s.restart()
			if now := s.oneApp(); now == second || len(s.starts()) != 3 {
				t.Errorf("process %s runs after %d starts, the second was %s: the third version is not there", now, len(s.starts()), second)
			}
		})
	}
}

func TestKilledWatcher(t *testing.T) {
	t.Parallel()
	for _, step := range []string{
		"locked", "gate closed", "idle", "state written, not in place", "stopping", "signalled", "ended",
		"state written, not in place/2", "stopped",
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			s.IdleStop = time.Millisecond
			s.write("watch-period", "50ms")
			s.write("kill-at", step)
			// It may strike the first start as well, where steps have one name.
			s.answered("/")
			eventually(t, "it is killed at this step", func() bool { return s.exists("killed-at") })
			s.oneApp()
		})
	}
}

// killAt makes a request, and this or what it starts is killed at a step.
func (s *site) killAt(step string) {
	s.t.Helper()
	s.write("kill-at", step)
	out, err := s.process("/").CombinedOutput()
	for until := time.Now().Add(20 * time.Second); !s.exists("killed-at"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			s.t.Fatalf("there was no step %q: %v %s", step, err, out)
		}
	}
}

// oneApp makes a request, and looks that there is one app only.
func (s *site) oneApp() (pid string) {
	s.t.Helper()
	pid = s.answered("/")
	// After a change with two apps one goes in a while.
	eventually(s.t, fmt.Sprintf("one app, process %s", pid), func() bool {
		apps := s.apps()
		if len(apps) > 1 {
			s.answered("/")
		}
		return len(apps) == 1 && strconv.Itoa(apps[0]) == pid || s.IdleStop == time.Millisecond && len(apps) == 0
	})
	st, err := s.Status()
	if err != nil || st.Phase != running && s.IdleStop != time.Millisecond {
		s.t.Errorf("status %+v, %v", st, err)
	}
	return pid
}

// With the starter gone, nobody but the watcher can see that the app listens.
func TestWatcherHelpsStarter(t *testing.T) {
	t.Parallel()
	s := idle(t, "")
	s.killAt("accepted")
	eventually(t, "the app is stopped", func() bool { return len(s.starts()) == 1 && s.gone() })
}

// Whatever is killed whenever, who reaches no dying app is answered.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	duration := 6 * time.Second
	if testing.Short() {
		duration = time.Second
	}
	s := newSite(t, "")
	s.RestartFiles = nil
	until := time.Now().Add(duration)
	var answered, cut, killedApps, killedRequests atomic.Int64
	var all sync.WaitGroup
	for client := range 6 {
		all.Go(func() {
			for time.Now().Before(until) {
				c := s.process("/")
				killed := client == 0 && rand.N(2) == 0
				var out strings.Builder
				c.Stdout, c.Stderr = &out, &out
				err := c.Start()
				if err == nil && killed {
					time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = c.Process.Kill() })
				}
				if err == nil {
					err = c.Wait()
				}
				switch {
				case err == nil:
					answered.Add(1)
				case killed && strings.Contains(err.Error(), "killed"):
					killedRequests.Add(1)
				case reachedDying(out.String()):
					cut.Add(1)
				default:
					t.Errorf("%v %s", err, out.String())
				}
			}
		})
	}
	all.Go(func() {
		for time.Now().Before(until) {
			time.Sleep(rand.N(300 * time.Millisecond))
			for _, pid := range s.apps() {
				_ = unix.Kill(pid, unix.SIGKILL)
				killedApps.Add(1)
			}
		}
	})
	all.Wait()
	t.Logf("%d answered, %d reached a dying app; %d apps and %d requests killed, %d starts",
		answered.Load(), cut.Load(), killedApps.Load(), killedRequests.Load(), len(s.starts()))
	s.oneApp()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// reachedDying reports whether a request had its connection when the app was
// killed, or its start.
func reachedDying(out string) bool {
	for _, sign := range []string{"connection reset", "cut short", "broken pipe", "signal 9", "1 failed in a row"} {
		if strings.Contains(out, sign) {
			return true
		}
	}
	return false
}
