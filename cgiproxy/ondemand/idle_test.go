//go:build linux

package ondemand

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// idle is an app that is stopped as soon as it is not used.
func idle(t *testing.T, flags string) *site {
	s := newSite(t, flags)
	s.IdleStop = 200 * time.Millisecond
	s.write("watch-period", "50ms")
	return s
}

func (s *site) gone() bool { return len(s.apps()) == 0 }

func TestIdleStop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, flags string }{
		{"as it should be", ""},
		{"ignores SIGTERM", "-ignore"},
		{"in a session of its own", "-daemon"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := idle(t, tt.flags)
			s.write("kill-limit", "200ms")
			stream := make(chan error, 1)
			go func() {
				_, err := s.get(context.Background(), "/stream")
				stream <- err
			}()
			// Thirty looks of the watcher.
			eventually(t, "the stream is under way", s.inUse)
			time.Sleep(1500 * time.Millisecond)
			if s.gone() {
				t.Fatal("an app with a stream is in use")
			}
			s.write("stream-end", "")
			if err := <-stream; err != nil {
				t.Fatal(err)
			}
			eventually(t, "the app is stopped", s.gone)
			eventually(t, "the watcher has ended", func() bool { return len(s.others()) == 0 })
			st, err := s.Status()
			if err != nil || st.Phase != stopped || st.LastExit != "stopped after 200ms without a request" || st.Running {
				t.Errorf("status %+v, %v", st, err)
			}
			if _, err := s.get(context.Background(), "/"); err != nil {
				t.Error(err)
			}
		})
	}
}

// An app whose .cgiproxy was deleted is stopped all the same.
func TestIdleStopWithoutState(t *testing.T) {
	t.Parallel()
	s := idle(t, "")
	s.answered("/")
	if err := os.RemoveAll(string(s.folder())); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the app is stopped", s.gone)
	eventually(t, "the watcher has ended", func() bool { return len(s.others()) == 0 })
}

// others returns our processes in the folder that are not the app.
func (s *site) others() (names []string) {
	for _, p := range ownProcesses() {
		folder := "/proc/" + strconv.Itoa(p.pid)
		cwd, _ := os.Readlink(folder + "/cwd")
		command, _ := os.ReadFile(folder + "/cmdline")
		if cwd == s.Dir && !strings.Contains(string(command), "\x00testapp\x00") {
			names = append(names, string(command))
		}
	}
	return names
}

// Requests all the time, each of them short: that is use, too.
func TestBusyIsNotIdle(t *testing.T) {
	t.Parallel()
	s := idle(t, "")
	for until := time.Now().Add(2 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if _, err := s.get(context.Background(), "/"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.starts()); n != 1 {
		t.Errorf("%d starts, want 1", n)
	}
}

// Requests just when the app is stopped: they wait, and start it again.
func TestIdleStopsUnderRequests(t *testing.T) {
	t.Parallel()
	s := idle(t, "")
	s.IdleStop = time.Millisecond
	for i := range 60 {
		if _, err := s.get(context.Background(), "/"); err != nil {
			t.Fatalf("request %d, %d starts: %v", i, len(s.starts()), err)
		}
		time.Sleep(time.Duration(i) * 2 * time.Millisecond)
	}
	if n := len(s.starts()); n < 2 {
		t.Errorf("%d starts", n)
	}
}

func TestWatcherKnowsTheEnd(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"", "-daemon"} {
		s := newSite(t, flags)
		s.IdleStop = time.Hour
		s.write("watch-period", "50ms")
		ctx := context.Background()
		if _, err := s.get(ctx, "/"); err != nil {
			t.Fatal(err)
		}
		_, _ = s.get(ctx, "/exit")
		eventually(t, "the watcher has ended", func() bool { return len(s.others()) == 0 })
		if st, err := s.Status(); err != nil || st.LastExit != "ended by itself with status 5" {
			t.Errorf("%q: status %+v, %v", flags, st, err)
		}
	}
}

