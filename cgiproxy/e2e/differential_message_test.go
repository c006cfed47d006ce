// HTTP messages to the byte, and the client that sends and gets them.

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A message is a request or a response as it is on the wire, its body without
// the chunks. Without a body, other than with an empty one, it ends with its
// header section, whatever that declares.
type message struct {
	interim string // the 1xx responses before it, whole
	start   string // the request line or status line
	fields  []field
	body    []byte
	trailer []field
}

type field struct{ name, value string }

// status returns the three digits of a response's status.
func (m *message) status() string {
	_, rest, _ := strings.Cut(m.start, " ")
	return rest[:min(3, len(rest))]
}

// target returns what stands between method and version of a request.
func (m *message) target() string {
	_, rest, _ := strings.Cut(m.start, " ")
	target, _, _ := strings.Cut(rest, " ")
	return target
}

// values returns the values of a field, lines apart.
func (m *message) values(name string) (values []string) {
	for _, f := range m.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

func (m *message) value(name string) string { return strings.Join(m.values(name), ", ") }

func (m *message) add(name, value string) { m.fields = append(m.fields, field{name, value}) }

func (m *message) remove(names ...string) {
	m.fields = slices.DeleteFunc(m.fields, func(f field) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, f.name) })
	})
}

func (m *message) set(name, value string) {
	m.remove(name)
	m.add(name, value)
}

// join puts repeated fields, but for those named, on one line each.
func (m *message) join(except ...string) {
	for _, f := range slices.Clone(m.fields) {
		if !slices.ContainsFunc(except, func(name string) bool { return strings.EqualFold(name, f.name) }) && len(m.values(f.name)) > 1 {
			m.set(f.name, m.value(f.name))
		}
	}
}

// head returns all of the message but its body.
func (m *message) head() string {
	text := m.interim + m.start + "\r\n" + lines(m.fields) + "\r\n"
	if m.trailer != nil {
		text += lines(m.trailer) + "\r\n"
	}
	return text
}

func lines(fields []field) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.name + ": " + f.value + "\r\n")
	}
	return b.String()
}

// parseFields is the inverse of lines. White space around a value is no part
// of it (RFC 9112, section 5.1).
func parseFields(lines []string) (fields []field) {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, field{name, strings.Trim(value, " \t")})
	}
	return fields
}

// wire returns the bytes of the message.
func (m *message) wire(chunk int, pad string) []byte {
	var b bytes.Buffer
	b.WriteString(m.interim + m.start + "\r\n")
	for _, f := range m.fields {
		b.WriteString(f.name + ":" + pad + f.value + pad + "\r\n")
	}
	b.WriteString("\r\n")
	if m.body == nil || m.value("Transfer-Encoding") == "" {
		b.Write(m.body)
		return b.Bytes()
	}
	for piece := range slices.Chunk(m.body, chunk) {
		fmt.Fprintf(&b, "%x;x=y\r\n%s\r\n", len(piece), piece)
	}
	b.WriteString("0\r\n" + lines(m.trailer) + "\r\n")
	return b.Bytes()
}

// summary is the message for a person to read.
func (m *message) summary() string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(m.head(), "\r\n"), "\r\n") {
		fmt.Fprintf(&b, "    %.150q\n", line)
	}
	if m.body != nil {
		fmt.Fprintf(&b, "    and a body of %d bytes\n", len(m.body))
	}
	return b.String()
}

// A client sends requests to one address.
type client struct {
	addr      string
	keepAlive bool     // uses a connection again where the server lets it
	conn      net.Conn // nil for none
	r         *bufio.Reader
}

// send sends a trial's request and reads the response.
func (v *client) send(c *trial) (message, error) {
	if v.conn == nil {
		conn, err := net.Dial("tcp", v.addr)
		if err != nil {
			return message{}, err
		}
		v.conn, v.r = conn, bufio.NewReader(conn)
	}
	v.conn.SetDeadline(time.Now().Add(patience))
	sent := make(chan struct{})
	go func() { // beside the reading, as in visit
		defer close(sent)
		v.conn.Write(c.request.wire(c.chunk, c.pad))
	}()
	response, last, err := readResponse(v.r, c.method())
	end := err != nil || last || !v.keepAlive
	if end {
		v.conn.Close()
	}
	<-sent
	if end {
		v.conn = nil
	}
	return response, err
}

// readResponse reads one response and leaves unread what follows it. It reports
// whether it is the connection's last.
func readResponse(r *bufio.Reader, method string) (m message, last bool, err error) {
	var interim string
	for {
		head, err := readLines(r)
		if err != nil {
			return m, true, err
		}
		m = message{start: head[0], fields: parseFields(head[1:])}
		if !strings.HasPrefix(m.status(), "1") {
			break
		}
		interim += m.head()
	}
	m.interim = interim
	last = m.value("Connection") == "close"
	switch {
	case method == "HEAD" || m.status() == "204" || m.status() == "304":
	case m.value("Transfer-Encoding") != "":
		if m.body, err = io.ReadAll(httputil.NewChunkedReader(r)); err == nil {
			var trailer []string
			trailer, err = readLines(r)
			m.trailer = parseFields(trailer)
		}
	case m.value("Content-Length") != "":
		var n int
		if n, err = strconv.Atoi(m.value("Content-Length")); err == nil {
			m.body = make([]byte, n)
			_, err = io.ReadFull(r, m.body)
		}
	default:
		last = true
		m.body, err = io.ReadAll(r)
	}
	return m, last, err
}

// readLines reads lines up to an empty one.
func readLines(r *bufio.Reader) (lines []string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return lines, err
		}
		line, ok := strings.CutSuffix(line, "\r\n")
		switch {
		case !ok:
			return lines, fmt.Errorf("line %.100q has no CR", line)
		case line == "":
			return lines, nil
		}
		lines = append(lines, line)
	}
}
