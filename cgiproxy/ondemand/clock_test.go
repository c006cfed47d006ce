//go:build linux

package ondemand

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// setClockBack has each wait that is noted begin in an hour.
func (s *site) setClockBack() {
	s.t.Helper()
	f := s.folder()
	st, err := f.read()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, began := range []*time.Time{&st.run.began, &st.run.asked, &st.run.found, &st.run.lost, &st.old.began, &st.old.asked} {
		if !began.IsZero() {
			*began = began.Add(time.Hour)
		}
	}
	if err := f.write(st); err != nil {
		s.t.Fatal(err)
	}
	if name, _ := f.findUse(); strings.HasPrefix(name, stoppingPrefix) {
		if err := f.openGate(stoppingPrefix + strconv.FormatInt(time.Now().Add(time.Hour).UnixNano(), 10)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// A clock that is set back in the middle of a wait makes it no longer than one that
// begins then, also where only browsers come, of which none stays for all of it.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		flags string
		set   func(*site)
		begin func(s *site, before string) // a wait, which a browser has left
	}{
		{"requests under way", "", socket, func(s *site, _ string) {
			s.restartUnderStream("1s")
			s.browse()
		}},
		{"ignores SIGTERM", "-ignore", func(*site) {}, func(s *site, _ string) {
			s.write("kill-limit", "1s")
			s.restart()
			s.browse()
		}},
		{"killed beside a helper", "", helped, func(s *site, before string) {
			_ = unix.Kill(number(before), unix.SIGKILL)
			eventually(s.t, "the app is gone", func() bool { return len(s.apps()) == 0 })
			s.browse()
		}},
		{"a new app on probation", "", auto, func(s *site, _ string) {
			s.restart()
			eventually(s.t, "it listens", func() bool {
				s.browse()
				st, err := s.folder().read()
				return err == nil && !st.run.found.IsZero()
			})
		}},
		{"a new app that does not listen", "", auto, func(s *site, before string) {
			s.restart()
			s.Command = "if ! test -e bind; then touch bind; exec sleep 1000; fi; " + s.Command
			s.Timeout = 2 * time.Second
			s.browse()
			s.setClockBack()
			if pid, answered, failure := s.browse(); !answered || pid != before {
				s.t.Errorf("process %s, then %q, %s, want that it goes on", before, pid, failure)
			}
			eventually(s.t, "it is given up", func() bool {
				s.browse()
				st, err := s.folder().read()
				return err == nil && st.unreplaced != ""
			})
			s.restart()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, tt.flags)
			tt.set(s)
			before := s.answered("/")
			tt.begin(s, before)
			s.setClockBack()
			s.stops(s.browses(before))
		})
	}
}
