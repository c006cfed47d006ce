package upstream

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
)

// unixListenerOwner returns who called listen(2) (unix(7), SO_PEERCRED).
func unixListenerOwner(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, fmt.Errorf("SO_PEERCRED: %w", err)
	}
	return int(cred.Uid), nil
}

// tcpListener returns the socket that takes the connections to an address of
// this machine (descriptor.EachListener). Of several that share it (SO_REUSEPORT)
// it returns one of another user before ours, and of ours the first there is.
func tcpListener(at netip.AddrPort) (l listener, err error) {
	closest, shown, own := 0, false, os.Geteuid()
	err = descriptor.EachListener(func(found descriptor.Listener) {
		shown = true
		c := closeness(found.At, at)
		if c > closest || c > 0 && c == closest && l.uid == own && (found.UID != own || found.Inode < l.inode) {
			closest, l = c, listener{found.UID, found.Inode}
		}
	})
	if err != nil {
		return listener{}, fmt.Errorf("whose listener it is cannot be found out: %w", err)
	}
	if !shown { // each machine with a web server has one
		return listener{}, errors.New("whose listener it is cannot be found out: the host shows none at all in /proc/net/tcp")
	}
	if closest == 0 {
		return listener{}, errNobody
	}
	return l, nil
}

// tcpTaker returns who has taken a connection within this machine: the listener,
// or a stranger past one of ours. He can do that without listening, by a socket
// that he has bound while the app was down, and that connects to the port we come
// from just when we connect (RFC 9293, section 3.5, simultaneous open).
//
// Root's listener may hand a connection to any user, so there only it counts.
func tcpTaker(at, from netip.AddrPort) (listener, error) {
	l, err := tcpListener(at)
	if err != nil || l.uid != os.Geteuid() {
		return l, err
	}
	uid, known, err := descriptor.ConnectionOwner(at, from)
	switch {
	case err != nil:
		return listener{}, fmt.Errorf("whose connection it is cannot be found out: %w", err)
	case known && uid != l.uid && uid != 0: // 0 is also one that the app has not accepted yet
		return listener{uid: uid}, nil
	}
	return l, nil
}

// closeness is 0 for a listener that gets no connections to an address. Of
// others the one with the highest does: its own address counts before any
// address, and that before [::], which may take IPv4 as well.
func closeness(listener, to netip.AddrPort) int {
	addr := listener.Addr().Unmap()
	switch {
	case listener.Port() != to.Port():
		return 0
	case addr == to.Addr():
		return 3
	case !addr.IsUnspecified():
		return 0
	case addr.Is4() == to.Addr().Is4():
		return 2
	case addr.Is6():
		return 1
	}
	return 0
}
