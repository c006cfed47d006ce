//go:build linux

package ondemand

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Restarts while 8 clients ask, and not one request fails.
func TestRestartUnderLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		set  func(*site)
	}{
		{"a port", func(*site) {}},
		{"a socket", socket},
		{"auto", auto},
		{"watched", watched},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, "")
			tt.set(s)
			ctx := context.Background()
			first, err := s.get(ctx, "/")
			if err != nil {
				t.Fatal(err)
			}
			var done atomic.Bool
			var requests atomic.Int64
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for !done.Load() {
						if _, err := s.get(ctx, "/slow?5ms"); err != nil {
							t.Error(err)
							return
						}
						requests.Add(1)
					}
				})
			}
			for range 4 {
				s.restart()
				now := requests.Load()
				pid, err := s.get(ctx, "/")
				if err != nil || pid == first {
					t.Errorf("after a restart: process %s, before %s, %v", pid, first, err)
				}
				first = pid
				eventually(t, "requests are answered", func() bool { return requests.Load() > now+20 || t.Failed() })
			}
			if err := s.Restart(ctx); err != nil {
				t.Error(err)
			}
			done.Store(true)
			all.Wait()
			if n := len(s.starts()); n != 6 {
				t.Errorf("%d starts, want 6", n)
			}
			eventually(t, "one app is left", func() bool { return len(s.apps()) == 1 })
		})
	}
}

func TestWhatRestarts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, tt := range []struct {
		name  string
		does  func(s *site, file string)
		again bool
	}{
		{"nothing", func(*site, string) {}, false},
		{"the file has changed", func(s *site, _ string) { s.restart() }, true},
		{"the file is older than before", func(_ *site, file string) {
			old := time.Now().Add(-time.Hour)
			_ = os.Chtimes(file, old, old)
		}, true},
		{"the file is uploaded in place with the time it had", func(s *site, file string) {
			before, err := os.Stat(file)
			eventually(s.t, "the clock of the file system goes on", func() bool { // in steps of some milliseconds
				s.write("other", "")
				other, err := os.Stat(s.Dir + "/other")
				return err == nil && other.ModTime().After(before.ModTime())
			})
			text, _ := os.ReadFile(file)
			s.write("restart.txt", string(text))
			if err := errors.Join(err, os.Chtimes(file, before.ModTime(), before.ModTime())); err != nil {
				s.t.Fatal(err)
			}
		}, true},
		{"the file is gone", func(_ *site, file string) { _ = os.Remove(file) }, false},
		{"another file appears", func(s *site, _ string) { s.write("other.txt", "") }, true},
		{"it is asked for, and no log can be opened", func(s *site, _ string) { s.spoilLog(); s.restart() }, false},
		{"restart at the shell, and no log can be opened", func(s *site, _ string) { s.spoilLog(); _ = s.Restart(ctx) }, false},
		{"another command", func(s *site, _ string) { s.Command += " -delay 1ms" }, true},
		{"another environment", func(s *site, _ string) { s.Env = []string{"A=1"} }, true},
		{"another log", func(s *site, _ string) { s.Log = filepath.Join(s.Dir, "other.log") }, true},
		{"the same log, named", func(s *site, _ string) { s.Log = s.log() }, false},
		{"a time without visitors to stop after", func(s *site, _ string) { s.IdleStop = time.Hour }, true},
		{"a value that only this process has", func(s *site, _ string) { s.Passing = []string{"A=1"} }, false},
		{"the app is killed", func(s *site, _ string) {
			_, _ = s.get(ctx, "/exit")
			eventually(s.t, "the app is gone", func() bool { return len(s.apps()) == 0 })
		}, true},
		{"restart at the shell", func(s *site, _ string) { _ = s.Restart(ctx) }, true},
		{"stop at the shell", func(s *site, _ string) { _ = s.Stop(ctx) }, true},
		{"start at the shell", func(s *site, _ string) { _ = s.Start(ctx) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			s.restart()
			s.RestartFiles = append(s.RestartFiles, filepath.Join(s.Dir, "other.txt"))
			before, err := s.get(ctx, "/")
			if err != nil {
				t.Fatal(err)
			}
			tt.does(s, s.RestartFiles[0])
			for range 2 { // the second time nothing asks for it
				if _, err := s.get(ctx, "/"); err != nil {
					t.Fatal(err)
				}
			}
			starts := 1
			if tt.again {
				starts = 2
			}
			after, _ := s.get(ctx, "/")
			if len(s.starts()) != starts || (after != before) != tt.again {
				t.Errorf("%d starts, want %d; process %s, then %s", len(s.starts()), starts, before, after)
			}
		})
	}
}

