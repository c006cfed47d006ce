package cgiproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const noAnswerBody = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

func TestExchange(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "app.sock")
			}
			got := make(chan string, 1)
			app := serveApp(t, listen(t, network, address), func(conn net.Conn) {
				head, _ := readHeadBytes(conn)
				got <- head
				io.WriteString(conn, "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\n\r\nhi")
			})
			cfg := configure(t, app.upstream())
			resp, err := roundTrip(t.Context(), t, cfg, visit("REQUEST_URI=//a%2Fb?"), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != "hi" || resp.Status != "200 Fine" {
				t.Errorf("got %q, body %q, error %v", resp.Status, body, err)
			}
			resp.Body.Close()
			want := head(t, visit("REQUEST_URI=//a%2Fb?"), cfg)
			if sent := <-got; sent != want {
				t.Errorf("the app got\n%s\nwant\n%s", sent, want)
			}
		})
	}
}

// The bytes of a body on the wire.
func TestExchangeBody(t *testing.T) {
	large := strings.Repeat("x", copyBuffer)
	tests := []struct {
		name string
		vars []string
		body io.Reader
		want string
	}{
		{"none", nil, nil, ""},
		{"length 0", []string{"CONTENT_LENGTH=0"}, nil, ""},
		{"length", []string{"CONTENT_LENGTH=5"}, strings.NewReader("hello, and more"), "hello"},
		{"large", []string{"CONTENT_LENGTH=98304"}, strings.NewReader(large + large + large), large + large + large},
		{"chunked", []string{"HTTP_TRANSFER_ENCODING=chunked"}, io.MultiReader(strings.NewReader("hello"), strings.NewReader(", this is the second")), "5\r\nhello\r\n14\r\n, this is the second\r\n0\r\n\r\n"},
		{"chunked, empty", []string{"HTTP_TRANSFER_ENCODING=chunked"}, strings.NewReader(""), "0\r\n\r\n"},
		{"chunked, a full buffer", []string{"HTTP_TRANSFER_ENCODING=chunked"}, strings.NewReader(large + "y"), "8000\r\n" + large + "\r\n1\r\ny\r\n0\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan string, 1)
			app := startApp(t, func(conn net.Conn) {
				readHeadBytes(conn)
				body := make([]byte, len(tt.want))
				io.ReadFull(conn, body)
				io.WriteString(conn, noAnswerBody)
				rest, _ := io.ReadAll(conn) // to the end of the connection
				got <- string(body) + string(rest)
			})
			resp, err := roundTrip(t.Context(), t, configure(t, app.upstream()), visit(tt.vars...), tt.body)
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
			app := startApp(t, func(conn net.Conn) {
				readHeadBytes(conn)
				body, _ := io.ReadAll(conn)
				got <- string(body)
			})
			_, err := roundTrip(t.Context(), t, configure(t, append(tt.settings, app.upstream())...), visit(tt.vars...), strings.NewReader(tt.body))
			if err == nil {
				t.Fatal("got an answer to half a request")
			}
			wantFailure(t, err, tt.status)
			if sent := <-got; !strings.HasPrefix(tt.longest, sent) {
				t.Errorf("the app got %q, want no more than %q and the end of the connection", sent, tt.longest)
			}
		})
	}
	t.Run("chunked, the visitor is gone", func(t *testing.T) {
		got := make(chan string, 1)
		app := startApp(t, func(conn net.Conn) {
			readHeadBytes(conn)
			body, _ := io.ReadAll(conn)
			got <- string(body)
		})
		req, _, err := newRequest(visit("HTTP_TRANSFER_ENCODING=chunked"), configure(t, app.upstream()))
		if err != nil {
			t.Fatal(err)
		}
		req.Body = &requestBody{r: strings.NewReader("hello"), length: unknownLength, left: func() bool { return true }}
		_, err = oneShot{configure(t, app.upstream())}.RoundTrip(req.WithContext(t.Context()))
		if err == nil {
			t.Fatal("got an answer to half a request")
		}
		wantFailure(t, err, 400)
		if sent := <-got; strings.HasSuffix(sent, "0\r\n\r\n") {
			t.Errorf("the app got %q, with the last chunk", sent)
		}
	})
}

