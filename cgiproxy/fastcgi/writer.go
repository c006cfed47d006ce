package fastcgi

import (
	"net"
	"net/http"

	"proxy.cgi/cgiproxy"
)

// A responseWriter writes a response in records.
type responseWriter struct {
	request   *request
	header    http.Header
	started   bool
	cacheCopy cgiproxy.CacheCopy
	unsent    []byte // the header and small pieces: what goes out together
}

// maxUnsent is room for a header and the first pieces of a small response, so
// that these are one write: bytes. The size is a choice.
const maxUnsent = 8 << 10

func (w *responseWriter) Header() http.Header { return w.header }

func (w *responseWriter) WriteHeader(code int) { w.WriteStatus(code, cgiproxy.StatusText(code)) }

// WriteStatus implements cgiproxy.ResponseWriter.
func (w *responseWriter) WriteStatus(code int, reason string) {
	if w.started {
		return
	}
	w.started = true
	if env := w.request.env; env["REQUEST_METHOD"] == http.MethodHead && cgiproxy.BehindNginx(env["SERVER_SOFTWARE"]) {
		w.header["X-Accel-Expires"] = []string{"0"} // for nginx alone: fastcgi_cache would give the next GET a page without its body
	}
	w.cacheCopy.Begin(w.header)
	w.unsent = cgiproxy.AppendHeader(w.unsent, code, reason, w.header)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.cacheCopy.Grow()
	if len(w.unsent)+len(p) <= maxUnsent {
		w.unsent = append(w.unsent, p...)
		return len(p), nil
	}
	return len(p), w.send(p, nil)
}

// FlushError sends what has been written so far.
func (w *responseWriter) FlushError() error {
	if len(w.unsent) == 0 {
		return nil
	}
	return w.send(nil, nil)
}

// FlushLast leaves the last piece to end, so that both are one write.
func (w *responseWriter) FlushLast() error { return nil }

// send sends what is unsent and p as records, and then the records of last.
func (w *responseWriter) send(p, last []byte) error {
	var all net.Buffers
	for _, content := range [...][]byte{w.unsent, p} {
		for len(content) > 0 {
			n := min(len(content), maxContent)
			all = append(all, recordHeader(typeStdout, w.request.id, n), content[:n])
			content = content[n:]
		}
	}
	if len(all) > 0 {
		w.request.sent.Store(true)
	}
	w.unsent = nil // an event stream may be silent for hours
	if last != nil {
		all = append(all, last)
	}
	return w.request.conn.write(all...)
}

// end writes the end of the response.
func (w *responseWriter) end() {
	w.WriteHeader(http.StatusOK)
	r := w.request
	mu := &r.conn.listener.mu
	// Forgotten before, for once it is written the web server may begin another
	// request with the same id.
	mu.Lock()
	r.forget()
	mu.Unlock()
	_ = w.send(nil, append(newRecord(typeStdout, r.id, nil), endRequest(r.id, requestComplete)...)) // nobody is left to be told
	r.conn.finished()
}

func (w *responseWriter) HasStarted() bool { return w.started }

// LargeBuffer returns none: a record has 64 KiB at most.
func (w *responseWriter) LargeBuffer() []byte { return nil }
