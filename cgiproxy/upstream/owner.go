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

// While the app is down any user of the machine can take its port, and would get
// what clients send, passwords included. So with REQUIRE_OWNER nothing is sent
// unless our own user listens there.

// An ownerError says that the app's listener belongs to another user, or that
// the system does not tell whose it is.
type ownerError struct{ err error }

func (e *ownerError) Error() string { return e.err.Error() }

// A listener is a socket that takes connections to an address. The zero value
// is none.
type listener struct {
	uid   int
	inode uint64 // 0 where it is not known, as for a unix socket
}

// dialOwn connects to a listener of our own user.
//
// A unix socket's connection knows who listened (SO_PEERCRED). With TCP only who
// listens now can be asked: a stranger could take the connection, and then leave
// the port to the app before we look. So the listener has to be the same before
// and after, and the connection must not be a stranger's past it (tcpTaker).
func dialOwn(network, address string, dial func(address string) (net.Conn, error)) (net.Conn, error) {
	var err error
	for range 3 { // an app that restarts changes it
		before, _ := listenerAt(address)
		var conn net.Conn
		if conn, err = dial(address); err != nil {
			return nil, err
		}
		var after listener
		if after, err = listenerOf(conn); err == nil {
			switch {
			case after.uid != os.Geteuid():
				err = strangersListener(after)
			case network == "unix" || after == before:
				return conn, nil
			case before == (listener{}) && !isAddress(address):
				address = conn.RemoteAddr().String() // of a name: now it can be asked
				err = errListenerChanged
			default:
				err = errListenerChanged
			}
		}
		conn.Close()
		if err != errListenerChanged && !errors.Is(err, errNobody) {
			break
		}
	}
	return nil, &ownerError{err}
}

// dialNoStranger connects to a TCP listener of our own user or of root, or to one
// of which the system does not tell whose it is.
func dialNoStranger(address string, dial func(address string) (net.Conn, error)) (net.Conn, error) {
	before, beforeErr := listenerAt(address)
	conn, err := dial(address)
	if err != nil {
		return nil, err
	}
	after, afterErr := listenerOf(conn)
	switch {
	case errors.Is(afterErr, errNobody), errors.Is(afterErr, errListenerChanged): // it was closed at once, before it could be looked at
		err = errListenerChanged
	case beforeErr != nil && afterErr != nil:
		return conn, nil
	case afterErr == nil && after.uid != os.Geteuid() && after.uid != 0:
		err = strangersListener(after)
	case before != after:
		err = errListenerChanged
	default:
		return conn, nil
	}
	conn.Close()
	return nil, &ownerError{err}
}

func strangersListener(l listener) error {
	return fmt.Errorf("the socket there belongs to user %d and not to ours, user %d", l.uid, os.Geteuid())
}

// errNobody is also that of an app that has just ended.
var errNobody = errors.New("whose listener it is cannot be found out: /proc/net/tcp shows none there")

var errListenerChanged = errors.New("the listener changed while we connected, so that nobody can tell whose it was")

func isAddress(address string) bool {
	_, err := netip.ParseAddrPort(address)
	return err == nil
}

// listenerAt returns who listens at an IP address and port, the zero value where
// nobody does, or where nobody can tell.
func listenerAt(address string) (listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return listener{}, err
	}
	return tcpListener(netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
}

// ListenerOwner returns the user who listens at the other end of a connection to
// this machine.
func ListenerOwner(conn net.Conn) (uid int, err error) {
	l, err := listenerOf(conn)
	return l.uid, err
}

// listenerOf returns who listens at the other end of a connection, or whoever took
// it past a listener of ours.
func listenerOf(conn net.Conn) (l listener, err error) {
	controlErr := descriptor.Control(conn, func(fd int) { l, err = socketListener(fd) })
	return l, errors.Join(controlErr, err)
}

func socketListener(fd int) (listener, error) {
	peer, err := unix.Getpeername(fd)
	if err == unix.ENOTCONN { // reset by a listener that is gone
		return listener{}, errListenerChanged
	}
	if err != nil {
		return listener{}, err
	}
	if _, ok := peer.(*unix.SockaddrUnix); ok {
		uid, err := unixListenerOwner(fd)
		return listener{uid: uid}, err
	}
	remote, ok := socketAddress(peer)
	if !ok {
		return listener{}, errors.New("neither a unix nor a TCP socket")
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		return listener{}, err
	}
	local, _ := socketAddress(own)
	// A connection within the machine has one address at both ends, unless it
	// is to 127.0.0.2 or the like.
	if !remote.Addr().IsLoopback() && local.Addr() != remote.Addr() {
		return listener{}, errors.New("the app is on another machine, where nobody can tell whose it is")
	}
	return tcpTaker(remote, local)
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
