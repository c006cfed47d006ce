package cgiproxy

import "golang.org/x/sys/unix"

// unread reports whether what was written to a socket or pipe has not all been
// read at the other end.
func unread(fd int) bool {
	n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
	if err != nil { // a pipe
		n, err = unix.IoctlGetInt(fd, unix.TIOCINQ)
	}
	return err == nil && n > 0
}
