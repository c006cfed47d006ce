//go:build linux

package ondemand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Without its state an app is not known. It is found and ended, and there is
// never a second one.
func TestStateIsGone(t *testing.T) {
	t.Parallel()
	gone := func(s *site) error { return os.RemoveAll(string(s.folder())) }
	for _, tt := range []struct {
		name string
		set  func(*site)
		lose func(*site) error
	}{
		{"a port", func(*site) {}, gone},
		{"auto", auto, gone},
		{"watched", watched, gone},
		{"a session of its own", func(s *site) { s.Command = testBinary(t) + " testapp -daemon" }, gone},
		{"a session whose leader has ended", func(s *site) { s.Command = testBinary(t) + " testapp & exit" }, gone},
		{"a port, file by file", func(*site) {}, (*site).mirror},
		{"auto, file by file", auto, (*site).mirror},
		{"cut", auto, func(s *site) error { return os.Truncate(s.folder().file("state"), 10) }},
		{"another folder under its name", linked, func(s *site) error {
			return errors.Join(os.Remove(s.Dir), os.Symlink(s.t.TempDir(), s.Dir))
		}},
		{"a copy under its name", linked, func(s *site) error {
			copied := s.copyOf(s.Dir)
			return errors.Join(os.Remove(s.Dir), os.Symlink(copied, s.Dir))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			tt.set(s)
			before, _ := strconv.Atoi(s.answered("/"))
			if err := tt.lose(s); err != nil {
				t.Fatal(err)
			}
			if st, err := s.Status(); err == nil && strings.Contains(fmt.Sprint(st.Rows(time.Now())), "0001") {
				t.Errorf("the status has a time that nobody knows: %v", st.Rows(time.Now()))
			}
			after := s.answered("/")
			if p, err := readProcess(before); after == strconv.Itoa(before) || err == nil && !p.ended {
				t.Errorf("process %d is still there, and %s answers", before, after)
				_ = unix.Kill(before, unix.SIGKILL)
			}
			s.stops(after)
		})
	}
}

// A START_DIR that is a link to a release, or is put in the place of another, ends the
// app of before when the requests under way are answered.
func TestOtherFolderUnderItsName(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(dir, next string) error{
		"a link": func(dir, next string) error { return errors.Join(os.Remove(dir), os.Symlink(next, dir)) },
		"moved": func(dir, next string) error {
			before, err := os.Readlink(dir)
			return errors.Join(err, os.Rename(before, before+".before"), os.Rename(next, before))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			linked(s)
			before := s.answered("/")
			slow := make(chan error, 1)
			go func() {
				_, err := s.get(t.Context(), "/slow?300ms")
				slow <- err
			}()
			eventually(t, "a request is under way", s.inUse)
			if err := change(s.Dir, t.TempDir()); err != nil {
				t.Fatal(err)
			}
			after := s.answered("/")
			if err := <-slow; err != nil {
				t.Errorf("a request under way: %v", err)
			}
			if pid, err := readProcess(number(before)); after == before || err == nil && !pid.ended {
				t.Errorf("process %s is still there, and %s answers", before, after)
				_ = unix.Kill(number(before), unix.SIGKILL)
			}
			s.stops(after)
		})
	}
}

// Two machines that share a folder end their apps in turns: the log says why.
func TestStateOfAnotherMachine(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	auto(s)
	s.answered("/")
	s.rewriteState(bootID(), "1f2e3d4c")
	if st, err := s.Status(); err != nil || !strings.Contains(st.LastExit, "another machine") {
		t.Errorf("status %+v, %v", st, err)
	}
	s.restart() // what is noted as running is looked at
	if _, err := s.get(t.Context(), "/"); err != nil {
		t.Fatal(err)
	}
	select {
	case line := <-s.warn:
		if !strings.Contains(line, "another machine's") || !strings.Contains(line, "START_DIR each") {
			t.Error(line)
		}
	default:
		t.Error("no warning")
	}
}

