package descriptor

import "golang.org/x/sys/unix"

// HasUnread reports whether what was written to a socket or pipe has not all
// been read at the other end.
func HasUnread(fd int) bool {
	n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
	if err != nil { // a pipe
		n, err = unix.IoctlGetInt(fd, unix.TIOCINQ)
	}
	return err == nil && n > 0
}

// GrowBuffer asks for room for size bytes in a pipe, or in a socket that is
// written to, so that the two ends wait for each other less often. The system
// may give less.
func GrowBuffer(fd, size int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size) == unix.ENOTSOCK {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, size)
	}
}