// With Auto an app that does not start leaves the old one where it is.
func TestFailedReplacement(t *testing.T) {
	for name, broken := range map[string]string{
		"before it listens": "echo the reason; exit 3",
		"after it listens":  "echo the reason; exec " + testBinary(t) + " testapp -brief 300ms",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkFailedReplacement(t, broken)
		})
	}
}

func checkFailedReplacement(t *testing.T, broken string) {
	t.Helper()
	s := newSite(t, "")
	auto(s)
	ctx := context.Background()
	s.Command = "if test -e broken; then " + broken + "; fi; " + s.Command
	before, err := s.get(ctx, "/")
	if err != nil {
		t.Fatal(err)
	}
	s.write("broken", "")
	s.restart()
	for range 3 {
		if after, err := s.get(ctx, "/"); err != nil || after != before {
			t.Fatalf("process %s, then %s, %v", before, after, err)
		}
	}
	select {
	case line := <-s.warn:
		if !strings.Contains(line, "status 3") || !strings.Contains(line, "the reason") {
			t.Error(line)
		}
	default:
		t.Error("no warning")
	}
	if st, err := s.Status(); err != nil || strconv.Itoa(st.PID) != before || st.Phase != running || !strings.Contains(st.Unreplaced, "status 3") || st.LastExit != "" {
		t.Errorf("status %+v, %v", st, err)
	}
	if err := os.Remove(s.Dir + "/broken"); err != nil {
		t.Fatal(err)
	}
	s.restart()
	if after, err := s.get(ctx, "/"); err != nil || after == before {
		t.Fatalf("process %s, then %s, %v", before, after, err)
	}
	if st, err := s.Status(); err != nil || st.Unreplaced != "" {
		t.Errorf("after a restart that succeeded: status %+v, %v", st, err)
	}
	s.write("broken", "")
	s.restart()
	if _, err := s.get(ctx, "/"); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Status(); err != nil || st.Unreplaced == "" {
		t.Errorf("after another that failed: status %+v, %v", st, err)
	}
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Status(); err != nil || st.Unreplaced != "" {
		t.Errorf("after a stop: status %+v, %v", st, err)
	}
	if err := os.Remove(s.Dir + "/broken"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.get(ctx, "/"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one app is left", func() bool { return len(s.apps()) == 1 })
}

// A restart that nothing was ended for is told of until there is another.
func TestRefusedRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	before := s.answered("/")
	s.spoilLog()
	s.restart()
	s.answered("/")
	if st, err := s.Status(); err != nil || !strings.Contains(st.Unreplaced, "app.log") {
		t.Errorf("the restart failed by %q, %v, want its log named", st.Unreplaced, err)
	}
	if err := os.Remove(s.log()); err != nil {
		t.Fatal(err)
	}
	s.restart()
	after := s.answered("/")
	if st, err := s.Status(); err != nil || st.Unreplaced != "" || after == before {
		t.Errorf("after another restart process %s, then %s; failed by %q, %v", before, after, st.Unreplaced, err)
	}
}

// spoilLog puts into the log's place what cannot be one, as a rotated one that is root's.
func (s *site) spoilLog() {
	s.t.Helper()
	if err := errors.Join(os.Remove(s.log()), os.Mkdir(s.log(), 0o700)); err != nil {
		s.t.Fatal(err)
	}
}