// An app may answer before it has read the body. The answer must not wait for
// the rest of the upload, and the app gets the rest.
func TestExchangeEarlyAnswer(t *testing.T) {
	got := make(chan string, 1)
	app := startApp(t, func(conn net.Conn) {
		readHeadBytes(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
		body, _ := io.ReadAll(conn)
		got <- string(body)
	})
	stdin, visitor := io.Pipe()
	resp, err := roundTrip(t.Context(), t, configure(t, app.upstream()), visit("CONTENT_LENGTH=10"), stdin)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "hi" {
		t.Errorf("got body %q, error %v", body, err)
	}
	go io.WriteString(visitor, "0123456789")
	resp.Body.Close()
	if body := <-got; body != "0123456789" {
		t.Errorf("the app got %q of the upload, want all of it", body)
	}
}

// An app that has answered and closes in the middle of the upload: 401 and 413
// of many apps. The visitor's body is read to its end all the same, for the
// web server sends all of it before it reads the answer.
func TestExchangeClosedInUpload(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "app.sock")
			}
			app := serveApp(t, listen(t, network, address), func(conn net.Conn) {
				readHeadBytes(conn)
				io.WriteString(conn, "HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nhi")
			})
			upload := strings.NewReader(strings.Repeat("x", 16<<20)) // more than any socket's buffer
			resp, err := roundTrip(t.Context(), t, configure(t, app.upstream()), visit("CONTENT_LENGTH=16777216"), upload)
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

// An app that answers and neither reads nor closes must not hold the answer.
func TestExchangeNeverRead(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	app := startApp(t, func(conn net.Conn) {
		readHeadBytes(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
		<-release
	})
	upload := strings.NewReader(strings.Repeat("x", 16<<20))
	resp, err := roundTrip(t.Context(), t, configure(t, app.upstream(), "HEADER_TIMEOUT=50ms"), visit("CONTENT_LENGTH=16777216"), upload)
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

func TestExchangeTimeouts(t *testing.T) {
	tests := []struct {
		name   string
		vars   []string
		answer string
		log    string
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
			app := startApp(t, func(conn net.Conn) {
				readHeadBytes(conn)
				io.WriteString(conn, tt.answer)
				<-release
			})
			_, err := roundTrip(t.Context(), t, configure(t, app.upstream(), "HEADER_TIMEOUT=30ms"), visit(tt.vars...), strings.NewReader(strings.Repeat("x", 16<<20)))
			if err == nil {
				t.Fatal("got an answer that the app did not give")
			}
			wantFailure(t, err, 504)
			wantText(t, err.Error(), tt.log)
		})
	}
}

