//go:build linux

package ondemand

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
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

// members returns our processes of a session.
func members(session int) []process {
	return slices.DeleteFunc(ownProcesses(), func(p process) bool { return p.session != session })
}
