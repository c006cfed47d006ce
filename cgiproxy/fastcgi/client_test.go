package fastcgi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// A client is the web server's end of a FastCGI connection.
type client struct {
	t *testing.T
	net.Conn
}

// serve serves the settings of a .htcgiproxy over FastCGI, and returns the
// listener with the sites behind it.
func serve(t *testing.T, settings string) (*listener, *siteCache) {
	t.Helper()
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", settings)
	sites := newSites(folder, nil)
	l := newListener(testkit.Listen(t, "tcp", "127.0.0.1:0"), sites.report)
	served := make(chan error)
	l.answer = func(w *responseWriter, r *request) { serveRequest(sites, nil, w, r) }
	go func() { served <- l.serve() }()
	t.Cleanup(func() {
		l.stop()
		<-served
		l.awaitAll(time.Second)
		sites.close()
	})
	return l, sites
}

// reportTo returns a reporter that writes lines.
func reportTo(w io.Writer) reporter {
	return func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
}

// visit returns testkit.Visit as an Environ.
func visit(vars ...string) cgiproxy.Environ { return cgiproxy.NewEnviron(testkit.Visit(vars...)) }

func dial(t *testing.T, l *listener) *client {
	t.Helper()
	conn, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &client{t, conn}
}

// send sends the records at once, as web servers do.
func (c *client) send(records ...[]byte) {
	c.t.Helper()
	if _, err := c.Write(bytes.Join(records, nil)); err != nil {
		c.t.Fatal(err)
	}
}

// begin returns the records that begin request 1.
func begin(keep bool, vars ...string) []byte {
	flags := byte(0)
	if keep {
		flags = 1
	}
	b := newRecord(typeBeginRequest, 1, []byte{0, roleResponder, flags, 0, 0, 0, 0, 0})
	return append(append(b, newRecord(typeParams, 1, encodeParams(vars...))...), newRecord(typeParams, 1, nil)...)
}

// stdin returns the records of a body, and of its end.
func stdin(body string) []byte {
	var b []byte
	for len(body) > 0 {
		n := min(len(body), 60000)
		b = append(b, newRecord(typeStdin, 1, []byte(body[:n]))...)
		body = body[n:]
	}
	return append(b, newRecord(typeStdin, 1, nil)...)
}

// encodeParams is the inverse of decodeParams.
func encodeParams(vars ...string) (b []byte) {
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		for _, s := range []string{name, value} {
			if len(s) < 0x80 {
				b = append(b, byte(len(s)))
			} else {
				b = binary.BigEndian.AppendUint32(b, uint32(len(s))|1<<31)
			}
		}
		b = append(b, name+value...)
	}
	return b
}

// visitVars returns the variables of a visit as nginx passes them on. Those in
// vars count first.
func visitVars(vars ...string) []string { return testkit.Visit(append(vars, "SERVER_ADDR=")...) }

// A response is what the web server reads of one request.
type response struct {
	testkit.CGIResponse
	stderr string
	status []byte // of END_REQUEST; nil where the connection has been closed
}

func (c *client) response() (response response) {
	c.t.Helper()
	var out, stderr strings.Builder
	for response.status == nil {
		header := make([]byte, headerLength)
		if _, err := io.ReadFull(c, header); err != nil {
			break
		}
		content := make([]byte, int(binary.BigEndian.Uint16(header[4:]))+int(header[6]))
		if _, err := io.ReadFull(c, content); err != nil {
			break
		}
		content = content[:len(content)-int(header[6])]
		switch header[1] {
		case typeStdout:
			out.Write(content)
		case typeStderr:
			stderr.Write(content)
		case typeEndRequest:
			response.status = content
		default:
			c.t.Fatalf("record of type %d", header[1])
		}
	}
	response.stderr = stderr.String()
	if out.Len() > 0 {
		response.CGIResponse = testkit.ParseCGI(c.t, out.String())
	}
	return response
}
