package command

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// The limits are those of another process where they are lower there. It is
// tried with one that no test needs.
func TestBoundLimits(t *testing.T) {
	const resource = unix.RLIMIT_MSGQUEUE
	limit := func(pid int, set *unix.Rlimit) (is unix.Rlimit) {
		t.Helper()
		if err := unix.Prlimit(pid, resource, set, &is); err != nil {
			t.Skipf("no limits of others here: %v", err)
		}
		return is
	}
	first := exec.Command("sleep", "60")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		first.Process.Kill()
		first.Wait()
	})
	before := limit(0, nil)
	lower := unix.Rlimit{Cur: 0, Max: before.Max - 1}
	limit(first.Process.Pid, &lower)
	if err := boundLimitsBy(first.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if want := (unix.Rlimit{Cur: min(before.Cur, lower.Max), Max: lower.Max}); limit(0, nil) != want {
		t.Errorf("got %+v, want %+v", limit(0, nil), want)
	}
}