// Where scripts cannot tell the boot (no /proc/sys), the shell knows their app.
func TestStateOfNoBoot(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	auto(s)
	before := s.answered("/")
	s.rewriteState(bootID(), "")
	if st, err := s.Status(); err != nil || strconv.Itoa(st.PID) != before {
		t.Errorf("status %+v, %v, want process %s", st, err, before)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := s.answered("/"); after != before {
		t.Errorf("process %s, then %s", before, after)
	}
}

// A start that was ended as .cgiproxy is another by now leaves the state of who has
// started since as it is.
func TestFailedBesideAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	f := s.folder()
	if err := f.make(); err != nil {
		t.Fatal(err)
	}
	if err := f.write(&state{phase: starting, run: run{token: "now"}}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ token, want string }{{"before", starting}, {"now", failed}} {
		_ = s.failed(&state{phase: starting, run: run{token: tt.token}}, cannotRun(errors.New("ended")))
		if st, err := f.read(); err != nil || st.phase != tt.want || st.run.token != "now" {
			t.Errorf("run %s: phase %s of run %s, %v, want %s", tt.token, st.phase, st.run.token, err, tt.want)
		}
	}
}

// mirror deletes .cgiproxy as an upload does that mirrors a folder, while visitors
// come. It is not empty at the end.
func (s *site) mirror() error {
	s.t.Helper()
	files, err := os.ReadDir(string(s.folder()))
	for _, file := range files {
		if err := os.Remove(s.folder().file(file.Name())); err != nil {
			return err
		}
		s.answered("/")
	}
	return err
}

// An app that ignores SIGTERM is ended, too, where each request leaves before the
// limit, as browsers' do.
func TestStateIsGoneInAHurry(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-ignore")
	auto(s)
	before := s.answered("/")
	if err := os.RemoveAll(string(s.folder())); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another app answers", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		after, err := s.get(ctx, "/")
		return err == nil && after != before
	})
	s.oneApp()
}

// A lock on a file that was deleted is none: another process has that of its name.
func TestDeletedLock(t *testing.T) {
	f := (&App{Dir: t.TempDir()}).folder()
	defer func() { testPoint = nil }()
	testPoint = func(step string) {
		if step == "lock opened" {
			testPoint = nil
			if err := os.Remove(f.file("lock")); err != nil {
				t.Error(err)
			}
		}
	}
	if lock, err := f.lock(); err != errBusy {
		lock.Close()
		t.Errorf("got %v, want %v", err, errBusy)
	}
	lock, err := f.lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
}

// A starter whose .cgiproxy is deleted leaves no app behind that nobody knows,
// where another request has started one meanwhile.
func TestDeletedWhileStarting(t *testing.T) {
	for _, step := range []string{"starting", "spawned"} {
		t.Run(step, func(t *testing.T) {
			s := newSite(t, "")
			auto(s)
			other := ""
			defer func() { testPoint = nil }()
			testPoint = func(at string) {
				if at == step {
					testPoint = nil
					if err := os.RemoveAll(string(s.folder())); err != nil {
						t.Error(err)
					}
					other = s.answered("/")
				}
			}
			if pid, err := s.get(t.Context(), "/"); err != nil || pid != other {
				t.Errorf("process %s answers, want that of the other request, %s, %v", pid, other, err)
			}
			s.oneApp()
		})
	}
}

// Nor does one whose state alone is deleted, as an upload that mirrors a folder deletes
// one file after the other.
func TestDeletedStateWhileStarting(t *testing.T) {
	s := newSite(t, "")
	defer func() { testPoint = nil }()
	testPoint = func(at string) {
		if at == "run" {
			testPoint = nil
			if err := os.Remove(s.folder().file("state")); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := s.get(t.Context(), "/"); err != nil {
		t.Error(err)
	}
	s.oneApp()
}

// linked has the app's folder be a link, as tools that deploy releases do.
func linked(s *site) {
	folder := s.Dir
	s.Dir = filepath.Join(s.t.TempDir(), "current")
	if err := os.Symlink(folder, s.Dir); err != nil {
		s.t.Fatal(err)
	}
	auto(s)
}
