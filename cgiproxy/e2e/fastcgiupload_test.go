package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestFastCGIUpload uploads 30 MiB where the server lets it pass, with and
// without a length.
func TestFastCGIUpload(t *testing.T) {
	app := httptest.NewServer(hashBody)
	t.Cleanup(app.Close)
	upload := strings.Repeat("u", thirty)
	want := hashed("PUT", "/up", upload)
	for _, kind := range webserver.FastCGI {
		t.Run(string(kind), func(t *testing.T) {
			if kind == fcgid {
				t.Skip(fcgidMaxBody)
			}
			t.Parallel()
			s := newSite(t, kind, "CGIPROXY_UPSTREAM="+strings.TrimPrefix(app.URL, "http://")+"\nCGIPROXY_STRIP_PREFIX=auto\n")
			head := fmt.Sprintf("PUT %s/up HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", s.folder, s.Addr)
			for name, request := range map[string]string{
				"length":  fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, thirty, upload),
				"chunked": fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, thirty, upload),
			} {
				if got := visit(t, s.Addr, request); got.body != want {
					t.Errorf("%s: %s %q, want %q", name, got.Status, got.body, want)
				}
			}
		})
	}
}

// TestFastCGIEarlyResponse has apps that refuse an upload before they have read
// it: the client gets the whole response, and the process goes on. nginx sends
// no more of a body once the response has begun.
func TestFastCGIEarlyResponse(t *testing.T) {
	refuse := func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n")
	}
	for _, kind := range webserver.FastCGI {
		size := 100_000
		if kind == webserver.LighttpdFastCGI {
			size = thirty
		}
		for name, respond := range map[string]func(net.Conn){
			"and closes":    refuse,
			"and reads on":  func(conn net.Conn) { refuse(conn); io.Copy(io.Discard, conn) },
			"never reading": func(conn net.Conn) { refuse(conn); time.Sleep(patience) },
		} {
			t.Run(fmt.Sprintf("%s/%s", kind, name), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, kind, "CGIPROXY_UPSTREAM="+newDeafApp(t, respond)+"\n")
				for range 2 {
					got := visit(t, s.Addr, fmt.Sprintf("PUT %s/up HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", s.folder, s.Addr, size, strings.Repeat("u", size)))
					if got.StatusCode != 413 || got.body != "no\n" || got.err != nil {
						t.Errorf("got %s, %d bytes %.20q, %v; want 413", got.Status, len(got.body), got.body, got.err)
					}
				}
				if n := len(running(t, s.Server, s.folder+"/proxy.fcgi")); n == 0 {
					t.Error("the process has ended")
				}
			})
		}
	}
}

// TestFastCGIEndOfEarlyResponse: once an early response is whole, its end must
// not wait for the rest of an upload that nginx does not send any more.
func TestFastCGIEndOfEarlyResponse(t *testing.T) {
	app := newDeafApp(t, func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nno\n\r\n0\r\n\r\n")
	})
	s := newSite(t, webserver.NginxFastCGI, "CGIPROXY_UPSTREAM="+app+"\n")
	start := time.Now()
	got := visit(t, s.Addr, fmt.Sprintf("PUT %s/up HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", s.folder, s.Addr, thirty, strings.Repeat("u", thirty)))
	if took := time.Since(start); got.StatusCode != 413 || got.body != "no\n" || got.err != nil || took > 5*time.Second {
		t.Errorf("got %s %q, %v after %v; want 413 at once", got.Status, got.body, got.err, took)
	}
}

// TestFastCGIEarlyResponseBuffered is the same behind an nginx that holds uploads back,
// as it does unless it is told otherwise: it sends no more of one once the response has
// begun, and then waits for the end of the connection, even if it has that of the response.
func TestFastCGIEarlyResponseBuffered(t *testing.T) {
	app := newDeafApp(t, func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n")
	})
	_, program := programOnTCP(t, "CGIPROXY_UPSTREAM="+app+"\n")
	pass := "{ include /etc/nginx/fastcgi_params; fastcgi_pass " + program + "; "
	s := webserver.Run(t, webserver.NginxFastCGI, webserver.Options{
		Config: "location /once/ " + pass + "}\nlocation /kept/ " + pass + "fastcgi_keep_conn on; }\n",
	})
	for _, path := range []string{"/once/", "/kept/"} {
		for range 4 {
			got := visit(t, s.Addr, fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", path, thirty, strings.Repeat("u", thirty)))
			if got.StatusCode != 413 || got.body != "no\n" || got.err != nil {
				t.Errorf("%s: got %s %q, %v; want 413", path, got.Status, got.body, got.err)
			}
		}
	}
}

// TestFastCGICutUpload has a client that leaves in the middle of an upload: for
// the app it must never look whole.
func TestFastCGICutUpload(t *testing.T) {
	for _, kind := range webserver.FastCGI {
		for name, framing := range map[string]string{
			"length":  "Content-Length: 100000\r\n\r\nhalf",
			"chunked": "Transfer-Encoding: chunked\r\n\r\n186a0\r\nhalf",
		} {
			t.Run(fmt.Sprintf("%s/%s", kind, name), func(t *testing.T) {
				t.Parallel()
				app := newRecorder(t, func(conn net.Conn, _ received) { io.WriteString(conn, plainResponse) })
				s := newSite(t, kind, "CGIPROXY_UPSTREAM="+app.addr+"\n")
				conn, err := net.Dial("tcp", s.Addr)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(conn, "PUT %s/up HTTP/1.1\r\nHost: %s\r\n%s", s.folder, s.Addr, framing)
				time.Sleep(300 * time.Millisecond)
				conn.Close()
				select {
				case r := <-app.got:
					if r.err == nil {
						t.Errorf("the app got a whole request with a body of %d bytes", len(r.body))
					}
				case <-time.After(time.Second): // servers that hold back the body ask nobody
				}
				if got := visit(t, s.Addr, "GET "+s.folder+"/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); got.body != "ok" {
					t.Errorf("the next client got %s %q", got.Status, got.body)
				}
			})
		}
	}
}
