package fastcgi

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// echoApp answers each request on a connection with its request line.
func echoApp(t *testing.T) *testkit.App {
	return testkit.StartApp(t, func(conn net.Conn) {
		for {
			head, err := testkit.ReadHead(conn)
			if err != nil {
				return
			}
			line, _, _ := strings.Cut(head, "\r\n")
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(line))+"\r\n\r\n"+line)
		}
	})
}

// net/http/fcgi would refuse these requests, or change them.
func TestFastCGIOddRequests(t *testing.T) {
	l, _ := serve(t, echoApp(t).Upstream()+"\nLOG_LEVEL=info")
	executable := filepath.Base(os.Args[0])
	tests := []struct {
		name               string
		vars               []string
		status, body, line string // line is of the log
	}{
		{"HTTP/3", []string{"SERVER_PROTOCOL=HTTP/3"}, "200 OK", "GET / HTTP/1.1", "info: "},
		{"no protocol", []string{"SERVER_PROTOCOL="}, "200 OK", "GET / HTTP/1.1", "info: "},
		{"bad escape", []string{"REQUEST_URI=/%zz?a=%zz;b"}, "200 OK", "GET /%zz?a=%zz;b HTTP/1.1", "info: "},
		{"two slashes", []string{"REQUEST_URI=//ex.org/a"}, "200 OK", "GET //ex.org/a HTTP/1.1", "info: "},
		{"asterisk", []string{"REQUEST_URI=*", "REQUEST_METHOD=OPTIONS"}, "200 OK", "OPTIONS * HTTP/1.1", "info: "},
		{"absolute form", []string{"REQUEST_URI=http://ex.org/a%2Fb"}, "200 OK", "GET /a%2Fb HTTP/1.1", "info: "},
		{"bytes that are no URL's", []string{"REQUEST_URI=/a|b\xff"}, "200 OK", "GET /a|b\xff HTTP/1.1", "info: "},
		{"Host with a path", []string{"HTTP_HOST=ex.org/admin"}, "400 Bad Request", "*", `Host "ex.org/admin" is no host`},
		{"Host with a blank", []string{"HTTP_HOST=a b"}, "400 Bad Request", "*", "is no host"},
		{"length -1", []string{"CONTENT_LENGTH=-1"}, "400 Bad Request", "*", `CONTENT_LENGTH "-1" is no length`},
		{"method that is none", []string{"REQUEST_METHOD=G ET"}, "400 Bad Request", "*", "is no token"},
		{"no SCRIPT_FILENAME", []string{"SCRIPT_FILENAME=", "SCRIPT_NAME=/sub/" + executable, "REQUEST_URI=/sub/" + executable + "/x"}, "200 OK", "GET /sub/x HTTP/1.1", "info: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, l)
			c.send(begin(false, visitVars(tt.vars...)...), stdin(""))
			response := c.response()
			if response.Status != "Status: "+tt.status || response.Body != tt.body && tt.body != "*" || response.status == nil {
				t.Errorf("got %+v, want %s %q", response, tt.status, tt.body)
			}
			testkit.WantText(t, response.stderr, "proxy.cgi: ", tt.line)
		})
	}
}

// A connection that is kept serves one request after another.
func TestFastCGIKeepConn(t *testing.T) {
	l, _ := serve(t, echoApp(t).Upstream())
	c := dial(t, l)
	for _, target := range []string{"/1", "/2", "/3"} {
		c.send(begin(true, visitVars("REQUEST_URI="+target)...), stdin(""))
		if response := c.response(); response.Body != "GET "+target+" HTTP/1.1" || response.status == nil {
			t.Fatalf("%s: got %+v", target, response)
		}
	}
	l.mu.Lock()
	left := len(l.requests)
	l.mu.Unlock()
	if left > 0 {
		t.Errorf("%d requests are kept after their end", left)
	}
	c.send(begin(false, visitVars("REQUEST_URI=/last")...), stdin(""))
	if response := c.response(); response.Body != "GET /last HTTP/1.1" {
		t.Fatalf("got %+v", response)
	}
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the last request: %d bytes, %v; want the end of the connection", n, err)
	}
}

// pause is that between two looks for the client (cgiproxy.WatchClient).
const pause = 500 * time.Millisecond

