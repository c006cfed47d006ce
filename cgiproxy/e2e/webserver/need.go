// What a test and a server need to be there: the test's side of Start, and
// where programs and accounts are found.

package webserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"testing"
)

// Run starts a server for the length of a test. Where the test fails, the
// server's log becomes part of the test's.
func Run(t testing.TB, k Kind, o Options) *Server {
	t.Helper()
	s, err := Start(k, o)
	Need(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: error log:\n%s", k, s.ErrorLog())
		}
		if err := s.Stop(); err != nil {
			t.Errorf("%s: stop: %v", k, err)
		}
	})
	return s
}

// Need ends the test unless err, from Start, is nil. Missing software skips
// the test, but fails it under CI=true: there nobody would see the gap.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrUnavailable) && os.Getenv("CI") != "true":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// unavailable is the error for something missing, with the package that has it.
func unavailable(what, pkg string) error {
	return fmt.Errorf("%w: %s is missing: run scripts/webservers, or: apt-get install %s", ErrUnavailable, what, pkg)
}

// program finds a server's program; /usr/sbin is not in every user's PATH.
func program(name, pkg string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", unavailable(name, pkg)
}

// lookupAccount finds the account to work as. Without root there is no choice.
func lookupAccount(name, group string) (account, error) {
	if os.Getuid() != 0 {
		return account{os.Getuid(), os.Getgid()}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return account{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(g.Gid)
	return account{uid, gid}, errors.Join(err1, err2)
}
