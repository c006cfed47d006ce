package main

// The head of a request as it came over the wire: net/http keeps the fields in
// a map, without their order and spelling.

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
)

// maxHead bounds what is kept of a head, in bytes.
const maxHead = 64 << 10

// A headConn keeps what was read first, up to the blank line.
type headConn struct {
	net.Conn
	head []byte
	done bool // the head is complete; nothing is written here from then on
}

func (c *headConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.done {
		c.head = append(c.head, p[:n]...)
		if i := bytes.Index(c.head, []byte("\r\n\r\n")); i >= 0 {
			c.head, c.done = c.head[:i], true
		}
		c.done = c.done || len(c.head) > maxHead
	}
	return n, err
}

type headListener struct{ net.Listener }

func (l headListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &headConn{Conn: c}, nil
}

type headKey struct{}

func withHead(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, headKey{}, c)
}

// headFields gives the header fields as they came, repeated ones apart.
func headFields(r *http.Request) [][2]string {
	c, ok := r.Context().Value(headKey{}).(*headConn)
	if !ok {
		return nil
	}
	var fields [][2]string
	for _, line := range strings.Split(string(c.head), "\r\n")[1:] { // [0] is the request line
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, [2]string{name, strings.Trim(value, " \t")})
	}
	return fields
}
