package cgiproxy

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
)

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
