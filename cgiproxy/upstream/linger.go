package upstream

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	// A client that goes on sending a body that nobody wants gets its response
	// when it is done, unless it pauses for lingerPause or takes longer than
	// lingerTotal. nginx has 5 s and 30 s, which a slow line's 30 MB exceed.
	lingerPause = 10 * time.Second
	lingerTotal = 5 * time.Minute
)

// Drain reads a request's body to its end and drops it, within the limits
// above: Apache sends all of it before it reads the response, and mod_cgid
// loses the response of a script that exits with stdin unread.
func Drain(r io.Reader) {
	var read atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, copyBuffer)
		for {
			n, err := r.Read(buf)
			read.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	linger(ended, &read, nil, lingerPause)
}

// linger waits until ended or gone is closed, as long as read grows at least
// every pause.
func linger(ended <-chan struct{}, read *atomic.Int64, gone <-chan struct{}, pause time.Duration) {
	giveUp := time.After(lingerTotal)
	for before := int64(-1); before != read.Load(); {
		before = read.Load()
		select {
		case <-ended:
			return
		case <-gone:
			return
		case <-giveUp:
			return
		case <-time.After(pause):
		}
	}
}
