package cgiproxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// writeAnswer copies the app's answer to the web server: status, header
// section, and each piece of the body as it comes. An error after the header
// means an answer that was cut short.
func writeAnswer(w answerWriter, resp *http.Response, m mount, log *logger) error {
	defer resp.Body.Close()
	h := w.Header()
	for name, values := range resp.Header {
		h[name] = values
	}
	filterAnswer(h, resp.StatusCode, log)
	m.rewrite(h)
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

// buffers are for a process that answers many requests.
var buffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// copyPieces copies the body, and lets nothing wait for more to come. Header
// and first piece go out together where the app sent them together.
func copyPieces(w http.ResponseWriter, body io.Reader) error {
	flush := http.NewResponseController(w).Flush
	if ready, ok := body.(interface{ ready() bool }); !ok || !ready.ready() {
		if err := flush(); err != nil {
			return fmt.Errorf("passing it on: %w", err)
		}
	}
	buf := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buf)
	for {
		n, err := body.Read(buf[:])
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return fmt.Errorf("passing it on: %w", err)
			}
		}
		if n > 0 || err == io.EOF {
			if err := flush(); err != nil {
				return fmt.Errorf("passing it on: %w", err)
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
