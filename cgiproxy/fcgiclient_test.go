package cgiproxy

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"strings"
	"testing"
	"time"
)

// A fcgiClient is the web server's end of a FastCGI connection.
type fcgiClient struct {
	t *testing.T
	net.Conn
}

// The record type that only the web server sends.
const fcgiStdin = 5

// serveFCGI serves the settings of a .htcgiproxy over FastCGI, and returns the
// listener with the handler behind it.
func serveFCGI(t *testing.T, settings string) (*fcgiListener, *handler) {
	t.Helper()
	folder := t.TempDir()
	writeFile(t, folder, ".htcgiproxy", settings)
	l := newFCGIListener(listen(t, "tcp", "127.0.0.1:0"), &logger{w: io.Discard})
	h := &handler{folder: folder, sites: newSites(folder, nil)}
	served := make(chan error)
	go func() {
		served <- fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serveFastCGI(h, w, r, l) }))
	}()
	t.Cleanup(func() {
		l.stop()
		<-served
		l.finish(time.Second)
		h.sites.close()
	})
	return l, h
}

func dialFCGI(t *testing.T, l *fcgiListener) *fcgiClient {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return &fcgiClient{t, conn}
}

func (c *fcgiClient) send(records ...[]byte) {
	c.t.Helper()
	for _, record := range records {
		if _, err := c.Write(record); err != nil {
			c.t.Fatal(err)
		}
	}
}

// begin returns the records that begin request 1.
func begin(keep bool, vars ...string) []byte {
	flags := byte(0)
	if keep {
		flags = 1
	}
	b := fcgiRecord(fcgiBeginRequest, 1, []byte{0, fcgiResponder, flags, 0, 0, 0, 0, 0})
	return append(append(b, fcgiRecord(fcgiParams, 1, encodeParams(vars...))...), fcgiRecord(fcgiParams, 1, nil)...)
}

// stdin returns the records of a body, and of its end.
func stdin(body string) []byte {
	var b []byte
	for len(body) > 0 {
		n := min(len(body), 60000)
		b = append(b, fcgiRecord(fcgiStdin, 1, []byte(body[:n]))...)
		body = body[n:]
	}
	return append(b, fcgiRecord(fcgiStdin, 1, nil)...)
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

// visitVars returns the variables of a visit to http://example.com/ as nginx
// passes them on. Those in vars count first.
func visitVars(vars ...string) (all []string) {
	for name, value := range visit(append(vars, "SERVER_ADDR=")...) {
		all = append(all, name+"="+value)
	}
	return all
}

// A fcgiAnswer is what the web server reads of one request.
type fcgiAnswer struct {
	cgiAnswer
	stderr string
	status []byte // of END_REQUEST; nil where the connection has been closed
}

func (c *fcgiClient) answer() (answer fcgiAnswer) {
	c.t.Helper()
	var out, stderr strings.Builder
	for answer.status == nil {
		header := make([]byte, fcgiHeaderLength)
		if _, err := io.ReadFull(c, header); err != nil {
			break
		}
		content := make([]byte, int(binary.BigEndian.Uint16(header[4:]))+int(header[6]))
		if _, err := io.ReadFull(c, content); err != nil {
			break
		}
		content = content[:len(content)-int(header[6])]
		switch header[1] {
		case fcgiStdout:
			out.Write(content)
		case fcgiStderr:
			stderr.Write(content)
		case fcgiEndRequest:
			answer.status = content
		default:
			c.t.Fatalf("record of type %d", header[1])
		}
	}
	answer.stderr = stderr.String()
	if out.Len() > 0 {
		answer.cgiAnswer = parseCGI(c.t, out.String())
	}
	return answer
}
