package cgiproxy

import (
	"io"
	"sync/atomic"
	"time"
)

// A requestBody is the visitor's body as the web server hands it over. It ends
// with io.EOF only where it is whole, and with a failure where it was cut short
// or is longer than MAX_BODY.
type requestBody struct {
	r      io.Reader
	length int64       // as declared, or unknownLength
	limit  int64       // MAX_BODY, 0 for none
	left   func() bool // reports whether the visitor is gone; nil for unknown
	read   int64
}

func (b *requestBody) Read(p []byte) (int, error) {
	if b.length != unknownLength {
		if b.read == b.length {
			return 0, io.EOF
		}
		p = p[:min(int64(len(p)), b.length-b.read)]
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	switch {
	case b.limit > 0 && b.read > b.limit:
		return 0, tooLarge(b.limit)
	case err == nil || b.read == b.length:
		return n, nil
	case err == io.EOF && b.length == unknownLength && !(b.left != nil && b.left()):
		return n, io.EOF
	case b.length == unknownLength:
		return n, badRequest("request body was cut off after %d bytes (%w)", b.read, err)
	default:
		return n, badRequest("request body ended after %d of %d bytes (%w)", b.read, b.length, err)
	}
}

// Close implements io.Closer. The web server's end is not closed: it is
// stdin, and draining it is the way in's task.
func (b *requestBody) Close() error { return nil }

const (
	// A visitor who goes on sending a body that nobody wants gets his answer
	// when he is done, unless he pauses for lingerSilence or takes longer than
	// lingerTotal. nginx has 5 s and 30 s, which a slow line's 30 MB exceed.
	lingerSilence = 10 * time.Second
	lingerTotal   = 5 * time.Minute

	// A FastCGI answer ends only after the body, and nginx sends no more of
	// that once the answer has begun.
	lingerFastCGI = time.Second
)

// drain reads r to its end and drops it, within the limits above: Apache sends
// the whole body before it reads the answer, and mod_cgid loses the answer of
// a script that exits with stdin unread.
func drain(r io.Reader) {
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
	linger(ended, &read, nil, lingerSilence)
}

// linger waits until ended or gone is closed, as long as read grows at least
// every silence.
func linger(ended <-chan struct{}, read *atomic.Int64, gone <-chan struct{}, silence time.Duration) {
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
		case <-time.After(silence):
		}
	}
}
