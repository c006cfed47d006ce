//go:build linux

package ondemand

import (
	"context"
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// crashBesideHelper starts the app on a port of its own and kills it beside another
// process of its session. It returns the state of before.
func (s *site) crashBesideHelper() *state {
	s.t.Helper()
	auto(s)
	s.Command = "sleep 1000 & " + s.Command
	s.answered("/")
	st, err := s.folder().read()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, pid := range s.apps() {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	eventually(s.t, "the app is gone, and the helper is not", func() bool { return len(s.apps()) == 0 && st.run.alive() })
	return st
}

// The port of an app that has ended may be another one's by now, also while a helper
// that it has left behind lives on.
func TestPortOfAnotherBesideHelper(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t, ""), context.Background()
	st := s.crashBesideHelper()
	other := newSite(t, "")
	_, port, _ := net.SplitHostPort(st.run.addresses[0])
	other.Addresses = []string{"127.0.0.1:" + port}
	theirs, err := other.get(ctx, "/")
	if err != nil {
		t.Fatal(err)
	}
	if st, err := s.Status(); err != nil || st.Running {
		t.Errorf("status %+v, %v", st, err)
	}
	if ours := s.answered("/"); ours == theirs {
		t.Errorf("the other site's process %s answers", ours)
	}
	if again, err := other.get(ctx, "/"); err != nil || again != theirs {
		t.Errorf("the other site's process was %s, is %s, %v", theirs, again, err)
	}
}

// A port that another user has taken, while a helper of the app lives, is left to
// him: a new one is chosen.
func TestPortOfStrangerBesideHelper(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	st := s.crashBesideHelper()
	taken := st.run.addresses[0]
	l, err := net.Listen("tcp", taken)
	if err != nil {
		t.Skipf("another program has taken the port before us: %v", err)
	}
	defer l.Close()
	s.Connect = owned(func(c net.Conn) error {
		if c.RemoteAddr().String() == taken {
			return errors.New("user 1234's")
		}
		return nil
	})
	s.answered("/")
}
