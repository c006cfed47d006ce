package cgiproxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
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
		{"hop-by-hop, the length too", "HTTP/1.1 200 OK\r\nConnection: content-length, close\r\nContent-Length: 2\r\n\r\nhi", "200 OK", []string{"Content-Length: 2"}, "hi", ""},
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
			m := reverseMapping{app: &configure(t).Upstream, host: "example.com", public: publicURL{scheme: "https", host: "example.com", prefix: "/sub"}}
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
