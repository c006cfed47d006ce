package fastcgi

import (
	"errors"
	"net"
	"os"
	"time"
)

// cutTime bounds how long the end of the process waits for web servers that take
// nothing. It is a choice.
const cutTime = 100 * time.Millisecond

// cutBuffer is what a Unix socket may hold at the end of the process, in bytes. Linux
// makes twice net.core.wmem_max of it, which is twice what sockets hold else: room for
// what is being written and what follows that.
const cutBuffer = 1 << 20

// write writes whole records, of no more than a piece of the response and its end.
func (c *conn) write(records ...[]byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	rest := net.Buffers(records)
	_, err := rest.WriteTo(c.Conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.finish(rest)
	}
	return err
}

// interrupt hurries a write that the web server does not take, for its client does
// not, and lets it be the last.
func (c *conn) interrupt() { c.SetWriteDeadline(time.Unix(1, 0)) }

// finish writes the rest of records, or else makes the end of the connection an error
// for the web server, as TCP can: nginx takes one within a record, too, for the end of
// a response without a length.
func (c *conn) finish(rest net.Buffers) {
	if unix, ok := c.Conn.(*net.UnixConn); ok {
		_ = unix.SetWriteBuffer(cutBuffer) // so that nobody has to take anything
	}
	c.SetWriteDeadline(time.Now().Add(cutTime))
	if _, err := rest.WriteTo(c.Conn); err == nil {
		return
	}
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
