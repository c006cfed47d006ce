package cgiproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// handle answers a request as the handler in folder does.
func handle(t *testing.T, ctx context.Context, folder string, env Environ, stdin io.Reader) (response testkit.CGIResponse, logged string, err error) {
	t.Helper()
	var b bytes.Buffer
	response, err = readCGI(t, func(w *cgiWriter) error {
		return Serve(ctx, w, &Request{Env: env, Body: stdin, Log: &b, Way: "CGI"}, LoadSite(env, folder))
	})
	return response, b.String(), err
}

func TestHandler(t *testing.T) {
	type request struct{ head, body string }
	got := make(chan request, 1)
	app := testkit.StartApp(t, func(conn net.Conn) {
		head, err := testkit.ReadHead(conn)
		if err != nil {
			return
		}
		body := make([]byte, 5)
		io.ReadFull(conn, body)
		got <- request{head, string(body)}
		io.WriteString(conn, "HTTP/1.1 303 Look there\r\nLocation: /done\r\nContent-Length: 2\r\n\r\nhi")
	})
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", app.Upstream()+"\nSTRIP_PREFIX=auto\nLOG_LEVEL=info\n")
	env := visit("SCRIPT_NAME=/sub/proxy.cgi", "REQUEST_URI=/sub/a?b", "REQUEST_METHOD=POST", "CONTENT_LENGTH=5", "UNIQUE_ID=id7")
	response, logged, err := handle(t, t.Context(), folder, env, strings.NewReader("hello, and more"))
	if err != nil {
		t.Fatal(err)
	}
	if r := <-got; !strings.HasPrefix(r.head, "POST /a?b HTTP/1.1\r\nHost: example.com\r\n") || r.body != "hello" {
		t.Errorf("the app got %q with body %q", r.head, r.body)
	}
	if response.Status != "Status: 303 Look there" || response.Body != "hi" || response.Values("Location")[0] != "/sub/done" {
		t.Errorf("the web server got %+v", response)
	}
	testkit.WantText(t, logged, "proxy.cgi: info: [id7] POST /a?b: 303 in ")
}

func TestHandlerFails(t *testing.T) {
	refusing := testkit.Listen(t, "tcp", "127.0.0.1:0")
	refusing.Close()
	tests := []struct {
		name, settings string
		vars           []string
		status, log    string
	}{
		{"no settings", "# none", nil, "500 Internal Server Error", "proxy.cgi: error: [id7] 500 CGIPROXY_UPSTREAM is not set: write for example CGIPROXY_UPSTREAM=6543 into "},
		{"nobody listens", "UPSTREAM=" + refusing.Addr().String(), nil, "502 Bad Gateway", "proxy.cgi: error: [id7] 502 connect " + refusing.Addr().String() + ": connection refused: is the app running? If it listens elsewhere, write where into CGIPROXY_UPSTREAM\n"},
		{"bad request", "UPSTREAM=1", []string{"HTTP_HOST=a/b"}, "400 Bad Request", `proxy.cgi: warn: [id7] 400 Host "a/b" is no host`},
		{"too large", "UPSTREAM=1\nMAX_BODY=4", []string{"CONTENT_LENGTH=5"}, "413 Request Entity Too Large", "raise CGIPROXY_MAX_BODY"},
		{"websocket", "UPSTREAM=1", []string{"HTTP_UPGRADE=websocket", "HTTP_CONNECTION=upgrade"}, "501 Not Implemented", "proxy.cgi: warn: [id7] 501 websocket"},
		{"unknown setting", "UPSTREAM=1\nMAX_BODYS=4", []string{"HTTP_HOST=a/b"}, "400 Bad Request", "proxy.cgi: warn: [id7] CGIPROXY_MAX_BODYS is no setting: did you mean CGIPROXY_MAX_BODY?\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			testkit.WriteFile(t, folder, ".htcgiproxy", tt.settings)
			response, logged, err := handle(t, t.Context(), folder, visit(append(tt.vars, "UNIQUE_ID=id7")...), strings.NewReader("hello"))
			if err != nil {
				t.Errorf("got error %v, want none for a whole error page", err)
			}
			if response.Status != "Status: "+tt.status {
				t.Errorf("got %q, want Status: %s", response.Status, tt.status)
			}
			testkit.WantText(t, response.Body, tt.status, "Request id7")
			testkit.WantText(t, logged, tt.log)
			if strings.Count(logged, "\n") != 1+strings.Count(tt.settings, "BODYS") {
				t.Errorf("logged %q, want one line for each message", logged)
			}
		})
	}
}

// A response that is cut short cannot become an error page any more.
func TestHandlerCutResponse(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi")
	})
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", app.Upstream())
	response, logged, err := handle(t, t.Context(), folder, visit(), nil)
	if err == nil {
		t.Error("got no error for a response that was cut short")
	}
	if response.Status != "Status: 200 OK" || response.Body != "hi" {
		t.Errorf("got %+v, want what has come and no more", response)
	}
	testkit.WantText(t, logged, "proxy.cgi: error: ", "GET /: 200 cut short after ")
}

