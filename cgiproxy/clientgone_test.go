package cgiproxy

import (
	"testing"
	"time"
)

func TestWatchClient(t *testing.T) {
	t.Parallel() // waits for a look or two
	gone := make(chan struct{})
	stop := WatchClient(func() { close(gone) }, func() bool { return false }, func() bool { return true })
	defer stop()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("a client that is gone is not noticed within 10s")
	}
}
