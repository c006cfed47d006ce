//go:build linux

package ondemand

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// A port that was free when it was chosen may have been chosen for two sites: the
// one whose app comes second does not show the other's, and is given another port.
func TestPortOfTwo(t *testing.T) {
	t.Parallel()
	s, ctx := newSite(t, ""), context.Background()
	auto(s)
	s.Command = "while test ! -e bind; do sleep 0.02; done; " + s.Command
	got := make(chan string, 1)
	go func() {
		pid, err := s.get(ctx, "/")
		got <- fmt.Sprint(pid, err)
	}()
	var address string
	eventually(t, "a port is chosen", func() bool {
		st, err := s.folder().read()
		if err == nil && len(st.run.addresses) > 0 && st.run.pid != 0 {
			address = st.run.addresses[0]
		}
		return address != ""
	})
	other := newSite(t, "")
	other.Addresses = []string{address}
	theirs, err := other.get(ctx, "/")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "bind"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if first := <-got; !strings.Contains(first, address+" listens process "+theirs+" of another site's app, in "+other.Dir) {
		t.Errorf("the second got %q; the first app is process %s", first, theirs)
	}
	eventually(t, "it is started on another port", func() bool {
		pid, err := s.get(ctx, "/")
		return err == nil && pid != theirs
	})
	s.oneApp()
	if again, err := other.get(ctx, "/"); err != nil || again != theirs {
		t.Errorf("the first app was process %s, is %s, %v", theirs, again, err)
	}
}

// A port that another user has taken, while a helper of the app lives, is left to
// him: a new one is chosen.
func TestPortOfStrangerBesideHelper(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.takePort(s.crashBesideHelper().run.addresses[0])
	s.served()
}

// An app that closes its listener to reload itself, and whose port another user
// takes before it can bind again, is ended, and started on another port: also by
// requests that leave before it is given up.
func TestPortOfStrangerWhileReloading(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		get  func(*site) string
	}{
		{"a client that waits", (*site).served},
		{"browsers only", (*site).servedBrowser},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			auto(s)
			before := s.served()
			st, err := s.folder().read()
			if err != nil {
				t.Fatal(err)
			}
			_ = unix.Kill(st.run.app, unix.SIGHUP)
			eventually(t, "the app has closed its listener", func() bool { return !s.listens() })
			s.takePort(st.run.addresses[0])
			if after := tt.get(s); after == before || len(s.starts()) != 2 {
				t.Errorf("process %s, then %s; %d starts, want 2", before, after, len(s.starts()))
			}
			s.oneApp()
		})
	}
}

// takePort has a listener at an address that is another user's for the site: only
// for requests of this process, as the function cannot be passed on.
func (s *site) takePort(address string) {
	s.t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Skipf("another program has taken the port before us: %v", err)
	}
	s.t.Cleanup(func() { l.Close() })
	s.Connect = owned(func(c net.Conn) error {
		if c.RemoteAddr().String() == address {
			return errors.New("user 1234's")
		}
		return nil
	})
}

// served makes a request in this process.
func (s *site) served() string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	pid, err := s.get(ctx, "/")
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// servedBrowser has a browser reload the page until it gets one of the app.
func (s *site) servedBrowser() (pid string) {
	s.t.Helper()
	eventually(s.t, "a browser gets a page of the app", func() (served bool) {
		text, err := s.App.browse(browserPatience, "/")
		if pid = text; isStranger(err) {
			s.t.Fatal(err)
		}
		return err == nil
	})
	return pid
}
