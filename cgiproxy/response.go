package cgiproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"

	"proxy.cgi/cgiproxy/upstream"
)

// writeResponse copies the app's response to the web server: status, header
// section, and each piece of the body as it comes. An error after the header
// means a response that was cut short.
func writeResponse(w ResponseWriter, resp *http.Response, m reverseMapping, log *Logger) error {
	defer resp.Body.Close()
	h := w.Header()
	for name, values := range resp.Header {
		h[name] = values
	}
	filterResponse(h, resp.StatusCode, log)
	m.rewriteResponse(h)
	splitLongFields(h, log)
	w.WriteStatus(resp.StatusCode, reasonPhrase(resp))
	return copyPieces(w, resp.Body)
}

// filterResponse drops what a web server would take as meant for itself.
func filterResponse(h http.Header, code int, log *Logger) {
	removeHopByHop(h)
	delete(h, "Status") // RFC 3875, section 6.3.3: it would set the status
	if location := h["Location"]; location != nil && code == http.StatusOK {
		// Apache answers with what is at that place, or makes it a 302.
		log.Warnf("dropped Location %.200q of a 200 answer: the web server would follow it", location)
		delete(h, "Location")
	}
	if code == http.StatusNoContent {
		delete(h, "Content-Length") // RFC 9110, section 8.6
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // keeps net/http from guessing one
	}
}

// reasonPhrase returns the app's own, or that of the status where it has none
// that could be passed on.
func reasonPhrase(resp *http.Response) string {
	_, reason, _ := strings.Cut(resp.Status, " ")
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxFieldLine {
		return StatusText(resp.StatusCode)
	}
	return reason
}

// StatusText returns a reason phrase for any status: without one nginx sends a
// status line that lacks the blank before it (RFC 9112, section 4). A status
// that no RFC knows is one of its class, or an error (RFC 9110, section 15).
func StatusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return text
	}
	switch code / 100 {
	case 2:
		return "Successful"
	case 3:
		return "Redirection"
	case 4:
		return "Client Error"
	}
	return "Server Error"
}

// A writeError is one of the web server's side.
type writeError struct{ error }

func (e *writeError) Error() string { return "passing it on: " + e.error.Error() }
func (e *writeError) Unwrap() error { return e.error }

// ClientLeft reports whether err only says that nobody waits for the response
// any more.
func ClientLeft(err error) bool {
	if write, ok := errors.AsType[*writeError](err); ok {
		return errors.Is(write, syscall.EPIPE) || errors.Is(write, syscall.ECONNRESET) || errors.Is(write, net.ErrClosed)
	}
	return errors.Is(err, context.Canceled)
}

// copyBuffer is what a response is copied in, in bytes: with 32 KiB a download
// was 2 % slower.
const copyBuffer = 64 << 10

// buffers are for a process that answers many requests.
var buffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// copyPieces copies the body, and lets nothing wait for more to come. Header
// and first piece go out together where the app sent them together.
func copyPieces(w ResponseWriter, body io.Reader) error {
	flush := http.NewResponseController(w).Flush
	kept, _ := body.(*upstream.Body)
	if kept == nil || !kept.Ready() {
		if err := flush(); err != nil {
			return &writeError{err}
		}
	}
	var large []byte
	for isLarge := false; ; {
		if kept != nil {
			if err := kept.Wait(); err != nil {
				return err
			}
		}
		n, err := copyPiece(w, body, large)
		if n == copyBuffer && !isLarge { // there is more than that
			large, isLarge = w.LargeBuffer(), true
		}
		if err == io.EOF && kept != nil && kept.RequestSent() {
			flush = w.FlushLast
		}
		if n > 0 || err == io.EOF {
			if err := flush(); err != nil {
				return &writeError{err}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// copyPiece copies what one call of Read gives. buf may be nil.
func copyPiece(w io.Writer, body io.Reader, buf []byte) (int, error) {
	if buf == nil {
		shared := buffers.Get().(*[copyBuffer]byte)
		defer buffers.Put(shared)
		buf = shared[:]
	}
	n, err := body.Read(buf)
	if n > 0 {
		if _, err := w.Write(buf[:n]); err != nil {
			return n, &writeError{err}
		}
	}
	return n, err
}
