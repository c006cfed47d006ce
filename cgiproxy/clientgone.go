package cgiproxy

import (
	"sync"
	"time"
)

// A request under way looks for its client after firstLook, then after ten times as
// long and so on, and from then on every lastLook. Most are over before the first
// look, which then costs nothing.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = 500 * time.Millisecond
)

// WatchClient calls gone, once, when one of the looks finds the client gone. A
// write tells so too, but only when there is something to write: an event
// stream may be silent for hours, and hold one of the few processes that a host
// allows.
func WatchClient(gone func(), looks ...func() bool) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer // nil once nobody wants to know
	pause := firstLook
	look := func() {
		for _, hasLeft := range looks {
			if hasLeft() {
				gone()
				return
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			pause = min(10*pause, lastLook)
			timer.Reset(pause)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(pause, look)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		timer.Stop() // else each request would wake the process once more
		timer = nil
	}
}
