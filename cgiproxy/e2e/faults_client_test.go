package e2e

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"
)

// A caller is a client that looks at its response in two steps.
type caller struct {
	net.Conn
	r    *bufio.Reader
	left bool // it has closed the connection
	got  visited
}

// call sends raw bytes to a server.
func call(t *testing.T, addr, raw string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go io.WriteString(conn, raw)
	return &caller{Conn: conn, r: bufio.NewReader(conn)}
}

// part returns the first n bytes of the response's body, without a look at the
// response where that is 0.
func (c *caller) part(n int) (string, error) {
	if n == 0 {
		return "", nil
	}
	c.SetDeadline(time.Now().Add(2 * patience))
	if c.got.Response, c.got.err = http.ReadResponse(c.r, nil); c.got.err != nil {
		return "", c.got.err
	}
	part := make([]byte, n)
	n, c.got.err = io.ReadFull(c.got.Body, part)
	return string(part[:n]), c.got.err
}

// view sends the rest of the request, reads the rest of the response and
// returns what it looks like: "200", "200 cut", or "nothing" for no response.
func (c *caller) view(rest string) string {
	if c.left {
		return ""
	}
	c.SetDeadline(time.Now().Add(2 * patience))
	go io.WriteString(c, rest)
	got := &c.got
	if got.Response == nil && got.err == nil {
		got.Response, got.err = http.ReadResponse(c.r, nil)
	}
	if got.err == nil {
		_, got.err = io.Copy(io.Discard, got.Body)
	}
	switch {
	case errors.Is(got.err, os.ErrDeadlineExceeded):
		return "no end"
	case got.Response == nil:
		return "nothing"
	case got.err != nil:
		return strconv.Itoa(got.StatusCode) + " cut"
	default:
		return strconv.Itoa(got.StatusCode)
	}
}
