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
)

// writeAnswer copies the app's answer to the web server: status, header
// section, and each piece of the body as it comes. An error after the header
// means an answer that was cut short.
func writeAnswer(w answerWriter, resp *http.Response, m reverseMapping, log *logger) error {
	defer resp.Body.Close()
	h := w.Header()
	for name, values := range resp.Header {
		h[name] = values
	}
	filterAnswer(h, resp.StatusCode, log)
	m.rewriteResponse(h)
	splitLongFields(h, log)
	w.WriteStatus(resp.StatusCode, reasonPhrase(resp))
	return copyPieces(w, resp.Body)
}

// filterAnswer drops what a web server would take as meant for itself.
func filterAnswer(h http.Header, code int, log *logger) {
	removeHopByHop(h)
	delete(h, "Status") // RFC 3875, section 6.3.3: it would set the status
	if location := h["Location"]; location != nil && code == http.StatusOK {
		// Apache answers with what is at that place, or makes it a 302.
		log.warnf("dropped Location %q of a 200 answer: the web server would follow it", location)
		delete(h, "Location")
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // keeps net/http and net/http/fcgi from guessing one
	}
}

// reasonPhrase returns the app's own, or "" where it has none that could be
// passed on.
func reasonPhrase(resp *http.Response) string {
	_, reason, _ := strings.Cut(resp.Status, " ")
	if len(reason) > maxFieldLine {
		return ""
	}
	return strings.TrimSpace(reason)
}

// statusText returns a reason phrase for any status: without one nginx sends a
// status line that lacks the blank before it (RFC 9112, section 4). A status
// that no RFC knows is one of its class, or an error (RFC 9110, section 15).
func statusText(code int) string {
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

// visitorLeft reports whether err only says that nobody waits for the answer
// any more.
func visitorLeft(err error) bool {
	if write, ok := errors.AsType[*writeError](err); ok {
		return errors.Is(write, syscall.EPIPE) || errors.Is(write, syscall.ECONNRESET) || errors.Is(write, net.ErrClosed)
	}
	return errors.Is(err, context.Canceled)
}

// buffers are for a process that answers many requests.
var buffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// copyPieces copies the body, and lets nothing wait for more to come. Header
// and first piece go out together where the app sent them together.
func copyPieces(w http.ResponseWriter, body io.Reader) error {
	flush := http.NewResponseController(w).Flush
	if ready, ok := body.(interface{ ready() bool }); !ok || !ready.ready() {
		if err := flush(); err != nil {
			return &writeError{err}
		}
	}
	buf := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buf)
	piece := buf[:]
	wide, _ := w.(interface{ widen() []byte })
	for {
		n, err := body.Read(piece)
		if n > 0 {
			if _, err := w.Write(piece[:n]); err != nil {
				return &writeError{err}
			}
		}
		if n == len(buf) && wide != nil { // there is more than that
			piece, wide = wide.widen(), nil
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
