// Package descriptor asks the system about a socket or pipe by its descriptor:
// whether the other end is gone, has read everything, or has sent something. And
// it tells who listens (listener_linux.go), and whose a connection within the
// machine is (connection_linux.go).
package descriptor

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Control calls do with the descriptor of a connection or file. An error means
// that it was not called.
func Control(of any, do func(fd int)) error {
	for { // down to the socket below TLS
		upper, ok := of.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		of = upper.NetConn()
	}
	conn, ok := of.(syscall.Conn)
	if !ok {
		return errors.New("a connection without a descriptor")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { do(int(fd)) })
}

// AwaitInput waits, within its deadline, until a read of a connection or file
// would not wait. Where it has to wait it calls idle before, so that nobody holds
// a buffer meanwhile. It returns at once where of has no descriptor.
func AwaitInput(of any, idle func()) error {
	conn, ok := of.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	waits := false
	return raw.Read(func(fd uintptr) bool {
		input := HasInput(int(fd))
		if !input && !waits {
			waits = true
			idle()
		}
		return input
	})
}

// HungUp reports whether the reader of a pipe or socket is gone. A pipe then
// has POLLERR, a socket POLLHUP; what has only sent its last byte, as mod_cgid
// does after the request's body, has neither. Under suEXEC, where Apache can
// send no signal, this is how the script learns of it.
func HungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}

// HasInput reports whether a read would not wait: for bytes, or for the end. It
// reports true where that cannot be found out.
func HasInput(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err != nil || n > 0
}
