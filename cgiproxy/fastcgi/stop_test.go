package fastcgi

import (
	"context"
	"io"
	"net"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/upstream"
)

// A listener that is told to stop answers what is under way, and closes what
// is kept for later.
func TestFastCGIStop(t *testing.T) {
	asked, goOn := make(chan bool), make(chan bool)
	app := testkit.StartApp(t, func(conn net.Conn) {
		head, _ := testkit.ReadHead(conn)
		if strings.HasPrefix(head, "GET /slow ") {
			close(asked)
			<-goOn
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	})
	l, _ := serve(t, app.Upstream())
	kept, slow := dial(t, l), dial(t, l)
	kept.send(begin(true, visitVars()...), stdin(""))
	if response := kept.response(); response.Body != "ok" {
		t.Fatalf("got %+v", response)
	}
	slow.send(begin(true, visitVars("REQUEST_URI=/slow")...), stdin(""))
	<-asked

	kept.send(begin(true, visitVars()...), stdin(""))
	if response := kept.response(); response.Body != "ok" {
		t.Errorf("got %+v", response)
	}
	start := time.Now()
	l.awaitCurrent(100 * time.Millisecond)
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("settle returned after %v, with a request under way", took)
	}
	l.stop()
	if n, err := kept.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the kept connection: %d bytes, %v; want its end", n, err)
	}
	if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("another connection is accepted")
	}
	start = time.Now()
	l.awaitAll(100 * time.Millisecond)
	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("finish returned after %v, with a request under way", took)
	}
	close(goOn)
	if response := slow.response(); response.Body != "ok" || response.status == nil {
		t.Errorf("the request under way got %+v", response)
	}
	start = time.Now()
	l.awaitAll(10 * time.Second)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("finish took %v, with nothing under way", took)
	}
}

// A listener that is told to stop answers what the web server has begun to send on
// a kept connection, and what it sends just then.
func TestFastCGIStopBeginning(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	})
	request := append(begin(true, visitVars()...), stdin("")...)
	first := headerLength + beginLength // bytes, of its first record
	for _, tt := range []struct {
		name   string
		before int // bytes of the request that have come before
	}{
		{"begun", first},
		{"sent just then", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := serve(t, app.Upstream())
			l.lastCall = 5 * time.Second
			kept := dial(t, l)
			kept.send(request)
			if response := kept.response(); response.Body != "ok" {
				t.Fatalf("got %+v", response)
			}
			kept.send(request[:tt.before])
			waitWhile(5*time.Second, func() bool { return l.hasIdle() != (tt.before == 0) })
			stopped := make(chan bool)
			go func() { l.stop(); close(stopped) }()
			waitWhile(5*time.Second, func() bool {
				l.mu.Lock()
				defer l.mu.Unlock()
				return !l.stopping
			})
			if tt.before > 0 {
				<-stopped
			}
			kept.send(request[tt.before:])
			if response := kept.response(); response.Body != "ok" {
				t.Errorf("got %+v", response)
			}
			if n, err := kept.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the kept connection afterwards: %d bytes, %v; want its end", n, err)
			}
			<-stopped
		})
	}
}