// The app's side ends when the web server gives the request up, however it
// does that, and while nobody says anything.
func TestFastCGIAbort(t *testing.T) {
	upload := stdin(strings.Repeat("b", 16<<20))
	abort := func(c *client) { c.send(newRecord(typeAbortRequest, 1, nil)) }
	closing := func(c *client) { c.Close() }
	tests := []struct {
		name   string
		vars   []string
		keep   bool
		stdin  []byte
		giveUp func(*client)
	}{
		{"abort", nil, false, stdin(""), abort},
		{"abort on a kept connection", nil, true, stdin(""), abort},
		{"abort before the body's end", []string{"REQUEST_METHOD=POST", "CONTENT_LENGTH=10"}, false, newRecord(typeStdin, 1, []byte("half")), abort},
		{"connection closed", nil, false, stdin(""), closing},
		{"connection closed before the body's end", []string{"REQUEST_METHOD=POST", "CONTENT_LENGTH=10"}, true, newRecord(typeStdin, 1, []byte("half")), closing},
		{"connection closed with a body that the app does not take", []string{"REQUEST_METHOD=POST", "CONTENT_LENGTH=16777216"}, false, upload, closing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked, gaveUp, freed := make(chan bool), make(chan bool), make(chan bool)
			app := testkit.StartApp(t, func(conn net.Conn) {
				testkit.ReadHead(conn)
				close(asked)
				<-gaveUp
				io.Copy(io.Discard, conn)
				close(freed)
			})
			l, _ := serve(t, app.Upstream())
			c := dial(t, l)
			c.send(begin(tt.keep, visitVars(tt.vars...)...))
			go c.Write(tt.stdin) // which blocks where the app does not read
			<-asked
			time.Sleep(50 * time.Millisecond)
			tt.giveUp(c)
			start := time.Now()
			if len(tt.stdin) > 1<<20 {
				time.Sleep(2 * pause) // the app still takes nothing
			}
			close(gaveUp)
			select {
			case <-freed:
			case <-time.After(5 * time.Second):
				t.Error("the app's connection is still open")
			}
			if took := time.Since(start); took > 3*pause {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A panic around one request is a log line, and nobody else's concern.
func TestPanic(t *testing.T) {
	l, sites := serve(t, echoApp(t).Upstream())
	setSites := func(to map[string]*cgiproxy.Site) {
		sites.mu.Lock()
		defer sites.mu.Unlock()
		sites.sites = to
	}
	setSites(nil) // its next use is a panic
	c := dial(t, l)
	c.send(begin(false, visitVars()...), stdin(""))
	response := c.response()
	if response.status != nil {
		t.Errorf("got %+v, want the end of the connection", response)
	}
	testkit.WantText(t, response.stderr, "proxy.cgi: error: ", "panic: ", "please report it")
	if strings.Count(response.stderr, "\n") != 1 {
		t.Errorf("logged %q, want one line", response.stderr)
	}
	setSites(map[string]*cgiproxy.Site{})
	c = dial(t, l)
	c.send(begin(false, visitVars()...), stdin(""))
	if response := c.response(); response.Body != "GET / HTTP/1.1" {
		t.Errorf("another request got %+v", response)
	}
}

// A cut response has no END_REQUEST.
func TestFastCGICutResponse(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
	})
	l, _ := serve(t, app.Upstream())
	c := dial(t, l)
	c.send(begin(true, visitVars()...), stdin(""))
	response := c.response()
	if response.Body != "hi" || response.status != nil {
		t.Errorf("got %+v, want a part of the response and no end", response)
	}
	testkit.WantText(t, response.stderr, "cut short")
}

// A client that leaves before any response costs the web server no connection:
// mod_fcgid ends a process that cuts one.
func TestFastCGIClientLeft(t *testing.T) {
	server := testkit.Listen(t, "tcp", "127.0.0.1:0")
	browser, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		time.Sleep(firstLooks)
		browser.Close()
		io.Copy(io.Discard, conn)
	})
	l, _ := serve(t, app.Upstream())
	c := dial(t, l)
	port := func(a net.Addr) string { return strconv.Itoa(a.(*net.TCPAddr).Port) }
	c.send(begin(true, append([]string{
		"REMOTE_ADDR=127.0.0.1", "REMOTE_PORT=" + port(browser.LocalAddr()),
		"SERVER_ADDR=127.0.0.1", "SERVER_PORT=" + port(server.Addr()),
	}, visitVars()...)...), stdin(""))
	response := c.response()
	if response.status == nil {
		t.Errorf("got %+v, want the proper end of a response", response)
	}
	testkit.WantText(t, response.Status+strings.Join(response.Values("Cache-Control"), ""), "503", "no-store")
}

// firstLooks is the time of the first two looks for the client.
const firstLooks = 60 * time.Millisecond
