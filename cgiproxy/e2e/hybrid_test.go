package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// listenExample listens where htaccess.example says that the app does.
func listenExample(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:6543")
	if errors.Is(err, syscall.EADDRINUSE) {
		t.Fatal("port 6543, the one in htaccess.example, is taken: end what listens there")
	} else if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestExampleFastCGI has the variant of htaccess.example for FastCGI, with
// nothing changed but what its comment says, in three folders. SetEnv, which
// it has for the app's place, comes with each request.
func TestExampleFastCGI(t *testing.T) {
	exampleApp(t)
	s := webserver.Run(t, webserver.ApacheFcgid, webserver.Options{})
	for _, folder := range exampleFolders {
		s.Install(t, folder+"proxy.fcgi", binary)
		s.WriteFile(t, folder+".htaccess", fastCGIExample(t), 0o644)
		s.WriteFile(t, folder+"style.css", "static in /"+folder, 0o644)
	}
	checkExample(t, s)
	if n := len(running(t, s, "/sub/deep/proxy.fcgi")); n != 1 {
		t.Errorf("%d processes of the innermost proxy.fcgi, want 1", n)
	}
}

// TestHybrid has pages over FastCGI, and what mod_fcgid is not fit for over
// CGI.
func TestHybrid(t *testing.T) {
	l := listenExample(t)
	app := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		way := "fastcgi"
		if r.Close { // a CGI process has no use for the connection afterwards
			way = "cgi"
		}
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s %s %d %v %s", r.Method, r.RequestURI, n, err, way)
	})}
	go app.Serve(l)
	t.Cleanup(func() { app.Close() })
	s := webserver.Run(t, webserver.ApacheFcgid, webserver.Options{})
	for _, folder := range []string{"", "sub/"} {
		s.Install(t, folder+"proxy.cgi", binary)
		s.Install(t, folder+"proxy.fcgi", binary)
		s.WriteFile(t, folder+".htaccess", hybridExample(t), 0o644)
		s.WriteFile(t, folder+"style.css", "static", 0o644)
	}

	five := strings.Repeat(megabyte, 5)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(five))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(five), five)
	for _, c := range []struct{ name, request, fields, body, want string }{
		{"page", "GET /sub/a%20b?c=d", "", "", "GET /sub/a%20b?c=d 0 <nil> fastcgi"},
		{"page of a browser", "GET /", "Accept: text/html,*/*;q=0.8\r\n", "", "GET / 0 <nil> fastcgi"},
		{"POST", "POST /sub/x", "Content-Length: 5\r\n", "hello", "POST /sub/x 5 <nil> cgi"},
		{"POST without a body", "POST /x", "Content-Length: 0\r\n", "", "POST /x 0 <nil> cgi"},
		{"DELETE", "DELETE /x", "", "", "DELETE /x 0 <nil> cgi"},
		{"upload of 5 MiB", "PUT /sub/x", length, five, fmt.Sprintf("PUT /sub/x %d <nil> cgi", len(five))},
		{"chunked upload of 5 MiB", "PUT /x", "Transfer-Encoding: chunked\r\n", chunked, fmt.Sprintf("PUT /x %d <nil> cgi", len(five))},
		{"event stream", "GET /sub/events", "Accept: text/event-stream\r\n", "", "GET /sub/events 0 <nil> cgi"},
		{"static file", "GET /sub/style.css", "", "", "static"},
		{"script named", "GET /sub/proxy.cgi/x", "", "", "GET /sub/x 0 <nil> fastcgi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := visit(t, s.Addr, c.request+" HTTP/1.1\r\nHost: "+s.Addr+"\r\nConnection: close\r\n"+c.fields+"\r\n"+c.body)
			if got.Status != "200 OK" || got.body != c.want {
				t.Errorf("got %s %.300q, want %q", got.Status, got.body, c.want)
			}
			if vary := got.Header.Values("Vary"); vary != nil {
				t.Errorf("got Vary: %q, which the app has not sent", vary)
			}
		})
	}
	t.Run("HEAD", func(t *testing.T) {
		got := visit(t, s.Addr, "HEAD /x HTTP/1.1\r\nHost: "+s.Addr+"\r\nConnection: close\r\n\r\n")
		if want := int64(len("HEAD /x 0 <nil> fastcgi")); got.Status != "200 OK" || got.ContentLength != want {
			t.Errorf("got %s, a length of %d, want %d", got.Status, got.ContentLength, want)
		}
	})
}

// TestHybridEventStream: with mod_fcgid alone, the first event would come after
// 64 KiB of them.
func TestHybridEventStream(t *testing.T) {
	app, got := lockstepApp(t)
	s := webserver.Run(t, webserver.ApacheFcgid, webserver.Options{})
	s.Install(t, "proxy.cgi", binary)
	s.Install(t, "proxy.fcgi", binary)
	s.WriteFile(t, ".htaccess", hybridExample(t), 0o644)
	s.WriteFile(t, ".htcgiproxy", "CGIPROXY_UPSTREAM="+app.addr+"\n", 0o600)
	t.Logf("%v an event", followStream(t, s.Addr, "/events", eventStream, got))
}
