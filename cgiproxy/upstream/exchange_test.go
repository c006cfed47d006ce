package upstream

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestExchange(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "app.sock")
			}
			got := make(chan string, 1)
			app := testkit.ServeApp(t, testkit.Listen(t, network, address), func(conn net.Conn) {
				head, _ := testkit.ReadHead(conn)
				got <- head
				io.WriteString(conn, "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\nhi")
			})
			cfg := configure(t, app.Upstream())
			resp, err := roundTrip(t.Context(), t, cfg, []string{"REQUEST_URI=//a%2Fb?"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != "hi" || resp.Status != "200 Fine" {
				t.Errorf("got %q, body %q, error %v", resp.Status, body, err)
			}
			resp.Body.Close()
			want := headOf(cfg, "REQUEST_URI=//a%2Fb?")
			if sent := <-got; sent != want {
				t.Errorf("the app got\n%s\nwant\n%s", sent, want)
			}
		})
	}
}

// The bytes of a body on the wire.
func TestExchangeBody(t *testing.T) {
	large, larger := strings.Repeat("x", copyBuffer), strings.Repeat("y", largePiece)
	tests := []struct {
		name string
		vars []string
		body io.Reader
		want string
	}{
		{"none", nil, nil, ""},
		{"length 0", []string{"CONTENT_LENGTH=0"}, nil, ""},
		{"length", []string{"CONTENT_LENGTH=5"}, strings.NewReader("hello, and more"), "hello"},
		{"large", []string{fmt.Sprint("CONTENT_LENGTH=", 3*copyBuffer)}, strings.NewReader(large + large + large), large + large + large},
		{"chunked", []string{"HTTP_TRANSFER_ENCODING=chunked"}, io.MultiReader(strings.NewReader("hello"), strings.NewReader(", this is the second")), "5\r\nhello\r\n14\r\n, this is the second\r\n0\r\n\r\n"},
		{"chunked, empty", []string{"HTTP_TRANSFER_ENCODING=chunked"}, strings.NewReader(""), "0\r\n\r\n"},
		{"chunked, a full buffer", []string{"HTTP_TRANSFER_ENCODING=chunked"}, strings.NewReader(large + "y"), fmt.Sprintf("%x\r\n", copyBuffer) + large + "\r\n1\r\ny\r\n0\r\n\r\n"},
		{"chunked, in large pieces", []string{"HTTP_TRANSFER_ENCODING=chunked"}, strings.NewReader(large + larger + "y"), fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n1\r\ny\r\n0\r\n\r\n", copyBuffer, large, largePiece, larger)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan string, 1)
			app := testkit.StartApp(t, func(conn net.Conn) {
				testkit.ReadHead(conn)
				body := make([]byte, len(tt.want))
				io.ReadFull(conn, body)
				io.WriteString(conn, testkit.NoBody)
				rest, _ := io.ReadAll(conn) // to the end of the connection
				got <- string(body) + string(rest)
			})
			resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream()), tt.vars, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(resp.Body); err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if sent := <-got; sent != tt.want {
				t.Errorf("the app got %d bytes, %.100q\nwant %d bytes, %.100q", len(sent), sent, len(tt.want), tt.want)
			}
		})
	}
}

// Half an upload must never look like a whole one to the app.
func TestExchangeCutUpload(t *testing.T) {
	tests := []struct {
		name     string
		vars     []string
		settings []string
		body     string
		status   int
		longest  string // what the app may get of it
	}{
		{"short", []string{"CONTENT_LENGTH=10"}, nil, "hello", 400, "hello"},
		{"nothing", []string{"CONTENT_LENGTH=10"}, nil, "", 400, ""},
		{"chunked over MAX_BODY", []string{"HTTP_TRANSFER_ENCODING=chunked"}, []string{"MAX_BODY=4"}, "hello", 413, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan string, 1)
			app := testkit.StartApp(t, func(conn net.Conn) {
				testkit.ReadHead(conn)
				body, _ := io.ReadAll(conn)
				got <- string(body)
			})
			_, err := roundTrip(t.Context(), t, configure(t, append(tt.settings, app.Upstream())...), tt.vars, strings.NewReader(tt.body))
			if err == nil {
				t.Fatal("got a response to half a request")
			}
			wantFailure(t, err, tt.status)
			if sent := <-got; !strings.HasPrefix(tt.longest, sent) {
				t.Errorf("the app got %q, want no more than %q and the end of the connection", sent, tt.longest)
			}
		})
	}
	t.Run("chunked, the client is gone", func(t *testing.T) {
		got := make(chan string, 1)
		app := testkit.StartApp(t, func(conn net.Conn) {
			testkit.ReadHead(conn)
			body, _ := io.ReadAll(conn)
			got <- string(body)
		})
		cut := io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err := roundTrip(t.Context(), t, configure(t, app.Upstream()), []string{"HTTP_TRANSFER_ENCODING=chunked"}, cut)
		if err == nil {
			t.Fatal("got a response to half a request")
		}
		wantFailure(t, err, 400)
		if sent := <-got; strings.HasSuffix(sent, "0\r\n\r\n") {
			t.Errorf("the app got %q, with the last chunk", sent)
		}
	})
}