// The time for the header does not run while the visitor still uploads.
func TestExchangeSlowUpload(t *testing.T) {
	app := startApp(t, func(conn net.Conn) {
		readHeadBytes(conn)
		io.ReadFull(conn, make([]byte, 2))
		io.WriteString(conn, noAnswerBody)
	})
	stdin, visitor := io.Pipe()
	const limit = 50 * time.Millisecond
	go func() {
		io.WriteString(visitor, "a")
		time.Sleep(3 * limit)
		io.WriteString(visitor, "b")
	}()
	resp, err := roundTrip(t.Context(), t, configure(t, app.upstream(), "HEADER_TIMEOUT="+limit.String()), visit("CONTENT_LENGTH=2"), stdin)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestExchangeIdle(t *testing.T) {
	for _, start := range []string{"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"} {
		release := make(chan struct{})
		app := startApp(t, func(conn net.Conn) {
			readHeadBytes(conn)
			io.WriteString(conn, start)
			<-release
		})
		resp, err := roundTrip(t.Context(), t, configure(t, app.upstream(), "IDLE_TIMEOUT=30ms"), visit(), nil)
		if err != nil {
			t.Fatalf("%q: %v", start, err)
		}
		_, err = io.ReadAll(resp.Body)
		if err == nil {
			t.Errorf("%q passes for a whole answer", start)
		} else {
			wantFailure(t, err, 504)
			wantText(t, err.Error(), "IDLE_TIMEOUT")
		}
		resp.Body.Close()
		close(release)
	}
}

// IDLE_TIMEOUT is between two pieces, not for all of them.
func TestExchangeNotIdle(t *testing.T) {
	const limit, pieces = 100 * time.Millisecond, 8
	app := startApp(t, func(conn net.Conn) {
		readHeadBytes(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		for range pieces {
			time.Sleep(limit / 4)
			io.WriteString(conn, ".")
		}
	})
	resp, err := roundTrip(t.Context(), t, configure(t, app.upstream(), "IDLE_TIMEOUT="+limit.String(), "HEADER_TIMEOUT="+limit.String()), visit(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || len(body) != pieces {
		t.Errorf("got body %q, error %v, want %d pieces", body, err, pieces)
	}
}

func TestExchangeBadAnswer(t *testing.T) {
	for _, tt := range []struct {
		name, answer, log string
	}{
		{"closed at once", "", "closed the connection"},
		{"closed in the header", "HTTP/1.1 200 OK\r\nX: y", "closed the connection"},
		{"closed after 1xx", "HTTP/1.1 100 Continue\r\n\r\n", "closed the connection"},
		{"another protocol", "220 mail.example ESMTP\r\n", "does an HTTP app listen at 127.0.0.1:"},
		{"101", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "101"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "two lengths"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := startApp(t, func(conn net.Conn) {
				readHeadBytes(conn)
				io.WriteString(conn, tt.answer)
			})
			_, err := roundTrip(t.Context(), t, configure(t, app.upstream()), visit(), nil)
			if err == nil {
				t.Fatalf("%q passes for an answer", tt.answer)
			}
			wantFailure(t, err, 502)
			wantText(t, err.Error(), tt.log)
		})
	}
}

// The visitor leaves: the app sees the end of its connection, also while both
// sides are silent.
func TestExchangeCancelled(t *testing.T) {
	for _, tt := range []struct {
		name   string
		vars   []string
		answer string
	}{
		{"before the answer", nil, ""},
		{"in the header", nil, "HTTP/1.1 200 OK\r\n"},
		{"in the body", nil, "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n"},
		{"in the upload", []string{"CONTENT_LENGTH=10"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			reached, closed := make(chan struct{}), make(chan struct{})
			app := startApp(t, func(conn net.Conn) {
				readHeadBytes(conn)
				io.WriteString(conn, tt.answer)
				close(reached)
				io.Copy(io.Discard, conn)
				close(closed)
			})
			stdin, visitor := io.Pipe() // silent
			defer visitor.Close()
			go func() {
				<-reached
				leave()
			}()
			resp, err := roundTrip(ctx, t, configure(t, app.upstream()), visit(tt.vars...), stdin)
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

// Closing the answer ends the connection also where more would come.
func TestExchangeClosed(t *testing.T) {
	closed := make(chan struct{})
	app := startApp(t, func(conn net.Conn) {
		readHeadBytes(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n")
		io.Copy(io.Discard, conn)
		close(closed)
	})
	resp, err := roundTrip(t.Context(), t, configure(t, app.upstream()), visit(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-closed
}

// 4 MiB each way at once, by an app that sends while it reads: neither side
// may wait for the other.
func TestExchangeBothWays(t *testing.T) {
	const size = 4 << 20
	app := startApp(t, func(conn net.Conn) {
		readHeadBytes(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n")
		io.CopyN(conn, conn, size)
	})
	upload := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	resp, err := roundTrip(t.Context(), t, configure(t, app.upstream()), visit("CONTENT_LENGTH=4194304"), bytes.NewReader(upload))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(body, upload) {
		t.Errorf("got %d bytes, error %v, want the upload's %d", len(body), err, size)
	}
}
