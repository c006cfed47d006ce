package cgiproxy

import (
	"time"

	"golang.org/x/sys/unix"
)

// A request under way looks for its visitor after firstLook, then after ten
// times as long and so on, and from then on every lastLook. Most are over before
// the first, so that it costs nothing; it is early to see the connection there
// at least once.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = 500 * time.Millisecond
)

// watchHangup calls gone, once, when one of the looks finds the visitor gone.
// A write tells so too, but only when there is something to write: an event
// stream may be silent for hours, and hold one of the few processes that a
// host allows.
func watchHangup(gone func(), looks ...func() bool) (stop func()) {
	ended := make(chan struct{})
	pause := firstLook
	var look func()
	look = func() {
		select {
		case <-ended:
			return
		default:
		}
		for _, left := range looks {
			if left() {
				gone()
				return
			}
		}
		pause = min(10*pause, lastLook)
		time.AfterFunc(pause, look)
	}
	first := time.AfterFunc(pause, look)
	return func() {
		first.Stop() // else each request would wake the process once more
		close(ended)
	}
}

// hungUp reports whether the reader of a pipe or socket is gone. A pipe then
// has POLLERR, a socket POLLHUP; what has only sent its last byte, as mod_cgid
// does after the request's body, has neither. Under suEXEC, where Apache can
// send no signal, this is how the script learns of it.
func hungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
