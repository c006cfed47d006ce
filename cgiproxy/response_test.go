package cgiproxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
)

// literalResponse returns the response that r holds, as the app's.
func literalResponse(t *testing.T, r io.Reader, method string) *http.Response {
	t.Helper()
	cfg := configure(t)
	req, _, err := newRequest(visit("REQUEST_METHOD="+method), cfg, "mark")
	if err != nil {
		t.Fatal(err)
	}
	resp, _, err := literally(cfg, req, r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestWriteResponse(t *testing.T) {
	long := strings.Repeat("x", 9000)
	tests := []struct {
		name, response string
		status         string
		fields         []string // sorted by name
		body           string
		log            string // in the log, "" for nothing
	}{
		{"plain", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi", "200 OK", []string{"Content-Length: 2", "Content-Type: text/plain"}, "hi", ""},
		{"the app's own reason", "HTTP/1.1 404 Nothing here, sorry\r\n\r\n", "404 Nothing here, sorry", nil, "", ""},
		{"8-bit reason", "HTTP/1.1 200 \xc3\xa7a va\r\n\r\n", "200 \xc3\xa7a va", nil, "", ""},
		{"no reason", "HTTP/1.1 404 \r\n\r\n", "404 Not Found", nil, "", ""},
		{"no reason, no blank", "HTTP/1.1 404\r\n\r\n", "404 Not Found", nil, "", ""},
		{"no reason, unknown status", "HTTP/1.1 299\r\n\r\n", "299 Successful", nil, "", ""},
		{"no reason, unknown redirection", "HTTP/1.1 399 \r\n\r\n", "399 Redirection", nil, "", ""},
		{"no reason, unknown error of the client", "HTTP/1.1 499 \r\n\r\n", "499 Client Error", nil, "", ""},
		{"no reason, unknown error of the server", "HTTP/1.1 599 \r\n\r\n", "599 Server Error", nil, "", ""},
		{"no reason, no class", "HTTP/1.1 999 \r\n\r\n", "999 Server Error", nil, "", ""},

		{"Content-Type absent stays absent", "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<!DOCTYPE html>", "200 OK", []string{"Content-Length: 15"}, "<!DOCTYPE html>", ""},
		{"Content-Encoding stays", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", "200 OK", []string{"Content-Encoding: gzip", "Content-Length: 2"}, "\x1f\x8b", ""},
		{"Set-Cookie apart and in order", "HTTP/1.1 200 OK\r\nSet-Cookie: b=1\r\nSet-Cookie: a=2\r\nSet-Cookie: c=3\r\n\r\n", "200 OK", []string{"Set-Cookie: b=1", "Set-Cookie: a=2", "Set-Cookie: c=3"}, "", ""},
		{"repeated fields apart", "HTTP/1.1 401 Unauthorized\r\nWww-Authenticate: Basic realm=\"a\"\r\nWww-Authenticate: Digest realm=\"a\"\r\n\r\n", "401 Unauthorized",
			[]string{`Www-Authenticate: Basic realm="a"`, `Www-Authenticate: Digest realm="a"`}, "", ""},
		{"Date, Server and others stay", "HTTP/1.1 200 OK\r\nDate: x\r\nServer: y\r\nX-Z:\r\n\r\n", "200 OK", []string{"Date: x", "Server: y", "X-Z: "}, "", ""},
		{"Proxy-Authenticate stays", "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\n", "407 x", []string{"Proxy-Authenticate: Basic"}, "", ""},

		{"Status is dropped", "HTTP/1.1 200 OK\r\nStatus: 500 Oops\r\nstatus: 404\r\n\r\nhi", "200 OK", nil, "hi", ""},
		{"hop-by-hop", "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nTe: x\r\nTrailer: x\r\nUpgrade: h2c\r\nX-Kept: 2\r\n\r\n",
			"200 OK", []string{"X-Kept: 2"}, "", ""},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n", "200 OK", nil, "hi", ""},

		{"200 with Location", "HTTP/1.1 200 OK\r\nLocation: /a\r\nContent-Location: /b\r\n\r\nhi", "200 OK", []string{"Content-Location: /sub/b"}, "hi", `Location ["/a"]`},
		{"201 with Location", "HTTP/1.1 201 Created\r\nLocation: /a\r\n\r\n", "201 Created", []string{"Location: /sub/a"}, "", ""},
		{"302", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:6543/a\r\nSet-Cookie: a=b; Path=/\r\n\r\n", "302 Found", []string{"Location: https://example.com/sub/a", "Set-Cookie: a=b; Path=/sub"}, "", ""},
		{"308, relative", "HTTP/1.1 308 Permanent Redirect\r\nLocation: a\r\n\r\n", "308 Permanent Redirect", []string{"Location: a"}, "", ""},
		{"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nEtag: \"a\"\r\n\r\n", "204 No Content", []string{`Etag: "a"`}, "", ""},
		{"204", "HTTP/1.1 204 No Content\r\nEtag: \"a\"\r\n\r\n", "204 No Content", []string{`Etag: "a"`}, "", ""},
		{"206", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nhi", "206 Partial Content", []string{"Content-Length: 2", "Content-Range: bytes 0-1/9"}, "hi", ""},
		{"304", "HTTP/1.1 304 Not Modified\r\nEtag: \"a\"\r\n\r\n", "304 Not Modified", []string{`Etag: "a"`}, "", ""},

		{"long list is split", "HTTP/1.1 200 OK\r\nVary: " + long[:5000] + ", " + long[:4000] + "\r\n\r\n", "200 OK", []string{"Vary: " + long[:5000], "Vary: " + long[:4000]}, "", ""},
		{"long field is dropped", "HTTP/1.1 200 OK\r\nX-Long: " + long + "\r\nX-Short: a\r\n\r\nhi", "200 OK", []string{"X-Short: a"}, "hi", `dropped field "X-Long" of 9000 bytes`},
		{"folded field becomes one line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "200 OK", []string{"X: a b"}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			m := reverseMapping{&configure(t).Upstream, "example.com", publicURL{scheme: "https", host: "example.com", prefix: "/sub"}}
			got, err := readCGI(t, func(w *cgiWriter) error {
				return writeResponse(w, literalResponse(t, strings.NewReader(tt.response), "GET"), m, logTo(&b))
			})
			if err != nil {
				t.Fatalf("writeResponse: %v", err)
			}
			if want := "Status: " + tt.status; got.Status != want {
				t.Errorf("%.200q\n got first line %q\nwant %q", tt.response, got.Status, want)
			}
			if !slices.Equal(got.Fields, tt.fields) {
				t.Errorf("%.200q\n got fields %.200q\nwant %.200q", tt.response, got.Fields, tt.fields)
			}
			if got.Body != tt.body {
				t.Errorf("%.200q\n got body %q\nwant %q", tt.response, got.Body, tt.body)
			}
			if tt.log == "" && b.Len() > 0 {
				t.Errorf("logged %.200q, want nothing", b.String())
			}
			testkit.WantText(t, b.String(), tt.log)
		})
	}
}

func TestWriteResponseHead(t *testing.T) {
	got, err := readCGI(t, func(w *cgiWriter) error {
		resp := literalResponse(t, strings.NewReader("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: a/b\r\n\r\n"), "HEAD")
		return writeResponse(w, resp, reverseMapping{app: &settings.Upstream{}}, logTo(new(bytes.Buffer)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Content-Length: 1000", "Content-Type: a/b"}; !slices.Equal(got.Fields, want) || got.Body != "" {
		t.Errorf("got fields %q and body %q, want %q and none", got.Fields, got.Body, want)
	}
}

// A reason that the web server would choke on must not reach it.
func TestWriteResponseLongReason(t *testing.T) {
	got, err := readCGI(t, func(w *cgiWriter) error {
		resp := literalResponse(t, strings.NewReader("HTTP/1.1 200 "+strings.Repeat("x", 9000)+"\r\n\r\nhi"), "GET")
		return writeResponse(w, resp, reverseMapping{app: &settings.Upstream{}}, logTo(new(bytes.Buffer)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.Status, "Status: 200 ") || len(got.Status) > webServerLine {
		t.Errorf("got a first line of %d bytes, %.50q, want at most %d", len(got.Status), got.Status, webServerLine)
	}
}

// What has come goes on, though the end is missing; and there is an error.
func TestWriteResponseCut(t *testing.T) {
	for _, tt := range testkit.CutResponses {
		t.Run(tt.Name, func(t *testing.T) {
			got, err := readCGI(t, func(w *cgiWriter) error {
				return writeResponse(w, literalResponse(t, strings.NewReader(tt.Text), "GET"), reverseMapping{app: &settings.Upstream{}}, logTo(new(bytes.Buffer)))
			})
			if err == nil {
				t.Errorf("%q passes for a whole response", tt.Text)
			}
			if got.Status != "Status: 200 OK" || got.Body != tt.Body {
				t.Errorf("%q: got %q with body %q, want status 200 with %q", tt.Text, got.Status, got.Body, tt.Body)
			}
		})
	}
	t.Run("broken without a length", func(t *testing.T) {
		broken := errors.New("connection reset")
		got, err := readCGI(t, func(w *cgiWriter) error {
			r := io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\n\r\nhi"), iotest.ErrReader(broken))
			return writeResponse(w, literalResponse(t, r, "GET"), reverseMapping{app: &settings.Upstream{}}, logTo(new(bytes.Buffer)))
		})
		if !errors.Is(err, broken) || got.Body != "hi" {
			t.Errorf("got body %q and error %v, want %q and %v", got.Body, err, "hi", broken)
		}
	})
}

// Each piece must be at the web server before the next one comes.
func TestWriteResponsePieces(t *testing.T) {
	for _, tt := range []struct {
		name, head string
		pieces     [][2]string // what the app sends, what the web server gets
		end        string
	}{
		{"to the end", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", [][2]string{{"data: 1\n\n", "data: 1\n\n"}, {":", ":"}, {"data: 2\n\n", "data: 2\n\n"}}, ""},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", [][2]string{{"3\r\none\r\n", "one"}, {"3\r\ntwo\r\n", "two"}}, "0\r\n\r\n"},
		{"a chunk in parts", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", [][2]string{{"6\r\none", "one"}, {"tw", "tw"}, {"o\r", "o"}, {"\n1\r\n!", "!"}}, "\r\n0\r\n\r\n"},
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", [][2]string{{"one", "one"}, {"two", "two"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			appReader, app := io.Pipe()
			out, stdout, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			cfg := configure(t)
			req, _, err := newRequest(visit(), cfg, "mark")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				defer stdout.Close()
				resp, _, err := literally(cfg, req, appReader)
				if err == nil {
					err = writeResponse(newCGIWriter(stdout), resp, reverseMapping{app: &settings.Upstream{}}, logTo(new(bytes.Buffer)))
				}
				done <- err
			}()

			// A piece that is held back makes the reads below wait forever:
			// nothing more is sent until it is there.
			io.WriteString(app, tt.head)
			head, err := testkit.ReadHead(out)
			if err != nil || !strings.HasPrefix(head, "Status: 200 OK\r\n") {
				t.Fatalf("before the first piece: got %q, error %v, want the header", head, err)
			}
			for _, piece := range tt.pieces {
				io.WriteString(app, piece[0])
				got := make([]byte, len(piece[1]))
				if _, err := io.ReadFull(out, got); err != nil || string(got) != piece[1] {
					t.Fatalf("after %q: got %q, error %v, want %q", piece[0], got, err, piece[1])
				}
			}
			if tt.end != "" {
				io.WriteString(app, tt.end)
			}
			app.Close()
			if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
				t.Errorf("after the end: got %q, error %v, want nothing", rest, err)
			}
			if err := <-done; err != nil {
				t.Errorf("writeResponse: %v", err)
			}
		})
	}
}

// A pieceCounter is a body that gives whatever fits, and notes what was asked
// for.
type pieceCounter struct {
	left, size int // of all, and of what there is at most at once
	asked      []int
}

func (c *pieceCounter) Read(p []byte) (int, error) {
	c.asked = append(c.asked, len(p))
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), c.left, c.size)
	c.left -= n
	return n, nil
}

func TestCopyPiecesLarge(t *testing.T) {
	const small, large = copyBuffer, largePiece
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, tt := range []struct {
		name string
		w    ResponseWriter
		body pieceCounter
		want []int
	}{
		{"CGI", newCGIWriter(null), pieceCounter{left: 3 * large, size: large}, []int{small, large, large, large, large}},
		{"CGI, as it comes", newCGIWriter(null), pieceCounter{left: 3 * small, size: small - 1}, []int{small, small, small, small, small}},
		{"CGI, a part of it at once", newCGIWriter(null), pieceCounter{left: 3 * small, size: small}, []int{small, large, large, large}},
		{"FastCGI, with many requests in one process", newRecorder(), pieceCounter{left: 3 * small, size: large}, []int{small, small, small, small}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := copyPieces(tt.w, &tt.body); err != nil || !slices.Equal(tt.body.asked, tt.want) {
				t.Errorf("error %v, asked for pieces of %d bytes, want %d", err, tt.body.asked, tt.want)
			}
		})
	}
}

// A web server that reads no more is an error, not an end.
func TestWriteResponseNoReader(t *testing.T) {
	out, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	out.Close()
	resp := literalResponse(t, strings.NewReader("HTTP/1.1 200 OK\r\n\r\nhi"), "GET")
	if err := writeResponse(newCGIWriter(stdout), resp, reverseMapping{app: &settings.Upstream{}}, logTo(new(bytes.Buffer))); err == nil {
		t.Error("writeResponse has no error though nobody reads")
	}
}

// A flushCounter counts how often a response is sent before its end.
type flushCounter struct {
	*cgiWriter
	flushes int
}

func (w *flushCounter) FlushError() error {
	w.flushes++
	return w.cgiWriter.FlushError()
}

func (w *flushCounter) FlushLast() error { return nil }

// A response that is here whole may go out with its end; but not while that may
// have to wait for the rest of the request.
func TestWriteResponseWhole(t *testing.T) {
	for _, tt := range []struct {
		name, response string
		body           bool // of the request, under way
		want           int
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 0},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", false, 0},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", false, 0},
		{"before the end of the request", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configure(t)
			req, _, err := newRequest(visit(), cfg, "mark")
			if err != nil {
				t.Fatal(err)
			}
			if tt.body {
				body, unsent := io.Pipe()
				defer unsent.Close()
				req.Body, req.ContentLength = body, 5
			}
			resp, _, err := literally(cfg, req, strings.NewReader(tt.response))
			if err != nil {
				t.Fatal(err)
			}
			w := &flushCounter{cgiWriter: newCGIWriter(os.Stdout)}
			w.out.Reset(io.Discard)
			if err := copyPieces(w, resp.Body); err != nil || w.flushes != tt.want {
				t.Errorf("sent %d times before its end, error %v, want %d", w.flushes, err, tt.want)
			}
		})
	}
}
