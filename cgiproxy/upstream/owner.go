package upstream

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
)

// checkOwner returns nil if the socket at the other end of conn is one that our
// own user listens on. While the app is down any user of the machine can take
// its port, and would get what clients send, passwords included. Nothing must
// have been sent before.
func checkOwner(conn net.Conn) error {
	owner, err := listenerOwner(conn)
	if err == nil && owner != os.Geteuid() {
		err = fmt.Errorf("the listener belongs to user %d and not to ours, user %d", owner, os.Geteuid())
	}
	if err != nil {
		return &ownerError{err}
	}
	return nil
}

// An ownerError says that the app's listener belongs to another user, or that
// the system does not tell whose it is.
type ownerError struct{ err error }

func (e *ownerError) Error() string { return e.err.Error() }

func listenerOwner(conn net.Conn) (owner int, err error) {
	controlErr := descriptor.Control(conn, func(fd int) { owner, err = socketOwner(fd) })
	return owner, errors.Join(controlErr, err)
}

// socketOwner returns the user who listens at the other end of a connected
// socket.
func socketOwner(fd int) (int, error) {
	peer, err := unix.Getpeername(fd)
	if err != nil {
		return 0, err
	}
	if _, ok := peer.(*unix.SockaddrUnix); ok {
		return unixListenerOwner(fd)
	}
	remote, ok := socketAddress(peer)
	if !ok {
		return 0, errors.New("neither a unix nor a TCP socket")
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	// A connection within the machine has one address at both ends, unless it
	// is to 127.0.0.2 or the like.
	if local, _ := socketAddress(own); !remote.Addr().IsLoopback() && local.Addr() != remote.Addr() {
		return 0, errors.New("the app is on another machine, where nobody can tell whose it is")
	}
	return tcpListenerOwner(remote)
}

func socketAddress(sa unix.Sockaddr) (netip.AddrPort, bool) {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), true
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port)), true
	}
	return netip.AddrPort{}, false
}