// A client that has left gets no page, and is no error of the site.
func TestHandlerClientLeft(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		leave()
		io.Copy(io.Discard, conn)
	})
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", app.Upstream())
	response, logged, err := handle(t, ctx, folder, visit(), nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	if response.Status != "" || logged != "" {
		t.Errorf("got response %+v and log %q, want neither", response, logged)
	}
}

// A panic is a 500 and a log line, of which the client reads nothing.
func TestServePanic(t *testing.T) {
	site := &Site{cfg: configure(t), mark: "mark"} // its use is a panic
	var logged bytes.Buffer
	response, err := readCGI(t, func(w *cgiWriter) error {
		return Serve(t.Context(), w, &Request{Env: visit(), Log: &logged}, site)
	})
	if err != nil || response.Status != "Status: 500 Internal Server Error" {
		t.Errorf("got %q, error %v, want 500", response.Status, err)
	}
	testkit.WantText(t, logged.String(), "proxy.cgi: error: ", "panic: ", "please report it")
	if strings.Count(logged.String(), "panic: ") != strings.Count(logged.String(), "\n") {
		t.Errorf("logged %q, want one line for each message", logged.String())
	}
	if strings.Contains(response.Body, "panic") {
		t.Errorf("the client reads %q", response.Body)
	}
}

// A body over HTTP/2 that no variable tells of is none the app could be without.
// Only where there may be one is it waited for.
func TestHandlerUntoldBody(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, testkit.NoBody)
	})
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", app.Upstream())
	unread := iotest.ErrReader(errors.New("a read that could wait for ever"))
	for _, tt := range []struct {
		name   string
		vars   []string
		stdin  io.Reader
		status string
	}{
		{"POST with one", []string{"REQUEST_METHOD=POST", "SERVER_PROTOCOL=HTTP/2.0"}, strings.NewReader("pay"), "411 Length Required"},
		{"PUT with one, HTTP/3", []string{"REQUEST_METHOD=PUT", "SERVER_PROTOCOL=HTTP/3.0"}, strings.NewReader("pay"), "411 Length Required"},
		{"POST without", []string{"REQUEST_METHOD=POST", "SERVER_PROTOCOL=HTTP/2.0"}, strings.NewReader(""), "200 OK"},
		{"POST of no bytes", []string{"REQUEST_METHOD=POST", "SERVER_PROTOCOL=HTTP/2.0", "CONTENT_LENGTH=0"}, unread, "200 OK"},
		{"GET", []string{"SERVER_PROTOCOL=HTTP/2.0"}, strings.NewReader("not looked at"), "200 OK"},
		{"POST in chunks", []string{"REQUEST_METHOD=POST", "HTTP_TRANSFER_ENCODING=chunked"}, strings.NewReader("pay"), "200 OK"},
		{"POST in chunks, fcgiwrap, client unseen", []string{"REQUEST_METHOD=POST", "HTTP_TRANSFER_ENCODING=chunked", "SERVER_SOFTWARE=nginx/1.22.1"}, unread, "411 Length Required"},
		{"PUT over HTTP/2, fcgiwrap", []string{"REQUEST_METHOD=PUT", "SERVER_PROTOCOL=HTTP/2.0", "SERVER_SOFTWARE=nginx/1.22.1"}, unread, "411 Length Required"},
		{"DELETE over HTTP/2, fcgiwrap", []string{"REQUEST_METHOD=DELETE", "SERVER_PROTOCOL=HTTP/2.0", "SERVER_SOFTWARE=nginx/1.22.1"}, strings.NewReader(""), "200 OK"},
		{"POST over HTTP/1.1", []string{"REQUEST_METHOD=POST"}, strings.NewReader("not looked at"), "200 OK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			response, logged, err := handle(t, t.Context(), folder, visit(tt.vars...), tt.stdin)
			if err != nil || response.Status != "Status: "+tt.status {
				t.Errorf("got %q, error %v, want %s; log %q", response.Status, err, tt.status, logged)
			}
		})
	}
	t.Run("the client has left", func(t *testing.T) {
		_, err := readCGI(t, func(w *cgiWriter) error {
			return Serve(t.Context(), w, &Request{
				Env:  visit("REQUEST_METHOD=PUT", "SERVER_PROTOCOL=HTTP/2.0"),
				Body: strings.NewReader(""), Gone: func() bool { return true }, Log: io.Discard,
			}, LoadSite(visit(), folder))
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want %v", err, context.Canceled)
		}
	})
	t.Run("the client leaves meanwhile", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		stdin, client := io.Pipe()
		defer client.Close()
		leave()
		_, _, err := handle(t, ctx, folder, visit("REQUEST_METHOD=POST", "SERVER_PROTOCOL=HTTP/2.0"), stdin)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want %v", err, context.Canceled)
		}
	})
}
