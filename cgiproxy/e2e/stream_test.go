package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestEventStream has an app that sends an event only when the client has got
// the one before: a server that holds one back would hold up both for ever.
// For comparison the same stream goes through Apache's own mod_proxy.
func TestEventStream(t *testing.T) {
	for _, kind := range webserver.CGI {
		t.Run(string(kind), func(t *testing.T) {
			app, got := lockstepApp(t)
			s := newSite(t, kind, "CGIPROXY_UPSTREAM="+app.addr+"\n")
			t.Logf("%v an event", followStream(t, s.Addr, s.folder+"/events", eventStream, got))
		})
	}
	t.Run("mod_proxy for comparison", func(t *testing.T) {
		app, got := lockstepApp(t)
		s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: modProxy("/", app.addr)})
		t.Logf("%v an event", followStream(t, s.Addr, "/events", eventStream, got))
	})
}

// modProxy is the configuration that a host with mod_proxy would have.
func modProxy(path, app string) string {
	return fmt.Sprintf(`LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
ProxyPreserveHost On
ProxyPass %s http://%s/ nocanon
`, path, app)
}

const events = 200

// lockstepApp sends an event for each value it reads from got, as a chunk, as
// frameworks do.
func lockstepApp(t *testing.T) (app *recorder, got chan bool) {
	t.Helper()
	got = make(chan bool)
	return newRecorder(t, func(conn net.Conn, _ received) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		defer io.WriteString(conn, "0\r\n\r\n")
		for i := range events {
			event := fmt.Sprintf("data: %d\n\n", i)
			fmt.Fprintf(conn, "%x\r\n%s\r\n", len(event), event)
			select {
			case <-got:
			case <-time.After(patience):
				return
			}
		}
	}), got
}

// eventStream is what a browser's EventSource accepts.
const eventStream = "text/event-stream"

// followStream reads the stream and returns the mean time an event took.
func followStream(t *testing.T, addr, path, accept string, got chan<- bool) time.Duration {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := (&http.Client{Timeout: 2 * patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	stream := bufio.NewReader(resp.Body)
	start := time.Now()
	for i := range events {
		line, err := stream.ReadString('\n')
		if want := fmt.Sprintf("data: %d\n", i); line != want {
			t.Fatalf("event %d is %q (%v), want %q", i, line, err, want)
		}
		if _, err := stream.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		select {
		case got <- true:
		case <-time.After(patience):
			t.Fatalf("the app gave up after event %d: it was held back", i)
		}
	}
	if rest, err := io.ReadAll(stream); err != nil || len(rest) > 0 {
		t.Errorf("the stream ends with %q, %v", rest, err)
	}
	return time.Since(start) / events
}

// thirty is an upload of 30 MB.
const thirty = 30 << 20

// TestEarlyResponse has apps that refuse an upload of 30 MB before they have
// read it. The client must get the whole response, however long.
func TestEarlyResponse(t *testing.T) {
	long := strings.Repeat("no\n", 100_000)
	refuse := func(conn net.Conn, body string) {
		fmt.Fprintf(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
	}
	for _, kind := range webserver.CGI {
		for name, c := range map[string]struct {
			respond func(net.Conn)
			page    string
		}{
			"and closes":               {func(conn net.Conn) { refuse(conn, "no\n") }, "no\n"},
			"at length, and lingers":   {func(conn net.Conn) { refuse(conn, long); conn.(*net.TCPConn).CloseWrite(); io.Copy(io.Discard, conn) }, long},
			"and reads on":             {func(conn net.Conn) { refuse(conn, "no\n"); io.Copy(io.Discard, conn) }, "no\n"},
			"at length, never reading": {func(conn net.Conn) { refuse(conn, long); time.Sleep(3 * patience) }, long},
		} {
			t.Run(fmt.Sprintf("%s/%s", kind, name), func(t *testing.T) {
				t.Parallel()
				app := newDeafApp(t, c.respond)
				s := newSite(t, kind, "CGIPROXY_UPSTREAM="+app+"\n")
				upload := strings.Repeat("u", thirty)
				got := visit(t, s.Addr, fmt.Sprintf("PUT %s/up HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", s.folder, s.Addr, thirty, upload))
				if got.StatusCode != 413 || got.body != c.page || got.err != nil {
					t.Errorf("got %s, %d bytes %.20q, %v; want 413 and %d bytes", got.Status, len(got.body), got.body, got.err, len(c.page))
				}
			})
		}
	}
}

// newDeafApp starts an app that answers when it has read the header.
func newDeafApp(t *testing.T, respond func(net.Conn)) (addr string) {
	t.Helper()
	return newApp(t, func(conn net.Conn) {
		header := bufio.NewReaderSize(conn, 4096)
		for {
			if line, err := header.ReadString('\n'); err != nil || line == "\r\n" {
				break
			}
		}
		respond(conn)
	})
}
