//go:build linux

package ondemand

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// copyOf copies a folder with all that is in it.
func (s *site) copyOf(folder string) (copied string) {
	s.t.Helper()
	copied = filepath.Join(s.t.TempDir(), "copy")
	if out, err := exec.Command("cp", "-a", folder+"/.", copied).CombinedOutput(); err != nil {
		s.t.Fatalf("cp: %v: %s", err, out)
	}
	return copied
}

// A site that was copied with its .cgiproxy has no app yet: neither does that of
// the original answer for it, nor is it ended.
func TestCopiedSite(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*site){"a port": func(*site) {}, "auto": auto, "watched": watched} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			set(s)
			ctx := context.Background()
			theirs := s.answered("/")
			c := newSite(t, "")
			set(c)
			c.Dir, c.RestartFiles = s.copyOf(s.Dir), nil
			if st, err := c.Status(); err != nil || st.PID != 0 {
				t.Errorf("before it was started: status %+v, %v", st, err)
			}
			command := c.Command
			c.Command = "exit 3"
			if pid, err := c.get(ctx, "/"); err == nil {
				t.Errorf("a copy that does not start: process %s answers", pid)
			}
			c.Command = command
			if ours := c.answered("/"); ours == theirs {
				t.Errorf("the original's process %s answers", ours)
			}
			if err := c.Stop(ctx); err != nil {
				t.Error(err)
			}
			if again := s.answered("/"); again != theirs {
				t.Errorf("the original's process was %s and is %s", theirs, again)
			}
			if apps := s.apps(); len(apps) != 1 || strconv.Itoa(apps[0]) != theirs {
				t.Errorf("apps %v, want %s", apps, theirs)
			}
		})
	}
}
