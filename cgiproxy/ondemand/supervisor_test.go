//go:build linux

package ondemand

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A supervisor that was there before starts the app, with an environment of its own.
// It is not ended with it, nor is what else is in its session.
func TestSupervisor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, supervisor, starts string }{
		{"the app in a session of its own", "%s wait", "setsid "},
		{"the app in its session", "%s wait", ""},
		{"in its session, whose leader has ended", "%s", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			auto(s)
			s.Command = "echo $PORT >port.new && mv port.new port"
			supervisor := exec.Command("/bin/sh", "-c", fmt.Sprintf(tt.supervisor, `while sleep 0.05; do
				if mv port now; then PORT=$(cat now) `+tt.starts+testBinary(t)+` testapp & fi
			done & sleep 1000 &`))
			supervisor.Dir, supervisor.SysProcAttr = s.Dir, &syscall.SysProcAttr{Setsid: true}
			if err := supervisor.Start(); err != nil {
				t.Fatal(err)
			}
			session := supervisor.Process.Pid
			go supervisor.Wait()
			t.Cleanup(func() {
				for _, p := range members(session) {
					_ = unix.Kill(p.pid, unix.SIGKILL)
				}
			})
			eventually(t, "the supervisor is there for a tick of the kernel's clock", func() bool {
				there := members(session)
				return slices.ContainsFunc(there, func(p process) bool { return p.start > there[0].start })
			})
			pid, err := s.get(context.Background(), "/")
			if err != nil {
				t.Fatal(err)
			}
			if again, err := s.get(context.Background(), "/"); err != nil || again != pid || len(s.starts()) != 1 {
				t.Errorf("process %s, then %s, %v; %d starts, want 1", pid, again, err, len(s.starts()))
			}
			s.stops(pid)
			if left := members(session); len(left) < 2 {
				t.Errorf("the supervisor's session has %v left, want its two processes", left)
			}
		})
	}
}

// A daemon that was there before, pm2 in cluster mode for one, listens itself for the
// app: that is started once, and the daemon is never ended.
func TestHostedApp(t *testing.T) {
	t.Parallel()
	for name, theirs := range map[string]string{"its owner's": "", "another site's": "1234567890abcdef-x /nowhere"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ctx := newSite(t, ""), t.Context()
			auto(s)
			daemon := exec.Command(testBinary(t), "testapp", "-await", "port")
			daemon.Dir, daemon.SysProcAttr = s.Dir, &syscall.SysProcAttr{Setsid: true}
			if theirs != "" {
				daemon.Env = append(os.Environ(), tokenName+"="+theirs)
			}
			if err := daemon.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- daemon.Wait() }()
			eventually(t, "the daemon is there", func() bool { return len(s.starts()) == 1 })
			s.Command = "echo $PORT >port.new && mv port.new port; echo $PORT >>asked"
			for range 3 {
				if pid, err := s.get(ctx, "/"); err != nil || pid != strconv.Itoa(daemon.Process.Pid) {
					t.Fatalf("process %s answers, want the daemon, %d, %v", pid, daemon.Process.Pid, err)
				}
			}
			asked, _ := os.ReadFile(s.Dir + "/asked")
			if n := strings.Count(string(asked), "\n"); n != 1 {
				t.Errorf("it was asked %d times for an app, want once", n)
			}
			if st, err := s.Status(); err != nil || st.Phase != running || !st.Running {
				t.Errorf("status %+v, %v", st, err)
			}
			if err := s.Stop(ctx); err == nil || !strings.Contains(err.Error(), "not started here") {
				t.Errorf("stop: %v", err)
			}
			select {
			case err := <-ended:
				t.Errorf("the daemon has ended: %v", err)
			default:
			}
		})
	}
}

// members returns our processes of a session.
func members(session int) []process {
	return slices.DeleteFunc(ownProcesses(), func(p process) bool { return p.session != session })
}
