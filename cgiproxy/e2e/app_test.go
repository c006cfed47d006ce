package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// patience bounds each wait of a test: far more than any step takes.
const patience = 10 * time.Second

// A recorder is an app that keeps the bytes it was sent and answers with the
// bytes it was told.
type recorder struct {
	addr string
	got  chan received
}

// A received is one request as it came.
type received struct {
	line   string      // the request line
	header http.Header // as parsed by net/textproto: names canonical, values raw
	lines  []string    // the field lines as they came, but for the mark
	body   []byte      // without its chunks
	err    error       // what ended the body early
}

// newRecorder starts an app that gives each connection to respond, after the
// whole request has come, and then closes it.
func newRecorder(t *testing.T, respond func(net.Conn, received)) *recorder {
	t.Helper()
	return recordOn(t, listenTCP(t), respond)
}

// recordOn is newRecorder for an app that listens elsewhere.
func recordOn(t *testing.T, l net.Listener, respond func(net.Conn, received)) *recorder {
	t.Helper()
	a := &recorder{got: make(chan received, 16)}
	a.addr = serveApp(t, l, func(conn net.Conn) {
		conn.SetDeadline(time.Now().Add(patience))
		r := readRequest(conn)
		a.got <- r
		respond(conn, r)
	})
	return a
}

// newApp starts an app that does with each connection as it is told, and then
// closes it.
func newApp(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	return serveApp(t, listenTCP(t), handle)
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listenSocket listens on a unix socket that the CGI programs of every server
// may use.
func listenSocket(t *testing.T) net.Listener {
	t.Helper()
	socket := filepath.Join(publicFolder(t), "app.sock")
	l, err := net.Listen("unix", socket)
	if err == nil {
		err = os.Chmod(socket, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serveApp is newApp for one that listens elsewhere.
func serveApp(t *testing.T, l net.Listener, handle func(net.Conn)) (addr string) {
	t.Helper()
	return testkit.ServeApp(t, l, handle).Addr().String()
}

// request returns the next request the app got.
func (a *recorder) request(t *testing.T) received {
	t.Helper()
	select {
	case r := <-a.got:
		return r
	case <-time.After(patience):
		t.Fatal("the app got no request")
		panic("unreachable")
	}
}

// isMark reports whether a field line is the mark of a site, which no test of
// other fields can foretell.
var isMark = regexp.MustCompile(`^X-Proxy-Loop: [0-9a-f]{16}$`).MatchString

// readRequest reads a request strictly: one framing, no more and no less.
func readRequest(conn net.Conn) (r received) {
	br := bufio.NewReader(conn)
	var raw bytes.Buffer
	for !bytes.HasSuffix(raw.Bytes(), []byte("\r\n\r\n")) {
		line, err := br.ReadBytes('\n')
		raw.Write(line)
		if err != nil {
			r.err = fmt.Errorf("header: %w", err)
			return r
		}
	}
	lines := strings.Split(strings.TrimSuffix(raw.String(), "\r\n\r\n"), "\r\n")
	r.line, r.lines = lines[0], slices.DeleteFunc(lines[1:], isMark)
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(raw.String()[len(lines[0])+2:]))).ReadMIMEHeader()
	if err != nil {
		r.err = fmt.Errorf("header: %w", err)
		return r
	}
	r.header = http.Header(header)
	lengths, codings := r.header["Content-Length"], r.header["Transfer-Encoding"]
	switch {
	case len(lengths)+len(codings) > 1:
		r.err = fmt.Errorf("framed twice: %q %q", lengths, codings)
	case len(lengths) == 1:
		n, err := strconv.Atoi(lengths[0])
		if err != nil {
			r.err = err
			return r
		}
		r.body = make([]byte, n)
		got, err := io.ReadFull(br, r.body)
		r.body, r.err = r.body[:got], err
	case len(codings) == 1:
		r.body, r.err = io.ReadAll(httputil.NewChunkedReader(br))
		if r.err == nil {
			_, r.err = br.Discard(len("\r\n"))
		}
	}
	return r
}

// visit sends raw bytes to a server and reads one response to its end.
func visit(t *testing.T, addr, raw string) visited {
	t.Helper()
	return visitFrom(t, nil, addr, raw)
}

// visitFrom is visit for a client with an address of its own.
func visitFrom(t *testing.T, client net.Addr, addr, raw string) visited {
	t.Helper()
	got, err := tryVisit(client, addr, raw, patience)
	if err != nil {
		t.Fatalf("no response to %.200q: %v", raw, err)
	}
	return got
}

// tryVisit is visitFrom within a limit. An error is that there is no response.
func tryVisit(client net.Addr, addr, raw string, limit time.Duration) (visited, error) {
	dialer := net.Dialer{LocalAddr: client}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return visited{}, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	// Beside the reading: a server may answer before it has read everything.
	go io.WriteString(conn, raw)
	method, _, _ := strings.Cut(raw, " ")
	var head bytes.Buffer // http.ReadResponse makes up a Cache-Control
	r := bufio.NewReader(io.TeeReader(conn, &head))
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(r, &http.Request{Method: method})
	}
	if err != nil {
		return visited{}, err
	}
	defer resp.Body.Close()
	if !bytes.Contains(head.Bytes(), []byte("\nCache-Control:")) {
		resp.Header.Del("Cache-Control")
	}
	body, err := io.ReadAll(resp.Body)
	return visited{resp, string(body), err}, nil
}

// A visited is a response as the client got it.
type visited struct {
	*http.Response
	body string
	err  error // what ended the body early
}

// hasLine reports whether the header has the field line, e.g. "Vary: a, b", be
// it split over several.
func hasLine(h http.Header, line string) bool {
	name, value, _ := strings.Cut(line, ": ")
	values := h.Values(name)
	return slices.Contains(values, value) || strings.Join(values, ", ") == value
}
