package upstream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// parseResponse reads the response that r holds. The error is that of the
// header or, where there is a response, of the body.
func parseResponse(r io.Reader, method string) (resp *http.Response, body string, err error) {
	source := &source{r: r}
	resp, err = readHeader(bufio.NewReader(source), source, method)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

func TestResponse(t *testing.T) {
	for _, tt := range testkit.WholeResponses {
		t.Run(tt.Name, func(t *testing.T) {
			resp, body, err := parseResponse(strings.NewReader(tt.Text), tt.Method)
			if err != nil {
				t.Fatalf("%.200q: %v", tt.Text, err)
			}
			if resp.Status != tt.Status {
				t.Errorf("%.200q: status %q, want %q", tt.Text, resp.Status, tt.Status)
			}
			if !reflect.DeepEqual(resp.Header, tt.Header) {
				t.Errorf("%.200q\n got fields %.200q\nwant %.200q", tt.Text, resp.Header, tt.Header)
			}
			if body != tt.Body {
				t.Errorf("%.200q: body %q, want %q", tt.Text, body, tt.Body)
			}
		})
	}
}

func TestResponseMalformed(t *testing.T) {
	for _, tt := range testkit.MalformedResponses {
		t.Run(tt.Name, func(t *testing.T) {
			resp, _, err := parseResponse(strings.NewReader(tt.Text), "GET")
			if resp != nil {
				t.Fatalf("%.200q is the response %q with %.200q, want an error", tt.Text, resp.Status, resp.Header)
			}
			if err == nil {
				t.Fatalf("%.200q: neither a response nor an error", tt.Text)
			}
			if errors.Is(err, io.EOF) {
				t.Errorf("%.200q: the error is %v, which says that all is well", tt.Text, err)
			}
		})
	}
}

func TestResponseCut(t *testing.T) {
	for _, tt := range testkit.CutResponses {
		t.Run(tt.Name, func(t *testing.T) {
			resp, body, err := parseResponse(strings.NewReader(tt.Text), "GET")
			if resp == nil {
				t.Fatalf("%q: %v, want the header", tt.Text, err)
			}
			if err == nil {
				t.Errorf("%q passes for a whole response", tt.Text)
			}
			if body != tt.Body {
				t.Errorf("%q: body %q, want what has come, %q", tt.Text, body, tt.Body)
			}
		})
	}
}

// A broken connection is no end, not even of a body without a length.
func TestResponseBroken(t *testing.T) {
	broken := errors.New("connection reset")
	resp, body, err := parseResponse(io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\n\r\nhi"), &endless{err: broken}), "GET")
	if resp == nil {
		t.Fatal(err)
	}
	if !errors.Is(err, broken) || body != "hi" {
		t.Errorf("got body %q and error %v, want %q and %v", body, err, "hi", broken)
	}
}

// An endless reader repeats its text, or fails with err where it has one. It
// counts what was read, and gives up where that is far too much.
type endless struct {
	text string
	err  error
	read int
}

func (r *endless) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.read > 16*maxHeader {
		return 0, errors.New("read on and on")
	}
	n := 0
	for n < len(p) {
		n += copy(p[n:], r.text[(r.read+n)%len(r.text):])
	}
	r.read += n
	return n, nil
}

func TestResponseHeaderEndless(t *testing.T) {
	for _, tt := range []struct {
		name, start, repeated string
	}{
		{"lines", "HTTP/1.1 200 OK\r\n", "X: y\r\n"},
		{"long lines", "HTTP/1.1 200 OK\r\n", "X: " + strings.Repeat("y", 10000) + "\r\n"},
		{"one line", "HTTP/1.1 200 OK\r\nX: ", "y"},
		{"folded line", "HTTP/1.1 200 OK\r\nX: y\r\n", " y\r\n"},
		{"status line", "HTTP/1.1 200 ", "y"},
		{"no line end", "", "y"},
		{"1xx", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			source := &endless{text: tt.repeated}
			resp, _, err := parseResponse(io.MultiReader(strings.NewReader(tt.start), source), "GET")
			if resp != nil || err == nil {
				t.Fatalf("got response %v, error %v, want an error", resp, err)
			}
			testkit.WantText(t, explained(err), "header of over 1048576 bytes")
			if want := maxHeader + 8<<10; source.read > want { // a buffer more
				t.Errorf("read %d bytes of it, want at most %d", source.read, want)
			}
		})
	}
}

// A header may have 1 MiB to the byte, whatever of the body comes with it.
func TestResponseHeaderLargest(t *testing.T) {
	const start, end = "HTTP/1.1 200 OK\r\nX: ", "\r\n\r\n"
	for _, tt := range []struct {
		name         string
		below        int // bytes below the limit
		body         string
		wantsFailure bool
	}{
		{"a little less", 10, strings.Repeat("b", 100), false},
		{"a little less, long body", 10, strings.Repeat("b", 100000), false},
		{"a little less, no body", 10, "", false},
		{"to the byte", 0, strings.Repeat("b", 100), false},
		{"to the byte, no body", 0, "", false},
		{"a byte more", -1, "b", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var response bytes.Buffer
			response.WriteString(start)
			response.Write(bytes.Repeat([]byte("x"), maxHeader-tt.below-len(start)-len(end)))
			response.WriteString(end + tt.body)
			resp, body, err := parseResponse(&response, "GET")
			if tt.wantsFailure {
				if resp != nil || err == nil {
					t.Fatalf("got response %v, error %v, want an error", resp, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%d bytes below the limit: %v", tt.below, err)
			}
			if body != tt.body {
				t.Errorf("got a body of %d bytes, want %d", len(body), len(tt.body))
			}
		})
	}
}
