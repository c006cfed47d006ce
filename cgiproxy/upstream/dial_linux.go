package upstream

import (
	"context"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
)

// dialLocal connects to a socket of this machine, until ctx ends. net.Dialer
// serves the whole world, which costs a CGI process a twentieth of its time. It
// reports false where the app is neither on a loopback address nor on a unix
// socket.
func dialLocal(ctx context.Context, network, address string) (conn net.Conn, ok bool, err error) {
	family, to := localAddress(network, address)
	if to == nil {
		return nil, false, nil
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, true, err
	}
	file, err := connectSocket(ctx, fd, to)
	if err != nil {
		return nil, true, err
	}
	return localConn{file}, true, nil
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

// connectSocket connects a non-blocking socket, and closes it where that fails.
// No thread waits meanwhile: with many clients and an app whose backlog is full
// a FastCGI process would have more of them than hosts allow.
func connectSocket(ctx context.Context, fd int, to unix.Sockaddr) (*os.File, error) {
	err := connectNow(ctx, fd, to)
	file := os.NewFile(uintptr(fd), "connection")
	if err == unix.EALREADY {
		err = awaitConnection(ctx, file, to)
	}
	if err == nil {
		err = checkConnected(fd, to)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// backlogPause is the time between two attempts at a unix socket whose backlog
// is full: the kernel does not tell when there is room. It is a choice.
const backlogPause = 10 * time.Millisecond

// connectNow gives EALREADY where the app's kernel has not replied yet, as with
// a full backlog. Else the handshake within a machine is over when connect(2)
// returns EINPROGRESS, and the next call has its result.
func connectNow(ctx context.Context, fd int, to unix.Sockaddr) error {
	for {
		err := unix.Connect(fd, to)
		if err == unix.EINPROGRESS {
			err = unix.Connect(fd, to)
		}
		if err != unix.EAGAIN {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backlogPause):
		}
	}
}

// awaitConnection waits for a connection that is under way.
func awaitConnection(ctx context.Context, file *os.File, to unix.Sockaddr) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { file.SetWriteDeadline(time.Unix(1, 0)) })
	waitErr := raw.Write(func(fd uintptr) bool {
		err = unix.Connect(int(fd), to)
		return err != unix.EALREADY
	})
	switch {
	case !stop():
		return ctx.Err()
	case waitErr != nil:
		return waitErr
	}
	return err
}

// checkConnected refuses a connection to itself, and prepares one to an app.
func checkConnected(fd int, to unix.Sockaddr) error {
	if _, ok := to.(*unix.SockaddrUnix); ok {
		return nil
	}
	if connectedToItself(fd, to) {
		return unix.ECONNREFUSED
	}
	// A body's pieces must not wait for what the app acknowledges.
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
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
