package cgihost

// The way back: what the program writes, as it writes it.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
)

// maxHead bounds the header of a program's response, in bytes.
const maxHead = 1 << 20

// A response is the standard output of the program. It takes the header until
// the blank line, then passes on every piece of the body at once.
type response struct {
	w     http.ResponseWriter
	r     *http.Request
	head  []byte
	begun bool // the header is complete and was sent
}

func (resp *response) Write(p []byte) (int, error) {
	body := p
	if !resp.begun {
		resp.head = append(resp.head, p...)
		end := headEnd(resp.head)
		if end < 0 {
			if len(resp.head) > maxHead {
				return 0, fmt.Errorf("header of the answer: more than %d bytes", maxHead)
			}
			return len(p), nil
		}
		if err := resp.begin(resp.head[:end]); err != nil {
			return 0, err
		}
		body = resp.head[end:]
	}
	if len(body) > 0 {
		_, err := resp.w.Write(body)
		if err != nil && !errors.Is(err, http.ErrBodyNotAllowed) { // of a HEAD, 204 or 304
			return 0, err
		}
	}
	// net/http collects 4 KiB before it writes; a live stream has smaller pieces.
	http.NewResponseController(resp.w).Flush()
	return len(p), nil
}

// headEnd returns the index after the blank line that ends the header, or -1.
// Lines may end in LF or CRLF (RFC 3875, section 6.2).
func headEnd(b []byte) int {
	end := -1
	for _, blank := range []string{"\n\n", "\n\r\n"} {
		if i := bytes.Index(b, []byte(blank)); i >= 0 && (end < 0 || i+len(blank) < end) {
			end = i + len(blank)
		}
	}
	return end
}

// begin sends the header. There is no internal redirect for a Location without
// a Status (RFC 3875, section 6.2.2): it goes to the client as it is.
func (resp *response) begin(head []byte) error {
	fields, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(head))).ReadMIMEHeader()
	if err != nil {
		return fmt.Errorf("header of the answer: %w", err)
	}
	status, code := fields.Get("Status"), http.StatusOK
	if status != "" {
		number, _, _ := strings.Cut(status, " ")
		if code, err = strconv.Atoi(number); err != nil || code < 200 || code > 999 {
			return fmt.Errorf("header of the answer: status %q is not one", status)
		}
	} else if fields.Get("Location") != "" {
		code = http.StatusFound
	}
	header := resp.w.Header()
	header["Content-Type"] = nil // or net/http guesses one where the program gave none
	for name, values := range fields {
		switch name {
		case "Status", "Transfer-Encoding", "Connection": // the server's own affair
		default:
			header[name] = values
		}
	}
	if c, ok := resp.r.Context().Value(statusKey{}).(*statusConn); ok && status != "" {
		c.status.Store(&status)
	}
	resp.w.WriteHeader(code)
	resp.begun = true
	return nil
}

// net/http writes only the standard reason phrases. A statusConn puts the
// program's own, such as "404 No Such Page", into the status line.
type statusConn struct {
	net.Conn
	status atomic.Pointer[string] // to stand in the next status line; nil leaves it alone
}

func (c *statusConn) Write(p []byte) (int, error) {
	status := c.status.Load()
	// An interim "100 Continue" may come in between.
	if status == nil || !bytes.HasPrefix(p, []byte("HTTP/1.1 "+(*status)[:3]+" ")) {
		return c.Conn.Write(p)
	}
	c.status.Store(nil)
	_, rest, _ := bytes.Cut(p, []byte("\r\n"))
	if _, err := c.Conn.Write([]byte("HTTP/1.1 " + *status + "\r\n" + string(rest))); err != nil {
		return 0, err
	}
	return len(p), nil
}

type statusListener struct{ net.Listener }

func (l statusListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &statusConn{Conn: c}, nil
}

type statusKey struct{}

func withStatusConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, statusKey{}, c)
}
