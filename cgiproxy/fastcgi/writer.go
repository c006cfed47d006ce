package fastcgi

import "net/http"

// A responseWriter writes a response through net/http/fcgi.
type responseWriter struct {
	http.ResponseWriter
	request       *request
	started, sent bool
}

// WriteStatus implements cgiproxy.ResponseWriter. The library has reason
// phrases of its own, and none for a status that it does not know.
func (w *responseWriter) WriteStatus(code int, reason string) {
	w.started = true
	if http.StatusText(code) == "" {
		w.request.reason = reason
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *responseWriter) WriteHeader(code int) { w.WriteStatus(code, "") }

func (w *responseWriter) Write(p []byte) (int, error) {
	w.started, w.sent = true, true
	return w.ResponseWriter.Write(p)
}

// FlushError sends the header, too: the library holds it back until there is
// some body.
func (w *responseWriter) FlushError() error {
	if !w.sent {
		if _, err := w.Write(nil); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *responseWriter) HasStarted() bool { return w.started }

// LargeBuffer returns none: a record has 64 KiB at most.
func (w *responseWriter) LargeBuffer() []byte { return nil }
