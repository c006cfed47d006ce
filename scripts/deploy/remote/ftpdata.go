package remote

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"time"
)

// sessionConfig is for all connections of one login. Servers take a data
// connection only if it resumes the TLS session of the control connection: so
// they know that it is the same client's.
func sessionConfig(base *tls.Config, name string) *tls.Config {
	config := &tls.Config{}
	if base != nil {
		config = base.Clone()
	}
	config.ServerName = name
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return config
}

// transfer asks for a data connection, says what it is for, and has use use it.
func (h *ftpHost) transfer(what, command string, use func(net.Conn) error) error {
	raw, err := h.dialData()
	if err != nil {
		return err
	}
	defer raw.Close()
	if _, err := h.ask(what, 1, command); err != nil {
		return err
	}
	conn := net.Conn(&dataConn{Conn: raw})
	if h.tls != nil {
		conn = tls.Client(conn, h.tls)
	}
	useErr := use(conn)
	if errors.Is(useErr, ErrTooLong) {
		h.conn.Close() // the server is still at it
		return fmt.Errorf("%s: %w", what, useErr)
	}
	if secure, ok := conn.(*tls.Conn); ok && useErr == nil {
		endTLS(secure)
	}
	raw.Close()
	_, _, err = h.reply(2)
	if err := ftpError(what, err); err != nil || useErr == nil {
		return err
	}
	return fmt.Errorf("%s: %w", what, broken(useErr))
}

// endTLS says that this was all, and waits for the same from the server: what it
// has sent last, unread, would make the kernel take back what it has not read
// yet (a reset).
func endTLS(conn *tls.Conn) {
	conn.CloseWrite()
	raw := conn.NetConn().(*dataConn).Conn // with one deadline for all
	raw.SetDeadline(time.Now().Add(ioTime))
	io.Copy(io.Discard, raw)
}

// sendBuffer is how much of a file, in bytes, may be on its way when the last piece is
// written: the reply to all of it comes within ioTime, on a line of 20 kB/s, too. The
// kernel would take megabytes.
const sendBuffer = 256 << 10

// dialData opens the data connection. Its address is that of the server, for the
// one in a reply to PASV may be one behind its NAT.
func (h *ftpHost) dialData() (net.Conn, error) {
	port, err := 0, error(nil)
	if !h.pasv {
		if port, err = h.dataPort(229, "EPSV", epsvPort); errors.Is(err, errBroken) {
			return nil, err
		}
		h.pasv = err != nil
	}
	if h.pasv {
		if port, err = h.dataPort(227, "PASV", pasvPort); err != nil {
			return nil, err
		}
	}
	server, _, err := net.SplitHostPort(h.conn.RemoteAddr().String())
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(server, strconv.Itoa(port)), ioTime)
	if err != nil {
		return nil, fmt.Errorf("data connection: %w", broken(err))
	}
	conn.(*net.TCPConn).SetWriteBuffer(sendBuffer)
	return conn, nil
}

func (h *ftpHost) dataPort(expect int, command string, parse func(string) int) (int, error) {
	reply, err := h.ask("data connection", expect, command)
	if err != nil {
		return 0, err
	}
	port := parse(reply)
	if port <= 0 || port > 65535 {
		return 0, fmt.Errorf("%s: no port in %q", command, reply)
	}
	return port, nil
}

// epsvPort reads "Entering Extended Passive Mode (|||6446|)" (RFC 2428).
func epsvPort(reply string) int {
	_, rest, _ := strings.Cut(reply, "(|||")
	number, _, _ := strings.Cut(rest, "|")
	port, _ := strconv.Atoi(number)
	return port
}

// pasvPort reads "Entering Passive Mode (127,0,0,1,25,46)".
func pasvPort(reply string) int {
	_, rest, _ := strings.Cut(reply, "(")
	inner, _, _ := strings.Cut(rest, ")")
	parts := strings.Split(inner, ",")
	if len(parts) != 6 {
		return 0
	}
	high, err1 := strconv.Atoi(strings.TrimSpace(parts[4]))
	low, err2 := strconv.Atoi(strings.TrimSpace(parts[5]))
	if err1 != nil || err2 != nil {
		return 0
	}
	return high<<8 | low
}

// A dataConn gives each piece its own time.
type dataConn struct {
	net.Conn
	eof bool // it has been read to its end
}

func (d *dataConn) Read(b []byte) (int, error) {
	d.Conn.SetDeadline(time.Now().Add(ioTime))
	n, err := d.Conn.Read(b)
	d.eof = err == io.EOF
	return n, err
}

func (d *dataConn) Write(b []byte) (int, error) {
	d.Conn.SetDeadline(time.Now().Add(ioTime))
	return d.Conn.Write(b)
}

// hasEnded reports whether the server has said that what is read of a connection
// was all: by close_notify, where there is TLS. Go's TLS takes the connection's
// end for that, if it is between two records.
func hasEnded(conn net.Conn) bool {
	secure, ok := conn.(*tls.Conn)
	return !ok || !secure.NetConn().(*dataConn).eof
}

func (h *ftpHost) Read(name string, offset, most int64) ([]byte, error) {
	size, err := h.Size(name)
	if err != nil {
		return nil, err
	}
	if size-offset > most {
		return nil, fmt.Errorf("%s: %w: %d bytes of at most %d", name, ErrTooLong, size-offset, most)
	}
	if offset > 0 {
		if _, err := h.ask(name, 350, fmt.Sprintf("REST %d", offset)); err != nil {
			return nil, err
		}
	}
	var text []byte
	err = h.transfer(name, "RETR "+h.path(name), func(conn net.Conn) (err error) {
		text, err = readMost(conn, most)
		return err
	})
	err = h.unlessThere(name, err)
	if err == nil && int64(len(text)) < size-offset { // some servers send no close_notify: the size tells
		err = broken(fmt.Errorf("%s: %d bytes of %d", name, len(text), size-offset))
	}
	return text, err
}

func (h *ftpHost) Write(name string, content []byte, mode fs.FileMode, tell func(int)) error {
	err := h.transfer(name, "STOR "+h.path(name), func(conn net.Conn) error {
		for piece := range pieces(content) {
			if _, err := conn.Write(piece); err != nil {
				return err
			}
			tell(len(piece))
		}
		if secure, ok := conn.(*tls.Conn); ok && len(content) == 0 {
			return secure.Handshake()
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%v: does the folder exist, and may this login write there?", err)
	}
	if err != nil {
		return err
	}
	return h.Chmod(name, mode)
}

// pieces cuts content, so that progress can be told.
func pieces(content []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(content) > 0 {
			n := min(len(content), 32<<10)
			if !yield(content[:n]) {
				return
			}
			content = content[n:]
		}
	}
}
