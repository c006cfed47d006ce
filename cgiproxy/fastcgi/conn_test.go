package fastcgi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A scriptedConn reads what a web server would send, and keeps what it gets.
type scriptedConn struct {
	net.Conn
	io.Reader
	written func(p []byte)
}

func (c *scriptedConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (c *scriptedConn) Write(p []byte) (int, error) {
	if c.written != nil {
		c.written(p)
	}
	return len(p), nil
}

func (c *scriptedConn) Close() error { return nil }

// The records arrive in pieces of any length.
func TestFCGIConnSplit(t *testing.T) {
	records := append(begin(false, visitVars("HTTP_COOKIE="+strings.Repeat("c", 200))...), stdin("body")...)
	check := func(name string, r io.Reader) {
		t.Helper()
		l := newListener(nil, nil)
		got := make(chan string, 1)
		l.answer = func(_ *responseWriter, r *request) {
			body, err := io.ReadAll(r.body)
			got <- fmt.Sprint(len(r.env["HTTP_COOKIE"]), string(body), err)
		}
		ended := make(chan bool)
		go l.open(&scriptedConn{Reader: io.MultiReader(r, endless(ended))}).serve()
		if request := <-got; request != "200body<nil>" {
			t.Fatalf("%s: the request is %s", name, request)
		}
		close(ended)
	}
	for i := range len(records) - 1 {
		check("cut once", io.MultiReader(bytes.NewReader(records[:i+1]), bytes.NewReader(records[i+1:])))
	}
	check("byte by byte", iotest.OneByteReader(bytes.NewReader(records)))
}

// endless is the rest of a connection on which nothing comes until it ends.
type endless chan bool

func (e endless) Read([]byte) (int, error) {
	<-e
	return 0, io.EOF
}

// A record may have 65535 bytes and 255 of padding, which net/http/fcgi has no
// room for.
func TestFCGIConnLargestRecord(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		n, _ := io.CopyN(io.Discard, conn, 65535)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"+map[bool]string{true: "ok", false: "no"}[n == 65535])
	})
	l, _ := serve(t, app.Upstream())
	c := dial(t, l)
	record := newRecord(typeStdin, 1, bytes.Repeat([]byte("b"), 65535))
	record[6] = 255
	c.send(begin(false, visitVars("REQUEST_METHOD=POST", "CONTENT_LENGTH=65535")...), record, make([]byte, 255), stdin(""))
	if response := c.response(); response.status == nil || response.Body != "ok" {
		t.Errorf("got %+v", response)
	}
}

// Once the last record of a request is written, the web server may begin the
// next one with the same id: it must not be taken for the first.
func TestFCGIConnSameID(t *testing.T) {
	l := newListener(nil, nil)
	asked, goOn := make(chan *responseWriter, 2), make(chan bool)
	defer close(goOn)
	l.answer = func(w *responseWriter, _ *request) {
		asked <- w
		<-goOn
	}
	records := append(begin(true, visitVars()...), stdin("")...)
	sent := &scriptedConn{Reader: bytes.NewReader(append(records, records...))}
	c := l.open(sent)
	c.input = takeInput(c.Conn)
	readOne := func() {
		for range 4 { // the begin, the parameters, their end and that of the body
			if err := c.readRecord(); err != nil {
				t.Error(err)
			}
		}
	}
	readOne()
	first := <-asked
	sent.written = func(p []byte) {
		if bytes.HasSuffix(p, endRequest(1, requestComplete)) {
			sent.written = nil
			readOne()
		}
	}
	first.end()
	second := (<-asked).request
	if first.request.ctx.Err() == nil || l.requests[first.request] {
		t.Error("the first request has not ended")
	}
	if second.ctx.Err() != nil || c.requests[1] != second || !l.requests[second] {
		t.Errorf("the second request has ended with the first: %+v", second)
	}
	if c.idle() || c.running != 1 {
		t.Errorf("%d requests are under way, want 1", c.running)
	}
}

func TestFCGIConnIgnores(t *testing.T) {
	unasked := newRecord(typeParams, 7, encodeParams("A=B"))
	again := append(newRecord(typeParams, 1, encodeParams("REQUEST_METHOD=EVIL")), newRecord(typeParams, 1, nil)...)
	app := testkit.StartApp(t, func(conn net.Conn) {
		head, _ := testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"+head[:3])
	})
	l, _ := serve(t, app.Upstream())
	for name, records := range map[string][]byte{
		"parameters of another request": append(unasked, begin(false, visitVars()...)...),
		"parameters after their end":    append(begin(false, visitVars()...), again...),
		"a record without content":      append(newRecord(typeBeginRequest, 9, []byte{0, 9, 0, 0, 0, 0, 0, 0}), begin(false, visitVars()...)...),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, l)
			c.send(records, stdin(""))
			response := c.response()
			if strings.HasPrefix(name, "a record") { // of a role that we do not play: FCGI_UNKNOWN_ROLE
				if response.status == nil || response.status[4] != 3 {
					t.Errorf("status %v of the other role, want 3", response.status)
				}
				response = c.response()
			}
			if response.status == nil || response.Body != "GET" {
				t.Errorf("got %+v", response)
			}
		})
	}
}

