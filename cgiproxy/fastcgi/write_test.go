package fastcgi

import (
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// nginx takes a connection that ends within a record for the end of a response without
// a length: so one that it does not take, for its client does not, is finished when the
// process ends, or the connection is reset.
func TestFastCGICutWithinRecord(t *testing.T) {
	for _, tt := range []struct {
		name    string
		network string
		piece   int // bytes
		write   func(w *responseWriter, r *request, p []byte) error
		want    byte // what the last record is, where the connection is not reset
	}{
		{"Unix socket, large pieces", "unix", 64 << 10, writePiece, typeAbortRequest},
		{"Unix socket, small pieces", "unix", 3000, writePiece, typeAbortRequest},
		{"Unix socket, log lines", "unix", 3000, writeLine, typeAbortRequest},
		{"Unix socket, the end", "unix", 3000, writeEnd, typeEndRequest},
		{"TCP, large pieces", "tcp", 64 << 10, writePiece, typeAbortRequest},
		{"TCP, log lines", "tcp", 3000, writeLine, typeAbortRequest},
		{"TCP, the end", "tcp", 3000, writeEnd, typeEndRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address := "127.0.0.1:0"
			if tt.network == "unix" {
				address = filepath.Join(t.TempDir(), "socket")
			}
			l := newListener(testkit.Listen(t, tt.network, address), nil)
			l.answer = func(w *responseWriter, r *request) {
				for piece := make([]byte, tt.piece); tt.write(w, r, piece) == nil; {
				}
				if tt.want == typeAbortRequest {
					r.cut()
				}
			}
			served := make(chan error, 1)
			go func() { served <- l.serve() }()
			c := dial(t, l)
			c.send(begin(false, visitVars("SERVER_SOFTWARE=nginx/1.22.1")...), stdin(""))
			waits := regexp.MustCompile(`\[IO wait\]:\n(.+\n)*proxy\.cgi/cgiproxy/fastcgi\.\(\*conn\)\.write\(`)
			stuck := func() bool {
				stacks := make([]byte, 1<<20)
				return waits.Match(stacks[:runtime.Stack(stacks, true)])
			}
			if waitWhile(10*time.Second, func() bool { return !stuck() }); !stuck() {
				t.Fatal("all is taken that nobody reads")
			}
			l.stop()
			l.cutAll()
			<-served
			if last, err := c.lastRecord(); err == nil && last != tt.want {
				t.Errorf("the last record has type %d, want %d", last, tt.want)
			} else if err != nil && !(tt.network == "tcp" && errors.Is(err, syscall.ECONNRESET)) {
				t.Errorf("the last record: %v", err)
			}
		})
	}
}

func writePiece(w *responseWriter, _ *request, p []byte) error {
	if _, err := w.Write(p); err != nil {
		return err
	}
	return w.FlushError()
}

func writeLine(w *responseWriter, r *request, p []byte) error {
	r.sent.Store(true)
	return r.conn.write(newRecord(typeStderr, r.id, p))
}

// writeEnd writes records as a request that is forgotten does, with its end.
func writeEnd(w *responseWriter, r *request, p []byte) error {
	r.conn.listener.mu.Lock()
	r.forget()
	r.conn.listener.mu.Unlock()
	return r.conn.write(newRecord(typeStderr, r.id, p), endRequest(r.id, requestComplete))
}

// lastRecord reads until the end of the connection, and returns the type of the record
// that is followed by it. An error says that none is, io.ErrUnexpectedEOF that it is
// within one.
func (c *client) lastRecord() (last byte, err error) {
	for {
		header := make([]byte, headerLength)
		if _, err := io.ReadFull(c, header); err == io.EOF {
			return last, nil
		} else if err != nil {
			return last, err
		}
		h := parseHeader(header)
		if n, err := io.CopyN(io.Discard, c, int64(h.length)); err == io.EOF && n < int64(h.length) {
			return h.kind, io.ErrUnexpectedEOF
		} else if err != nil {
			return h.kind, err
		}
		last = h.kind
	}
}