// A process that is told to end takes requests on while those of before are being
// answered. Then it gives its socket up, of which it has a duplicate.
func TestFastCGIEnd(t *testing.T) {
	original := testkit.Listen(t, "tcp", "127.0.0.1:0")
	socket, err := original.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(original, nil)
	asked := make(chan bool, 2)
	goOn := map[string]chan bool{"/before": make(chan bool), "/meanwhile": make(chan bool)}
	l.answer = func(w *responseWriter, r *request) {
		asked <- true
		<-goOn[r.env["REQUEST_URI"]]
		io.WriteString(w, "ok")
	}
	end, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- l.serveUntil(end, socket) }()
	request := func(path string) *client {
		c := dial(t, l)
		c.send(begin(false, visitVars("REQUEST_URI="+path)...), stdin(""))
		select {
		case <-asked:
		case <-time.After(10 * time.Second):
			t.Fatalf("the request %s is not taken", path)
		}
		return c
	}
	before := request("/before")
	cancel()
	waits := regexp.MustCompile(`fastcgi\.waitWhile\(.*\n.*\n.*\(\*listener\)\.awaitCurrent\(`) // it knows whom for
	waitWhile(10*time.Second, func() bool {
		stacks := make([]byte, 1<<20)
		return !waits.Match(stacks[:runtime.Stack(stacks, true)])
	})
	meanwhile := request("/meanwhile")
	close(goOn["/before"])
	if response := before.response(); response.Body != "ok" {
		t.Errorf("the request of before got %+v", response)
	}
	accepts := func() bool {
		c, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	if waitWhile(10*time.Second, accepts); accepts() {
		t.Error("clients can connect, and nobody answers them")
	}
	select {
	case <-served:
		t.Fatal("it ends before the request that came meanwhile, though there is time")
	case <-time.After(lastFinishTime * 3 / 2):
	}
	close(goOn["/meanwhile"])
	if response := meanwhile.response(); response.Body != "ok" {
		t.Errorf("the request that came meanwhile got %+v", response)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// nginx takes the end of the connection for that of a response without a length, and any
// record that it does not expect for an error.
func TestFastCGICut(t *testing.T) {
	for _, tt := range []struct {
		name, software string
		sent           bool // something of the response
		want           string
	}{
		{"nginx", "nginx/1.22.1", true, string(newRecord(typeAbortRequest, 1, nil))},
		{"nginx, before the header", "nginx/1.22.1", false, ""},
		{"lighttpd", "lighttpd/1.4.69", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newListener(testkit.Listen(t, "tcp", "127.0.0.1:0"), nil)
			asked, cut := make(chan bool), make(chan bool)
			l.answer = func(w *responseWriter, r *request) {
				if tt.sent {
					io.WriteString(w, "half")
					w.FlushError()
				}
				asked <- true
				<-cut
			}
			served := make(chan error, 1)
			go func() { served <- l.serve() }()
			c := dial(t, l)
			c.send(begin(false, visitVars("SERVER_SOFTWARE="+tt.software)...), stdin(""))
			<-asked
			l.stop()
			l.cutAll()
			close(cut)
			<-served
			got, err := io.ReadAll(c)
			if tt.sent {
				half := string(newRecord(typeStdout, 1, []byte("Status: 200 OK\r\n\r\nhalf")))
				rest, ok := strings.CutPrefix(string(got), half)
				if got = []byte(rest); !ok {
					t.Errorf("the response is not %q", half)
				}
			}
			if string(got) != tt.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// A listener settles when those are answered that were there at that time.
func TestFastCGISettle(t *testing.T) {
	asked := make(chan bool, 2)
	goOn := map[string]chan bool{"/old": make(chan bool), "/new": make(chan bool)}
	app := testkit.StartApp(t, func(conn net.Conn) {
		head, _ := testkit.ReadHead(conn)
		asked <- true
		<-goOn[strings.Fields(head)[1]]
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	l, _ := serve(t, app.Upstream())
	old, late := dial(t, l), dial(t, l)
	old.send(begin(false, visitVars("REQUEST_URI=/old")...), stdin(""))
	<-asked
	settled := make(chan time.Duration)
	start := time.Now()
	go func() { l.awaitCurrent(5 * time.Second); settled <- time.Since(start) }()
	time.Sleep(50 * time.Millisecond)
	late.send(begin(false, visitVars("REQUEST_URI=/new")...), stdin(""))
	<-asked
	close(goOn["/old"])
	if took := <-settled; took < 50*time.Millisecond || took > 4*time.Second {
		t.Errorf("settled after %v, want the time of the old request", took)
	}
	close(goOn["/new"])
	if response := late.response(); response.Body != "ok" {
		t.Errorf("the late request got %+v", response)
	}
}

// The garbage collector starts a thread for each processor, and hosts count
// them.
func TestProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(64)
	defer runtime.GOMAXPROCS(before)
	more := oneProcessor()
	if got := runtime.GOMAXPROCS(0); got != 1 {
		t.Errorf("one request at a time has %d processors, want 1", got)
	}
	more()
	if got := runtime.GOMAXPROCS(0); got != upstream.MaxProcessors {
		t.Errorf("more requests have %d processors, want %d", got, upstream.MaxProcessors)
	}
}
