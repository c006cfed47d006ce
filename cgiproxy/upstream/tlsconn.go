package upstream

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
)

// A tlsConn is a TLS connection that can tell whether it has bytes that it was
// not asked for yet. *tls.Conn cannot: so that has one record at a time to read
// (recordConn), and the data of each is taken from it as a whole.
type tlsConn struct {
	*tls.Conn
	data *bufio.Reader
}

const (
	recordHeader  = 5        // bytes (RFC 8446, section 5.1)
	maxRecordData = 16 << 10 // bytes
)

func newTLSConn(conn net.Conn, config *tls.Config) *tlsConn {
	secure := tls.Client(&recordConn{Conn: conn}, config)
	return &tlsConn{secure, bufio.NewReaderSize(secure, maxRecordData)}
}

func (c *tlsConn) Read(p []byte) (int, error) { return c.data.Read(p) }

// buffered reports whether something has been read from the socket, but not
// from c.
func (c *tlsConn) buffered() bool { return c.data.Buffered() > 0 }

// A recordConn is the connection below TLS. It reads no further than to the end
// of a record.
type recordConn struct {
	net.Conn
	header    []byte // what has come of the next record's header
	remaining int    // bytes of the current record
}

// Read implements net.Conn. The end of the TCP connection, which anybody on
// the way can bring about, is no end of the data: crypto/tls takes io.EOF for
// one, even without a close_notify (RFC 9112, section 9.8).
func (c *recordConn) Read(p []byte) (n int, err error) {
	if c.remaining > 0 {
		n, err = c.Conn.Read(p[:min(len(p), c.remaining)])
		c.remaining -= n
	} else {
		n, err = c.Conn.Read(p[:min(len(p), recordHeader-len(c.header))])
		c.header = append(c.header, p[:n]...)
		if len(c.header) == recordHeader {
			c.remaining = int(c.header[3])<<8 | int(c.header[4])
			c.header = c.header[:0]
		}
	}
	if err == io.EOF {
		err = fmt.Errorf("TLS without a close_notify: %w", io.ErrUnexpectedEOF)
	}
	return n, err
}

// NetConn is for descriptor.Control.
func (c *recordConn) NetConn() net.Conn { return c.Conn }
