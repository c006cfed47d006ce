package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"proxy.cgi/cgiproxy/settings"
)

// An exchange is one request and its response on one connection. The body is
// sent beside the reading, for an app may respond early.
type exchange struct {
	conn       net.Conn
	cfg        *settings.Config
	req        *http.Request
	pool       *pool         // keeps the connection afterwards; nil closes it
	begun      time.Time     // that of conn
	bodyLinger time.Duration // how long the client may pause in its body after the response
	release    func() bool   // lets go of the request's context, false where that has ended
	sent       chan struct{} // closed when no more of the body will be sent

	mu         sync.Mutex
	headerRead bool  // of the response
	aborted    error // why the request was cut off, nil if it was not

	source source        // what the response is read from
	buffer *bufio.Reader // of source

	bodyRead atomic.Int64 // bytes of the request's body, as they came from the client

	// When the current write to the app, and the current piece of the response's
	// way to the client, began: Unix nanoseconds, or 0 for none under way.
	sendingSince, deliveringSince atomic.Int64
}

// startExchange sends the request. The end of its context closes the
// connection, so that the app sees a request that was cut off.
func startExchange(conn net.Conn, cfg *settings.Config, req *http.Request) *exchange {
	x := &exchange{conn: conn, cfg: cfg, req: req, bodyLinger: lingerPause, sent: make(chan struct{})}
	x.release = context.AfterFunc(req.Context(), func() { conn.Close() })
	x.write(requestHead(req)) // its error is left to readResponse: an app that closed may have responded first
	if req.Body == http.NoBody {
		close(x.sent)
		x.awaitHeader(x.cfg.HeaderTimeout)
	} else {
		go x.sendBody()
	}
	return x
}

// requestHead returns the request line and the header section.
func requestHead(req *http.Request) []byte {
	b := make([]byte, 0, 2048)
	b = append(b, req.Method+" "+req.RequestURI+" HTTP/1.1\r\nHost: "+req.Host+"\r\n"...)
	names := make([]string, 0, len(req.Header))
	for name := range req.Header {
		names = append(names, name)
	}
	slices.Sort(names) // the environment has no order that could be kept
	for _, name := range names {
		for _, value := range req.Header[name] {
			b = append(b, name+": "+value+"\r\n"...)
		}
	}
	if req.Close {
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

// sendBody sends the body as it comes. Where the app takes no more of it, the
// rest is read and dropped, for Apache sends all of it before it reads the
// response.
func (x *exchange) sendBody() {
	defer close(x.sent)
	stop := x.watchStuck()
	defer stop()
	err := x.copyBody()
	switch {
	case err == nil:
		x.awaitHeader(x.cfg.HeaderTimeout)
	case errors.Is(err, errSend):
		if errors.Is(err, os.ErrDeadlineExceeded) {
			x.awaitHeader(time.Nanosecond) // the app took nothing for HEADER_TIMEOUT: it gets no second one
		} else {
			x.awaitHeader(x.cfg.HeaderTimeout) // an app that closed may have responded first, with 413 say
		}
		rest := make([]byte, copyBuffer)
		for err = nil; err == nil; {
			_, err = x.readBody(rest)
		}
	default:
		x.abort(err)
	}
}

// errSend marks an error of the app's side.
var errSend = errors.New("the app takes no more of the body")

const (
	// copyBuffer is what bodies are copied in, in bytes: with 32 KiB an upload was
	// 6 % slower and a download 2 %.
	copyBuffer = 64 << 10

	// largePiece is what a request's body is copied in once a piece has filled
	// copyBuffer: with 64 KiB an upload through mod_cgid is a tenth slower, and
	// through a pipe as wide as this a sixth. A FastCGI record is less than that.
	largePiece = 1 << 20

	chunkRoom = 16 // for the size of a chunk before its data

	// unknownLength is the ContentLength of a body that ends where it ends.
	unknownLength = -1
)

// copyBody sends the body, chunked where it has no length (RFC 9112, section
// 7.1). Only a whole body gets its last chunk.
func (x *exchange) copyBody() error {
	chunked := x.req.ContentLength == unknownLength
	size := copyBuffer
	buf := make([]byte, chunkRoom+size+len("\r\n"))
	for {
		n, err := x.readBody(buf[chunkRoom : chunkRoom+size])
		if n == 0 && err == io.EOF {
			break
		}
		piece := buf[chunkRoom : chunkRoom+n]
		if chunked && n > 0 {
			line := append(strconv.AppendInt(nil, int64(n), 16), "\r\n"...)
			start := chunkRoom - len(line)
			copy(buf[start:], line)
			copy(buf[chunkRoom+n:], "\r\n")
			piece = buf[start : chunkRoom+n+len("\r\n")]
		}
		if err := x.write(piece); err != nil {
			return fmt.Errorf("%w: %w", errSend, err)
		}
		if err != nil && err != io.EOF {
			return err
		}
		if n == copyBuffer && size == copyBuffer { // there is more than that
			size = largePiece
			buf = make([]byte, chunkRoom+size+len("\r\n"))
		}
	}
	if chunked {
		if err := x.write([]byte("0\r\n\r\n")); err != nil {
			return fmt.Errorf("%w: %w", errSend, err)
		}
	}
	return nil
}

// readBody reads a piece of the body.
func (x *exchange) readBody(p []byte) (int, error) {
	n, err := x.req.Body.Read(p)
	x.bodyRead.Add(int64(n))
	return n, err
}

// write writes p, each call within HEADER_TIMEOUT.
func (x *exchange) write(p []byte) error {
	now := time.Now()
	if x.cfg.HeaderTimeout > 0 {
		x.conn.SetWriteDeadline(now.Add(x.cfg.HeaderTimeout))
	}
	x.sendingSince.Store(now.UnixNano())
	_, err := x.conn.Write(p)
	x.sendingSince.Store(0)
	return err
}

// awaitHeader starts the time for the response's header, 0 for no limit: the
// app has all that it will get.
func (x *exchange) awaitHeader(limit time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.headerRead && limit > 0 {
		x.conn.SetReadDeadline(time.Now().Add(limit))
	}
}

// watchStuck ends the sending when both directions have stood still for
// stuckAfter.
func (x *exchange) watchStuck() (stop func()) {
	ticker, done := time.NewTicker(time.Second), make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case now := <-ticker.C:
				if since(now, &x.sendingSince) > stuckAfter && since(now, &x.deliveringSince) > stuckAfter {
					x.conn.SetWriteDeadline(now)
				}
			}
		}
	}()
	return func() { ticker.Stop(); close(done) }
}

// stuckAfter is how long both directions may stand still before the rest of the
// request's body is given up. Apache reads no response until the script has
// taken the whole body: with an app that responds and does not read, each would
// wait for the other. The time is a choice, far below Apache's Timeout of 60 s.
const stuckAfter = 5 * time.Second

// since returns the time since start, 0 where nothing has started.
func since(now time.Time, start *atomic.Int64) time.Duration {
	if t := start.Load(); t != 0 {
		return time.Duration(now.UnixNano() - t)
	}
	return 0
}

// abort cuts the request off: the app must not take half a body for a whole.
func (x *exchange) abort(err error) {
	x.mu.Lock()
	if x.aborted == nil {
		x.aborted = err
	}
	x.mu.Unlock()
	x.conn.Close()
}

// cause returns why we ended the exchange ourselves, or nil.
func (x *exchange) cause() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.aborted != nil {
		return x.aborted
	}
	return x.req.Context().Err()
}

func (x *exchange) close() {
	x.release()
	x.conn.Close()
}