// An app may answer before it has read the body. The response must not wait for
// the rest of the upload, and the app gets the rest.
func TestExchangeEarlyResponse(t *testing.T) {
	got := make(chan string, 1)
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
		body, _ := io.ReadAll(conn)
		got <- string(body)
	})
	stdin, client := io.Pipe()
	resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream()), []string{"CONTENT_LENGTH=10"}, stdin)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "hi" {
		t.Errorf("got body %q, error %v", body, err)
	}
	go io.WriteString(client, "0123456789")
	resp.Body.Close()
	if body := <-got; body != "0123456789" {
		t.Errorf("the app got %q of the upload, want all of it", body)
	}
}

// An app that has answered and closes in the middle of the upload: 401 and 413
// of many apps. The client's body is read to its end all the same, for the
// web server sends all of it before it reads the response.
func TestExchangeClosedInUpload(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "app.sock")
			}
			app := testkit.ServeApp(t, testkit.Listen(t, network, address), func(conn net.Conn) {
				testkit.ReadHead(conn)
				io.WriteString(conn, "HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nhi")
			})
			upload := strings.NewReader(strings.Repeat("x", 16<<20)) // more than any socket's buffer
			resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream()), []string{"CONTENT_LENGTH=16777216"}, upload)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != "hi" || resp.StatusCode != 413 {
				t.Errorf("got status %d, body %q, error %v, want the app's 413", resp.StatusCode, body, err)
			}
			resp.Body.Close()
			if upload.Len() > 0 {
				t.Errorf("%d bytes of the upload are unread", upload.Len())
			}
		})
	}
}

// An app that answers and neither reads nor closes must not hold the response.
func TestExchangeNeverRead(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
		<-release
	})
	upload := strings.NewReader(strings.Repeat("x", 16<<20))
	resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream(), "HEADER_TIMEOUT=200ms"), []string{"CONTENT_LENGTH=16777216"}, upload)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "hi" {
		t.Errorf("got body %q, error %v", body, err)
	}
	resp.Body.Close()
	if upload.Len() > 0 {
		t.Errorf("%d bytes of the upload are unread", upload.Len())
	}
}

func TestExchangeBadResponse(t *testing.T) {
	for _, tt := range []struct {
		name, response, log string
	}{
		{"closed at once", "", "closed the connection"},
		{"closed in the header", "HTTP/1.1 200 OK\r\nX: y", "closed the connection"},
		{"closed after 1xx", "HTTP/1.1 100 Continue\r\n\r\n", "closed the connection"},
		{"another protocol", "220 mail.example ESMTP\r\n", "does an HTTP app listen at 127.0.0.1:"},
		{"101", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "101"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "two lengths"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := testkit.StartApp(t, func(conn net.Conn) {
				testkit.ReadHead(conn)
				io.WriteString(conn, tt.response)
			})
			_, err := roundTrip(t.Context(), t, configure(t, app.Upstream()), nil, nil)
			if err == nil {
				t.Fatalf("%q passes for a response", tt.response)
			}
			wantFailure(t, err, 502)
			testkit.WantText(t, explained(err), tt.log)
		})
	}
}

// 4 MiB each way at once, by an app that sends while it reads: neither side
// may wait for the other.
func TestExchangeBothWays(t *testing.T) {
	const size = 4 << 20
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n")
		io.CopyN(conn, conn, size)
	})
	upload := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	resp, err := roundTrip(t.Context(), t, configure(t, app.Upstream()), []string{"CONTENT_LENGTH=4194304"}, bytes.NewReader(upload))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(body, upload) {
		t.Errorf("got %d bytes, error %v, want the upload's %d", len(body), err, size)
	}
}
