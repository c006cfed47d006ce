//go:build linux

package ondemand

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStranger(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	l, err := net.Listen("tcp", s.Addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.Connect = owned(func(net.Conn) error { return errors.New("user 1234's") })
	_, err = s.get(context.Background(), "/")
	if !isStranger(err) || !strings.Contains(err.Error(), "user 1234's") {
		t.Fatalf("got %v", err)
	}
	if len(s.starts()) != 0 {
		t.Error("it was started")
	}
}

// A stranger at [::1] is in nobody's way: neither of a start, nor of the app
// that runs; and he is sent nothing.
func TestStrangerAtSecond(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*site){"a port": func(*site) {}, "auto": auto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			set(s)
			s.Command = testBinary(t) + " testapp -host ::1 & exec " + testBinary(t) + " testapp -delay 300ms"
			s.Connect = owned(func(c net.Conn) error {
				if host, _, _ := net.SplitHostPort(c.RemoteAddr().String()); host == "::1" {
					return errors.New("user 1234's")
				}
				return nil
			})
			pid, err := s.get(context.Background(), "/")
			if err != nil {
				t.Fatal(err)
			}
			s.stops(pid)
		})
	}
}

// With a port that was free, a stranger who has it by now is nobody's fault.
func TestStrangerAuto(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	auto(s)
	ctx := context.Background()
	if _, err := s.get(ctx, "/"); err != nil {
		t.Fatal(err)
	}
	_, addresses, _ := s.Address()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	st, _ := s.folder().read()
	_ = unix.Kill(-st.run.pid, unix.SIGKILL)
	eventually(t, "the app is gone", func() bool { return !st.run.alive() })
	l, err := net.Listen("tcp", st.run.addresses[0])
	if err != nil {
		t.Skipf("another program has taken the port before us: %v", err)
	}
	defer l.Close()
	s.Connect = owned(func(c net.Conn) error {
		if c.RemoteAddr().String() == st.run.addresses[0] {
			return errors.New("user 1234's")
		}
		return nil
	})
	if _, err := s.get(ctx, "/"); err != nil {
		t.Fatalf("%v (first at %v)", err, addresses)
	}
}
