package upstream

import (
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
)

// dialLocal connects to a socket of this machine. net.Dialer serves the whole
// world, which costs a CGI process a twentieth of its time. It reports false
// where the app is neither on a loopback address nor on a unix socket.
func dialLocal(network, address string, timeout time.Duration) (conn net.Conn, ok bool, err error) {
	family, to := localAddress(network, address)
	if to == nil {
		return nil, false, nil
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, true, err
	}
	if err := connectWithin(fd, to, timeout); err != nil {
		unix.Close(fd)
		if err == unix.EINTR { // with a time limit the kernel does not go on by itself (signal(7))
			return dialLocal(network, address, timeout)
		}
		return nil, true, err
	}
	return localConn{os.NewFile(uintptr(fd), "connection")}, true, nil
}

func localAddress(network, address string) (family int, to unix.Sockaddr) {
	if network == "unix" {
		return unix.AF_UNIX, &unix.SockaddrUnix{Name: address}
	}
	target, err := netip.ParseAddrPort(address)
	switch {
	case err != nil || !target.Addr().IsLoopback() || target.Addr().Is4In6() || target.Addr().Zone() != "":
		return 0, nil
	case target.Addr().Is4():
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(target.Port()), Addr: target.Addr().As4()}
	default:
		return unix.AF_INET6, &unix.SockaddrInet6{Port: int(target.Port()), Addr: target.Addr().As16()}
	}
}

// connectWithin connects a blocking socket, which SO_SNDTIMEO bounds
// (socket(7); 0 is no limit), and makes it one for the Go scheduler.
func connectWithin(fd int, to unix.Sockaddr, timeout time.Duration) error {
	limit := unix.NsecToTimeval(timeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		return err
	}
	err := unix.Connect(fd, to)
	if err == unix.EAGAIN || err == unix.EINPROGRESS {
		return os.ErrDeadlineExceeded
	}
	if err != nil {
		return err
	}
	if _, ok := to.(*unix.SockaddrUnix); !ok {
		if connectedToItself(fd, to) {
			return unix.ECONNREFUSED
		}
		// A body's pieces must not wait for what the app acknowledges.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_NONBLOCK) // F_SETFL sets all flags, and a new socket has no other
	return err
}

// connectedToItself reports whether both ends of a connection are the socket
// itself. The kernel takes a socket's own port from
// net.ipv4.ip_local_port_range and now and then chooses the one to connect to,
// if nobody listens there: that makes a connection, too (RFC 9293, section 3.5,
// simultaneous open).
func connectedToItself(fd int, to unix.Sockaddr) bool {
	from, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		to, ok := to.(*unix.SockaddrInet4)
		return ok && from.Port == to.Port && from.Addr == to.Addr
	case *unix.SockaddrInet6:
		to, ok := to.(*unix.SockaddrInet6)
		return ok && from.Port == to.Port && from.Addr == to.Addr
	}
	return false
}

// A localConn is a socket as a file: the Go scheduler waits for it as for any
// net.Conn, and it has the deadlines of one.
type localConn struct{ *os.File }

// LocalAddr implements net.Conn.
func (c localConn) LocalAddr() net.Addr { return c.address(unix.Getsockname) }

// RemoteAddr implements net.Conn.
func (c localConn) RemoteAddr() net.Addr { return c.address(unix.Getpeername) }

// address asks the kernel each time, for hardly anybody asks us. That of a
// closed socket is empty.
func (c localConn) address(end func(fd int) (unix.Sockaddr, error)) net.Addr {
	var at unix.Sockaddr
	_ = descriptor.Control(c, func(fd int) { at, _ = end(fd) })
	if tcp, ok := socketAddress(at); ok {
		return net.TCPAddrFromAddrPort(tcp)
	}
	if local, ok := at.(*unix.SockaddrUnix); ok {
		return &net.UnixAddr{Name: local.Name, Net: "unix"}
	}
	return &net.UnixAddr{}
}

// quickAck acknowledges what has come at once (tcp(7)). Many apps send header
// and body by two writes without TCP_NODELAY: on a connection that has had
// requests before, the second would wait 40 ms for our delayed acknowledgement
// of the first (RFC 9293, section 3.8.6.3).
func quickAck(conn net.Conn) {
	_ = descriptor.Control(conn, func(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
}