// Malformed and endless parameters end the connection: what follows cannot be
// told apart.
func TestFCGIConnRefuses(t *testing.T) {
	l, _ := serve(t, "UPSTREAM=1")
	big := newRecord(typeParams, 1, make([]byte, 65535))
	for name, records := range map[string][][]byte{
		"malformed parameters":  {begin(false)[:16], newRecord(typeParams, 1, []byte("\x05\x05A")), newRecord(typeParams, 1, nil)},
		"parameters over 1 MiB": append([][]byte{begin(false)[:16]}, slicesOf(big, 17)...),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, l)
			for _, record := range records {
				if _, err := c.Write(record); err != nil {
					break // closed already
				}
			}
			if response := c.response(); response.status != nil || response.Status != "" {
				t.Errorf("got a response: %+v", response)
			}
		})
	}
}

func slicesOf(b []byte, n int) (all [][]byte) {
	for range n {
		all = append(all, b)
	}
	return all
}

// An acceptor returns one error after another, then a connection.
type acceptor struct {
	net.Listener
	errs []error
}

func (a *acceptor) Accept() (net.Conn, error) {
	if len(a.errs) == 0 {
		return &scriptedConn{}, nil
	}
	err := a.errs[0]
	a.errs = a.errs[1:]
	return nil, &net.OpError{Op: "accept", Err: err}
}

func TestFCGIListenerAccept(t *testing.T) {
	tests := []struct {
		name string
		errs []error
		want error
		log  string
	}{
		{"no error", nil, nil, ""},
		{"no descriptor left", []error{syscall.EMFILE, syscall.EMFILE, syscall.ENFILE}, nil, "too many open files: it is tried again"},
		{"connection gone", []error{syscall.ECONNABORTED}, nil, "it is tried again"},
		{"closed", []error{net.ErrClosed}, net.ErrClosed, ""},
		{"no socket", []error{syscall.ENOTSOCK}, syscall.ENOTSOCK, ""},
		{"shut down", []error{syscall.EINVAL}, syscall.EINVAL, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var logged bytes.Buffer
			start := time.Now()
			conn, err := newListener(&acceptor{errs: tt.errs}, reportTo(&logged)).accept()
			if !errors.Is(err, tt.want) || (conn == nil) != (tt.want != nil) {
				t.Errorf("got %v, %v; want error %v", conn, err, tt.want)
			}
			testkit.WantText(t, logged.String(), tt.log)
			if strings.Count(logged.String(), "\n") > 1 {
				t.Errorf("logged %q, want one line", logged.String())
			}
			if pauses := len(tt.errs) * 50; tt.want == nil && time.Since(start) < time.Duration(pauses)*time.Millisecond {
				t.Errorf("tried again after %v, without a pause", time.Since(start))
			}
		})
	}
}

// The reason phrase is the app's, or that of the status or its class, for nginx
// needs one.
func TestFastCGIReason(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) {
		for {
			head, err := testkit.ReadHead(conn)
			if err != nil {
				return
			}
			status, _, _ := strings.Cut(head[len("GET /"):], " ")
			status = strings.ReplaceAll(status, "+", " ")
			body := "Status: 299 \r\n" // no second status
			io.WriteString(conn, "HTTP/1.1 "+status+"\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
		}
	})
	l, _ := serve(t, app.Upstream())
	c := dial(t, l)
	for _, tt := range []struct{ of, want string }{
		{"200+Own+Words", "200 Own Words"}, {"404+", "404 Not Found"}, {"299+Own+Words", "299 Own Words"},
		{"299", "299 Successful"}, {"499+", "499 Client Error"}, {"599", "599 Server Error"},
	} {
		c.send(begin(true, visitVars("REQUEST_URI=/"+tt.of)...), stdin(""))
		if response := c.response(); response.Status != "Status: "+tt.want || response.Body != "Status: 299 \r\n" {
			t.Errorf("%s: got %+v, want %s", tt.of, response, tt.want)
		}
	}
}

// A header section of over 64 KiB fills the library's first record, which gets
// longer by the reason.
func TestFastCGIReasonLongHeader(t *testing.T) {
	fields := strings.Repeat("X-Long: "+strings.Repeat("v", 7900)+"\r\n", 9)
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 419 "+strings.Repeat("R", 100)+"\r\nConnection: close\r\n"+fields+"Content-Length: 2\r\n\r\nok")
	})
	l, _ := serve(t, app.Upstream())
	c := dial(t, l)
	c.send(begin(true, visitVars()...), stdin(""))
	response := c.response()
	if response.status == nil || response.Status != "Status: 419 "+strings.Repeat("R", 100) || response.Body != "ok" {
		t.Errorf("got %.300q and the body %.100q", response.Status, response.Body)
	}
	if n := len(response.Values("X-Long")); n != 9 {
		t.Errorf("got %d long fields, want 9", n)
	}
}

// A web server that asks is told to have one request at a time on a connection.
func TestFCGIConnValues(t *testing.T) {
	l := newListener(testkit.Listen(t, "tcp", "127.0.0.1:0"), nil)
	go l.serve()
	defer l.stop()
	c := dial(t, l)
	c.send(newRecord(typeGetValues, 0, []byte("\x0f\x00FCGI_MPXS_CONNS")))
	want := newRecord(typeGetValuesResult, 0, []byte("\x0f\x01FCGI_MPXS_CONNS0"))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