// The watcher becomes the new program, goes on with the same app, and stays with
// what it is if the new one does not run.
func TestWatcherIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.IdleStop = time.Hour
	s.write("watch-period", "50ms")
	s.Executable = s.Dir + "/proxy.cgi"
	copyTo(t, s.Executable, "")
	if _, err := s.get(context.Background(), "/"); err != nil {
		t.Fatal(err)
	}
	runs := func() string {
		for _, p := range ownProcesses() {
			folder := "/proc/" + strconv.Itoa(p.pid)
			if command, _ := os.ReadFile(folder + "/cmdline"); strings.HasPrefix(string(command), s.Executable+"\x00app\x00watch\x00"+"1h") {
				exe, _ := os.Readlink(folder + "/exe")
				return strconv.Itoa(p.pid) + exe
			}
		}
		return ""
	}
	before := runs()
	copyTo(t, s.Executable, "#!/bin/sh\nexit 1\n")
	eventually(t, "the old program is deleted", func() bool { return strings.HasSuffix(runs(), "(deleted)") })
	time.Sleep(1500 * time.Millisecond) // until it has been tried
	copyTo(t, s.Executable, "")
	eventually(t, "the new program runs as the same process", func() bool { return runs() == before })
	_, _ = s.get(context.Background(), "/exit")
	eventually(t, "the watcher has ended", func() bool { return runs() == "" })
	if st, err := s.Status(); err != nil || st.LastExit != "ended by itself with status 5" {
		t.Errorf("status %+v, %v", st, err)
	}
}

// One that did not run for a reason that has passed is tried again.
func TestWatcherIsReplacedLater(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.IdleStop = time.Hour
	s.write("watch-period", "50ms")
	s.Executable = s.Dir + "/proxy.cgi"
	copyTo(t, s.Executable, "")
	s.served()
	copyTo(t, s.Executable, "#!/bin/sh\ntest -e passes || { touch tried; exit 1; }\ntouch \"took-over-$3\"\n")
	eventually(t, "it is tried", func() bool { return s.exists("tried") })
	s.write("passes", "")
	eventually(t, "it takes over", func() bool { return s.exists("took-over-1h0m0s") })
}

// In FastCGI the old program goes on where the new one does not run: it starts the app
// by what runs, and not by what is at its path.
func TestStartOfReplacedProgram(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*site){"not watched": func(*site) {}, "watched": watched} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			set(s)
			s.Executable = ""
			lock, err := s.folder().lock()
			if err != nil {
				t.Fatal(err)
			}
			program := s.Dir + "/proxy.cgi"
			copyTo(t, program, "")
			request := s.process("/")
			request.Path = program
			var said strings.Builder
			request.Stderr = &said
			if err := request.Start(); err != nil {
				t.Fatal(err)
			}
			copyTo(t, program, "#!/bin/sh\nexit 1\n")
			lock.Close()
			if err := request.Wait(); err != nil {
				t.Errorf("%v: %s", err, said.String())
			}
		})
	}
}

// copyTo puts a program in the place of another, as an upload does: this one or
// a script.
func copyTo(t *testing.T, path, script string) {
	t.Helper()
	if script == "" {
		if out, err := exec.Command("cp", testBinary(t), path+".new").CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	} else if err := os.WriteFile(path+".new", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// A watcher sees the end of its app when that comes, and not half a minute
// later when it looks around. (Its thread was not always the one that the kernel
// wakes up.)
func TestWatcherEndsWithApp(t *testing.T) {
	t.Parallel()
	for i := range 3 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			s.IdleStop = time.Hour
			for range 8 {
				if _, err := s.get(context.Background(), "/"); err != nil {
					t.Fatal(err)
				}
				if len(s.others()) != 1 {
					t.Errorf("beside the app run %q, want the watcher", s.others())
				}
				time.Sleep(100 * time.Millisecond) // it goes to sleep
				if err := s.Stop(context.Background()); err != nil {
					t.Fatal(err)
				}
				stopped := time.Now()
				eventually(t, "the watcher has ended", func() bool { return len(s.others()) == 0 })
				if took := time.Since(stopped); took > watchPeriod/2 {
					t.Fatalf("the watcher saw it after %v", took)
				}
			}
		})
	}
}

// An app that goes on where a new version does not start is still watched.
func TestIdleAfterFailedReplacement(t *testing.T) {
	t.Parallel()
	s := idle(t, "")
	auto(s)
	s.IdleStop, s.Timeout = 3*time.Second, time.Second // which the watcher sees begin
	s.Command = "if test -e new; then sleep 1000; fi; " + s.Command
	before := s.answered("/")
	s.write("new", "")
	s.restart()
	if after := s.answered("/"); after != before {
		t.Fatalf("process %s, then %s", before, after)
	}
	eventually(t, "the app is stopped", func() bool {
		st, err := s.Status()
		return err == nil && st.LastExit == "stopped after 3s without a request"
	})
}
