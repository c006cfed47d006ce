package cgiproxy

import (
	"time"

	"golang.org/x/sys/unix"
)

// hangupCheck is how often a request under way looks for its visitor. Most
// requests are over before the first look, so that looking costs nothing.
const hangupCheck = 500 * time.Millisecond

// watchHangup calls gone when nobody reads fd any more. Under suEXEC no signal
// tells so, and a write only does when there is something to write: an event
// stream may be silent for hours.
func watchHangup(fd int, gone func()) (stop func()) {
	ended := make(chan struct{})
	var look func()
	look = func() {
		select {
		case <-ended:
			return
		default:
		}
		if hungUp(fd) {
			gone()
			return
		}
		time.AfterFunc(hangupCheck, look)
	}
	time.AfterFunc(hangupCheck, look)
	return func() { close(ended) }
}

// hungUp reports whether the reader of a pipe or socket is gone. A pipe then
// has POLLERR, a socket POLLHUP; what has only sent its last byte, as mod_cgid
// does after the request's body, has neither.
func hungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
