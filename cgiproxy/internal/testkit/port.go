package testkit

import (
	"errors"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// FreePort is HoldPort for as long as the test lasts.
func FreePort(t testing.TB) string {
	t.Helper()
	port, release, err := HoldPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return port
}

// HoldPort returns a port of this machine that the system gives to nobody else until
// it is released, for a server that comes up later, or goes and comes back: a socket
// is bound to it at 127.0.0.1 and [::1], and does not listen, so that a client is
// refused. A server that sets SO_REUSEADDR, as nearly all do, can listen there all the
// same (socket(7)). Else a server of another test would now and then get this one's
// clients.
func HoldPort() (port string, release func(), err error) {
	for range 100 {
		four, number, err := bindPort(&unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		if err != nil {
			return "", nil, err
		}
		six, _, err := bindPort(&unix.SockaddrInet6{Port: number, Addr: [16]byte{15: 1}})
		if err == unix.EADDRINUSE {
			unix.Close(four)
			continue
		}
		return strconv.Itoa(number), func() {
			unix.Close(four)
			if err == nil { // else there is no IPv6 here
				unix.Close(six)
			}
		}, nil
	}
	return "", nil, errors.New("of a hundred ports none is free at both addresses")
}

// bindPort returns a socket that is bound to an address, and its port.
func bindPort(at unix.Sockaddr) (fd, port int, err error) {
	family := unix.AF_INET
	if _, ok := at.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	syscall.ForkLock.RLock()
	fd, err = unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return 0, 0, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, at)
	}
	if err == nil {
		at, err = unix.Getsockname(fd)
	}
	if err != nil {
		unix.Close(fd)
		return 0, 0, err
	}
	if four, ok := at.(*unix.SockaddrInet4); ok {
		return fd, four.Port, nil
	}
	return fd, at.(*unix.SockaddrInet6).Port, nil
}
