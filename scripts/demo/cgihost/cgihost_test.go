package cgihost

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is its own CGI program, as in net/http/cgi.
func TestMain(m *testing.M) {
	if os.Getenv("REQUEST_METHOD") == "" {
		os.Exit(m.Run())
	}
	child()
}

func child() {
	switch path, _, _ := strings.Cut(os.Getenv("REQUEST_URI"), "?"); path {
	case "/phrase":
		fmt.Print("Status: 404 No Such Thing\nContent-Type: text/plain\n\ngone")
	case "/cut":
		fmt.Print("Status: 200 OK\n\nhalf")
		os.Exit(1)
	case "/silent": // until the server ends it
		fmt.Printf("Status: 200 OK\n\n%d\n", os.Getpid())
		time.Sleep(time.Minute)
	case "/nothing":
	case "/broken":
		fmt.Print("Status: moved\n\n")
	case "/unread":
		fmt.Print("Status: 413 Content Too Large\n\n")
	default:
		body, _ := io.ReadAll(os.Stdin)
		fmt.Print("Status: 200 OK\nContent-Type: text/plain\n\n")
		fmt.Println(strings.Join(os.Environ(), "\n"))
		fmt.Printf("BODY=%s\n", body)
	}
	os.Exit(0)
}

// serve starts the server and returns its address and what ends it.
func serve(t *testing.T) (addr string, end func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, Script{Path: exe, Env: []string{"EXTRA=yes"}, Stderr: io.Discard})
		close(done)
	}()
	end = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	t.Cleanup(end)
	return l.Addr().String(), end
}

// exchange sends the request as it is and reads one response.
func exchange(t *testing.T, addr, request string) (*http.Response, net.Conn) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprint(c, request)
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	return res, c
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_PARENT", "1")
	exe, _ := os.Executable()
	addr, _ := serve(t)
	const host = " HTTP/1.1\r\nHost: example.org:81\r\n"
	tests := []struct {
		name, request, want, absent string
	}{
		{"target raw", "GET /a%2fb//c;d?x=%7E&&" + host + "\r\n", "REQUEST_URI=/a%2fb//c;d?x=%7E&&", "PATH_INFO="},
		{"target with two leading slashes", "GET //a/../b?" + host + "\r\n", "REQUEST_URI=//a/../b?", ""},
		{"host", "GET /" + host + "\r\n", "HTTP_HOST=example.org:81", ""},
		{"server name", "GET /" + host + "\r\n", "SERVER_NAME=example.org", ""},
		{"script", "GET /" + host + "\r\n", "SCRIPT_NAME=/" + filepath.Base(exe), ""},
		{"client", "GET /" + host + "\r\n", "REMOTE_ADDR=127.0.0.1", "HTTPS="},
		{"extra", "GET /" + host + "\r\n", "EXTRA=yes", "SECRET_OF_THE_PARENT="},
		{"repeated field", "GET /" + host + "X-A: 1\r\nX-A: 2\r\n\r\n", "HTTP_X_A=1, 2", ""},
		{"underscore", "GET /" + host + "X_A: 1\r\n\r\n", "REQUEST_METHOD=GET", "HTTP_X_A="},
		{"no body", "POST /" + host + "\r\n", "BODY=", "CONTENT_LENGTH="},
		{"empty body", "POST /" + host + "Content-Length: 0\r\n\r\n", "CONTENT_LENGTH=0", "HTTP_CONTENT_LENGTH="},
		{"body", "PUT /" + host + "Content-Length: 3\r\n\r\nabc", "BODY=abc", ""},
		{"chunked body", "POST /" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "BODY=abcde", "CONTENT_LENGTH="},
		{"chunked named", "POST /" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP_TRANSFER_ENCODING=chunked", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, _ := exchange(t, addr, tt.request)
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			lines := "\n" + string(body)
			if !strings.Contains(lines, "\n"+tt.want+"\n") {
				t.Errorf("no line %q in%s", tt.want, lines)
			}
			if tt.absent != "" && strings.Contains(lines, "\n"+tt.absent) {
				t.Errorf("a line %q in%s", tt.absent, lines)
			}
		})
	}
}

func TestResponse(t *testing.T) {
	addr, _ := serve(t)
	const tail = " HTTP/1.1\r\nHost: example.org\r\n"
	tests := []struct {
		name, request, status string
		whole                 bool
	}{
		{"own reason phrase", "GET /phrase" + tail + "\r\n", "404 No Such Thing", true},
		{"exit status 1 cuts the connection", "GET /cut" + tail + "\r\n", "200 OK", false},
		{"no output", "GET /nothing" + tail + "\r\n", "500 Internal Server Error", true},
		{"status that is no number", "GET /broken" + tail + "\r\n", "500 Internal Server Error", true},
		{"response before the body has come", "POST /unread" + tail + "Content-Length: 9999999\r\n\r\nabc", "413 Content Too Large", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, _ := exchange(t, addr, tt.request)
			if res.Status != tt.status {
				t.Errorf("status %q, want %q", res.Status, tt.status)
			}
			if _, err := io.ReadAll(res.Body); (err == nil) != tt.whole {
				t.Errorf("reading the body: %v, want whole: %v", err, tt.whole)
			}
		})
	}
}

// A program that neither reads nor writes must end when its client leaves, and
// when the server ends.
func TestNothingIsLeft(t *testing.T) {
	for _, who := range []string{"client", "server"} {
		t.Run(who, func(t *testing.T) {
			addr, end := serve(t)
			res, conn := exchange(t, addr, "GET /silent HTTP/1.1\r\nHost: example.org\r\n\r\n")
			// Reading the line at all shows that a piece is passed on at once.
			line, err := bufio.NewReader(res.Body).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			var pid int
			fmt.Sscan(line, &pid)
			if who == "client" {
				conn.Close()
			} else {
				end()
			}
			for deadline := time.Now().Add(2 * time.Second); running(pid); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("process %d still runs", pid)
				}
			}
		})
	}
}

// running reports whether the process exists; one that ended but was not waited
// for still does.
func running(pid int) bool { return syscall.Kill(pid, 0) == nil }
