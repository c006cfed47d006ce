package upstream

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A countingApp says on each connection what its script has for each request.
type countingApp struct {
	*testkit.App
	conns, requests atomic.Int64
}

// newCountingApp answers the n-th request of a connection with responses[n-1],
// closes the connection where there is none, and repeats the last one where
// forever is set. A request's body is read where it has a length.
func newCountingApp(t *testing.T, forever bool, responses ...string) *countingApp {
	t.Helper()
	a := &countingApp{}
	a.App = testkit.StartApp(t, func(conn net.Conn) {
		a.conns.Add(1)
		for i := 0; ; i++ {
			head, err := testkit.ReadHead(conn)
			if err != nil {
				return
			}
			a.requests.Add(1)
			if strings.Contains(head, "Content-Length: 4\r\n") {
				io.CopyN(io.Discard, conn, 4)
			}
			if i >= len(responses) && !forever {
				return
			}
			io.WriteString(conn, responses[min(i, len(responses)-1)])
			if strings.Contains(head, "Connection: close\r\n") {
				return
			}
		}
	})
	return a
}

// ask sends a request through the pool and returns the response's body.
func ask(t *testing.T, c *Transport, vars ...string) (string, error) {
	t.Helper()
	req := newRequest(c.Config, vars...)
	if req.ContentLength > 0 {
		req.Body = io.NopCloser(strings.NewReader("body"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // as the handler does: a kept connection must not mind
	resp, err := c.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func pooled(t *testing.T, a *testkit.App) *Transport {
	return keeping(t, a.Upstream(), "HEADER_TIMEOUT=5s")
}

// A connection is used again after exactly those responses that leave nothing
// on it.
func TestPoolReuse(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	tests := []struct {
		name, response string
		vars           []string
		conns          int64 // for three requests
	}{
		{"length", ok, nil, 1},
		{"204", "HTTP/1.1 204 No Content\r\n\r\n", nil, 3},
		{"204 with length 0", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", nil, 1},
		{"304", "HTTP/1.1 304 Not Modified\r\n\r\n", nil, 3},
		{"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", nil, 3},
		{"304 with length 0", "HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", nil, 1},
		{"length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", nil, 1},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", nil, 1},
		{"chunked with a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n", nil, 3},
		{"1xx before", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok, nil, 1},
		{"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", nil, 3},
		{"close among others", "HTTP/1.1 200 OK\r\nConnection: X-A, Close\r\nContent-Length: 2\r\n\r\nok", nil, 3},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", nil, 3},
		{"more than the length", ok + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", nil, 3},
		{"more than the chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nevil", nil, 3},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", []string{"REQUEST_METHOD=HEAD"}, 3},
		{"HEAD without a length", "HTTP/1.1 200 OK\r\n\r\n", []string{"REQUEST_METHOD=HEAD"}, 3},
		{"HEAD with length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", []string{"REQUEST_METHOD=HEAD"}, 1},
		{"HEAD of a chunked response", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", []string{"REQUEST_METHOD=HEAD"}, 3},
		{"HEAD with both", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", []string{"REQUEST_METHOD=HEAD"}, 3},
		{"HEAD with a body all the same", ok, []string{"REQUEST_METHOD=HEAD"}, 3},
		{"OPTIONS", ok, []string{"REQUEST_METHOD=OPTIONS"}, 1},
		{"POST", ok, []string{"REQUEST_METHOD=POST", "CONTENT_LENGTH=4"}, 3},
		{"POST without a body", ok, []string{"REQUEST_METHOD=POST"}, 3},
		{"DELETE", ok, []string{"REQUEST_METHOD=DELETE"}, 3},
		{"GET with a body", ok, []string{"CONTENT_LENGTH=4"}, 3},
		{"GET with a body of no bytes", ok, []string{"CONTENT_LENGTH=0"}, 1},
		{"Basic", ok, []string{"HTTP_AUTHORIZATION=Basic YTpi"}, 1},
		{"bearer in small letters", ok, []string{"HTTP_AUTHORIZATION=bearer YTpi"}, 1},
		{"Digest", ok, []string{"HTTP_AUTHORIZATION=Digest username=\"a\""}, 1},
		{"NTLM", ok, []string{"HTTP_AUTHORIZATION=NTLM TlRMTVNTUAAD"}, 3},
		{"Negotiate", ok, []string{"HTTP_AUTHORIZATION=negotiate YII="}, 3},
		{"an unknown scheme", ok, []string{"HTTP_AUTHORIZATION=Kerberos YII="}, 3},
		{"no scheme", ok, []string{"HTTP_AUTHORIZATION="}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app := newCountingApp(t, true, tt.response)
			c := pooled(t, app.App)
			for range 3 {
				if body, err := ask(t, c, tt.vars...); err != nil || strings.Contains(body, "evil") {
					t.Fatalf("got %q, %v", body, err)
				}
			}
			if conns := app.conns.Load(); conns != tt.conns || app.requests.Load() != 3 {
				t.Errorf("the app saw %d connections and %d requests, want %d and 3", conns, app.requests.Load(), tt.conns)
			}
		})
	}
}

// An app that authenticates connections, by NTLM say, takes the next client on one
// for whoever has logged in there.
func TestPoolNamedConnection(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) {
		for user := "nobody"; ; {
			head, err := testkit.ReadHead(conn)
			if err != nil {
				return
			}
			if strings.Contains(head, "Authorization: NTLM ") {
				user = "alice"
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(user), user)
		}
	})
	c := pooled(t, app)
	for _, step := range []struct {
		who, want string
		vars      []string
	}{
		{"a client without a name", "nobody", nil},
		{"alice, who logs in", "alice", []string{"HTTP_AUTHORIZATION=NTLM TlRMTVNTUAAD"}},
		{"the next client", "nobody", nil},
	} {
		if body, err := ask(t, c, step.vars...); body != step.want || err != nil {
			t.Errorf("%s: the app sees %q, error %v; want %q", step.who, body, err, step.want)
		}
	}
}

// Requests at the same time have a connection each, and keep them.
func TestPoolParallel(t *testing.T) {
	const clients, rounds = 20, 50
	app := newCountingApp(t, true, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	c := pooled(t, app.App)
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for range rounds {
				if body, err := ask(t, c); err != nil || body != "ok" {
					t.Errorf("got %q, %v", body, err)
				}
			}
		})
	}
	wait.Wait()
	if conns := app.conns.Load(); conns > clients || app.requests.Load() != clients*rounds {
		t.Errorf("the app saw %d connections and %d requests, want %d at most and %d", conns, app.requests.Load(), clients, clients*rounds)
	}
}
