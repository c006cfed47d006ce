package remote

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNobody is told at once that nobody is there, and waits for who was there.
func TestNobody(t *testing.T) {
	SetRetryPause(t, 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, c := range []struct {
		name, scheme string
		met          bool
		want         string
	}{
		{"FTP", "ftps", false, "nobody listens at " + l.Addr().String()},
		{"SFTP", "sftp", false, "nobody listens at " + l.Addr().String()},
		{"who was there", "ftps", true, "4 times: run this again when the network is there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			told := 0
			target := &Target{Scheme: c.scheme, Host: l.Addr().String(), User: "me", met: c.met}
			if c.scheme == "sftp" {
				setKnownHosts(t, nil)
			}
			_, err := target.Open("x", func(string, ...any) { told++ })
			if err == nil || !strings.Contains(err.Error(), c.want) || (told == 0) == c.met {
				t.Errorf("%v, want %q; it has tried again %d times", err, c.want, told)
			}
		})
	}
}

func TestAbsent(t *testing.T) {
	const host = "example.com:21"
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"no such name", &net.OpError{Err: &net.DNSError{Name: "example.com", IsNotFound: true}}, "there is no host example.com: is it spelled right?"},
		{"no name server", &net.OpError{Err: &net.DNSError{Name: "example.com", IsTemporary: true}}, ""},
		{"too late", errors.New("i/o timeout"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := Absent(host, fmt.Errorf("dial: %w", c.err)); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// setKnownHosts gives the one who logs in a home with known_hosts.
func setKnownHosts(t *testing.T, known []byte) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), known, 0o600); err != nil {
		t.Fatal(err)
	}
}
