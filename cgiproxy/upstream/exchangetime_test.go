package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestExchangeTimeouts(t *testing.T) {
	tests := []struct {
		name     string
		vars     []string
		response string
		log      string
	}{
		{"nothing", nil, "", "HEADER_TIMEOUT"},
		{"half a header", nil, "HTTP/1.1 200 OK\r\nX: y\r\n", "HEADER_TIMEOUT"},
		{"1xx only", nil, "HTTP/1.1 103 Early Hints\r\n\r\n", "HEADER_TIMEOUT"},
		{"after an upload", []string{"CONTENT_LENGTH=5"}, "", "HEADER_TIMEOUT"},
		{"an upload that is not read", []string{"CONTENT_LENGTH=16777216"}, "", "HEADER_TIMEOUT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			app := testkit.StartApp(t, func(conn net.Conn) {
				testkit.ReadHead(conn)
				io.WriteString(conn, tt.response)
				<-release
			})
			_, err := roundTrip(t.Context(), t, configure(t, app.Upstream(), "HEADER_TIMEOUT=30ms"), tt.vars, strings.NewReader(strings.Repeat("x", 16<<20)))
			if err == nil {
				t.Fatal("got a response that the app did not give")
			}
			wantFailure(t, err, 504)
			testkit.WantText(t, explained(err), tt.log)
		})
	}
}

// The time for the header does not run while the client still uploads.
func TestExchangeSlowUpload(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.ReadFull(conn, make([]byte, 2))
		io.WriteString(conn, testkit.NoBody)
	})
	stdin, client := io.Pipe()
	const limit = 150 * time.Millisecond
	go func() {
		io.WriteString(client, "a")
		time.Sleep(limit * 3 / 2)
		io.WriteString(client, "b")
	}()
	resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream(), "HEADER_TIMEOUT="+limit.String()), []string{"CONTENT_LENGTH=2"}, stdin)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// It ends with the header: an upload that ends later does not start it again.
func TestExchangeSlowResponse(t *testing.T) {
	const limit = 50 * time.Millisecond
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh")
		io.ReadFull(conn, make([]byte, 5))
		time.Sleep(3 * limit)
		io.WriteString(conn, "i")
	})
	stdin, client := io.Pipe()
	resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream(), "HEADER_TIMEOUT="+limit.String()), []string{"CONTENT_LENGTH=5"}, stdin)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	go io.WriteString(client, "hello")
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "hi" {
		t.Errorf("got body %q, error %v, want all of it", body, err)
	}
}

func TestExchangeIdle(t *testing.T) {
	for _, start := range []string{"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"} {
		release := make(chan struct{})
		app := testkit.StartApp(t, func(conn net.Conn) {
			testkit.ReadHead(conn)
			io.WriteString(conn, start)
			<-release
		})
		resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream(), "IDLE_TIMEOUT=30ms"), nil, nil)
		if err != nil {
			t.Fatalf("%q: %v", start, err)
		}
		_, err = io.ReadAll(resp.Body)
		if err == nil {
			t.Errorf("%q passes for a whole response", start)
		} else {
			wantFailure(t, err, 504)
			testkit.WantText(t, explained(err), "IDLE_TIMEOUT")
		}
		resp.Body.Close()
		close(release)
	}
}

// IDLE_TIMEOUT is between two pieces, not for all of them.
func TestExchangeNotIdle(t *testing.T) {
	const limit, pieces = 300 * time.Millisecond, 7
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		for range pieces {
			time.Sleep(limit / 6)
			io.WriteString(conn, ".")
		}
	})
	resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream(), "IDLE_TIMEOUT="+limit.String(), "HEADER_TIMEOUT="+limit.String()), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || len(body) != pieces {
		t.Errorf("got body %q, error %v, want %d pieces", body, err, pieces)
	}
}

// The client leaves: the app sees the end of its connection, also while both
// sides are silent.
func TestExchangeCancelled(t *testing.T) {
	for _, tt := range []struct {
		name     string
		vars     []string
		response string
	}{
		{"before the response", nil, ""},
		{"in the header", nil, "HTTP/1.1 200 OK\r\n"},
		{"in the body", nil, "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n"},
		{"in the upload", []string{"CONTENT_LENGTH=10"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			reached, closed := make(chan struct{}), make(chan struct{})
			app := testkit.StartApp(t, func(conn net.Conn) {
				testkit.ReadHead(conn)
				io.WriteString(conn, tt.response)
				close(reached)
				io.Copy(io.Discard, conn)
				close(closed)
			})
			stdin, client := io.Pipe() // silent
			defer client.Close()
			go func() {
				<-reached
				leave()
			}()
			resp, err := roundTrip(ctx, t, configure(t, app.Upstream()), tt.vars, stdin)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got error %v, want %v", err, context.Canceled)
			}
			<-closed
		})
	}
}

// Closing the response ends the connection also where more would come.
func TestExchangeClosed(t *testing.T) {
	closed := make(chan struct{})
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n")
		io.Copy(io.Discard, conn)
		close(closed)
	})
	resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream()), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-closed
}
