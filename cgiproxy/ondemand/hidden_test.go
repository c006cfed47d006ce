//go:build linux

package ondemand

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// An app whose program may be run and not read keeps its environment and descriptors
// from its own user, and with hidepid is not shown at all. It is known where it leads
// the session of its command, or is in it. Where nothing tells what it is, it goes on,
// and the log says so: one app more with each request would be worse.
func TestHiddenApp(t *testing.T) {
	t.Parallel()
	port := func(*site) {}
	for _, tt := range []struct {
		name, command string
		set           func(*site)
		hidepid, seen bool
	}{
		{"it leads its session", "exec %s testapp", auto, false, true},
		{"its leader has ended", "%s testapp & exit 0", auto, false, true},
		{"a daemon", "exec %s testapp -daemon", auto, false, false},
		{"a daemon, a port", "exec %s testapp -daemon", port, false, false},
		{"hidepid, it leads its session", "exec %s testapp", auto, true, true},
		{"hidepid, a port", "exec %s testapp", port, true, true},
		{"hidepid, its leader has ended", "%s testapp & exit 0", auto, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			tt.set(s)
			s.belongsTo(nobody)
			program := s.Dir + "/closed.program"
			copyTo(t, program, "")
			if err := os.Chmod(program, 0o711); err != nil {
				t.Fatal(err)
			}
			s.Command = strings.Replace(tt.command, "%s", program, 1)
			get := func() (pid, said string) {
				t.Helper()
				c := s.unprivileged(tt.hidepid)
				var errors strings.Builder
				c.Stderr = &errors
				out, err := c.Output()
				if err != nil {
					t.Fatalf("%v %s", err, &errors)
				}
				return string(out), errors.String()
			}
			before, said := get()
			if !tt.seen != strings.Contains(said, "cannot be seen") {
				t.Errorf("at the start it says %q", said)
			}
			for range 3 {
				if pid, _ := get(); pid != before {
					t.Errorf("process %s, then %s", before, pid)
				}
			}
			s.restart()
			after, said := get()
			if (after != before) != tt.seen || !tt.seen != strings.Contains(said, "cannot be seen") {
				t.Errorf("a restart: process %s, then %s; it says %q", before, after, said)
			}
			eventually(t, "one app is left", func() bool { return len(s.apps()) == 1 })
			if apps := s.apps(); strconv.Itoa(apps[0]) != after {
				t.Errorf("apps %v, want %s", apps, after)
			}
			if tt.seen {
				return
			}
			if err := os.Chown(string(s.folder()), os.Geteuid(), -1); err != nil { // only its owner may stop it
				t.Fatal(err)
			}
			if err := s.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be seen") {
				t.Errorf("stop: %v", err)
			}
			if st, err := s.Status(); err != nil || st.Phase != running || !st.Running || !strings.Contains(st.Listener, "cannot be seen") {
				t.Errorf("status %+v, %v", st, err)
			}
		})
	}
}

// unprivileged is a request of nobody's, on a host that hides what may not be traced.
func (s *site) unprivileged(hidepid bool) *exec.Cmd {
	s.t.Helper()
	request := s.process("/")
	if !hidepid {
		c := as(s.t, nobody, request)
		c.Path = s.Executable
		return c
	}
	id := strconv.Itoa(nobody)
	c := exec.Command("unshare", "-m", "sh", "-c", `mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid `+id+` --regid `+id+` --clear-groups "$@"`, "sh", s.Executable)
	c.Args, c.Dir = append(c.Args, request.Args[1:]...), s.Dir
	if out, err := exec.Command("unshare", "-m", "mount", "-t", "proc", "-o", "hidepid=2", "proc", "/proc").CombinedOutput(); err != nil {
		s.t.Skipf("needs a /proc of its own: %v %s", err, out)
	}
	return c
}
