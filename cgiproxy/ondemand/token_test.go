//go:build linux

package ondemand

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// byHand starts the test app at a port as its owner does at a shell: in a session
// that has another process.
func (s *site) byHand(port string) (shell int) {
	s.t.Helper()
	c := exec.Command("/bin/sh", "-c", "sleep 1000 & "+testBinary(s.t)+" testapp -port "+port+"; wait")
	c.Dir, c.SysProcAttr = s.Dir, &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = unix.Kill(-c.Process.Pid, unix.SIGKILL); _ = c.Wait() })
	eventually(s.t, "what was started by hand listens", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return c.Process.Pid
}

// kill ends the app as a host does, and returns the port it had.
func (s *site) kill() (port string) {
	s.t.Helper()
	st, err := s.folder().read()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, pid := range s.apps() {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	eventually(s.t, "the app is gone", func() bool { return !st.run.alive() })
	_, port, _ = net.SplitHostPort(st.run.addresses[0])
	return port
}

// What the owner starts by hand on the port of an app that was killed is not
// ended, nor is what else is in his session.
func TestStartedByHand(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*site){
		"a session of its own": func(s *site) { s.Command = testBinary(s.t) + " testapp -daemon" },
		"the command":          func(*site) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			set(s)
			s.answered("/")
			shell := s.byHand(s.kill())
			before := s.answered("/")
			s.restart()
			if after, err := s.get(t.Context(), "/"); err != nil || after != before {
				t.Errorf("process %s, then %s, %v", before, after, err)
			}
			select {
			case line := <-s.warn:
				if !strings.Contains(line, "not restarted") || !strings.Contains(line, "not started here") {
					t.Error(line)
				}
			default:
				t.Error("no warning that it is not restarted")
			}
			if st, err := s.Status(); err != nil || !strings.Contains(st.Listener, "started elsewhere") {
				t.Errorf("status %+v, %v", st, err)
			}
			if err := s.Stop(context.Background()); err == nil || !strings.Contains(err.Error(), "not started here") {
				t.Errorf("stop: %v", err)
			}
			if left := members(shell); len(left) != 3 {
				t.Errorf("%d processes are left of the session, want 3", len(left))
			}
		})
	}
}

// A port of an app that is gone, of this boot or of one before, is another
// site's as soon as it has it.
func TestPortOfAnother(t *testing.T) {
	t.Parallel()
	for _, boot := range []string{"this boot", "another boot"} {
		t.Run(boot, func(t *testing.T) {
			t.Parallel()
			s, ctx := newSite(t, ""), context.Background()
			auto(s)
			s.answered("/")
			port := s.kill()
			if boot == "another boot" {
				s.rewriteState(bootID(), "1f2e3d4c")
			}
			other := newSite(t, "")
			other.Addresses = []string{"127.0.0.1:" + port}
			theirs, err := other.get(ctx, "/")
			if err != nil {
				t.Fatal(err)
			}
			if st, err := s.Status(); err != nil || st.Running || st.Listener != "nobody" {
				t.Errorf("status %+v, %v", st, err)
			}
			if ours := s.answered("/"); ours == theirs {
				t.Errorf("the other site's process %s answers", ours)
			}
			if err := s.Restart(ctx); err != nil {
				t.Error(err)
			}
			if again, err := other.get(ctx, "/"); err != nil || again != theirs {
				t.Errorf("the other site's process was %s, is %s, %v", theirs, again, err)
			}
		})
	}
}

// The number of a session that has ended is another's one day: what that one has
// left behind is not ended.
func TestSessionOfAnother(t *testing.T) {
	t.Parallel()
	job := exec.Command("sh", "-c", "sleep 1000 & exit")
	job.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := job.Run(); err != nil {
		t.Fatal(err)
	}
	r := run{pid: job.Process.Pid, start: 1, token: "another's"}
	left := members(r.pid)
	if len(left) != 1 {
		t.Fatalf("the session has %v left, want one", left)
	}
	t.Cleanup(func() { _ = unix.Kill(left[0].pid, unix.SIGKILL) })
	if found := r.processes(); len(found) != 0 {
		t.Errorf("taken for the app's: %v", found)
	}
}

// An app whose first listener ends, as with one that goes into the background when
// it listens, is not looked for with each request.
func TestListenerGoes(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	auto(s)
	before := s.answered("/")
	st, err := s.folder().read()
	if err != nil {
		t.Fatal(err)
	}
	st.run.app, st.run.appStart = 1, 1 // which is not it
	if err := s.folder().write(st); err != nil {
		t.Fatal(err)
	}
	if after := s.answered("/"); after != before {
		t.Errorf("process %s, then %s", before, after)
	}
	if st, err := s.folder().read(); err != nil || strconv.Itoa(st.run.app) != before {
		t.Errorf("the state has process %d, want %s, %v", st.run.app, before, err)
	}
}

func (s *site) rewriteState(from, to string) {
	s.t.Helper()
	text, err := os.ReadFile(s.folder().file("state"))
	if err != nil || !strings.Contains(string(text), from) {
		s.t.Fatalf("no %q in %s, %v", from, text, err)
	}
	s.write(".cgiproxy/state", strings.Replace(string(text), from, to, 1))
}

// Neither a long environment hides the token, nor a long state itself.
func TestReadFile(t *testing.T) {
	f := folder(t.TempDir())
	want := &state{phase: running, exit: strings.Repeat("x", 50000)}
	if err := f.write(want); err != nil {
		t.Fatal(err)
	}
	if got, err := f.read(); err != nil || got.exit != want.exit {
		t.Errorf("a state of 50000 bytes: %d, %v", len(got.exit), err)
	}
	if err := os.Truncate(f.file("state"), maxSmall+1); err != nil {
		t.Fatal(err)
	}
	if _, err := f.read(); err == nil {
		t.Error("a state that is too long: no error")
	}
}
