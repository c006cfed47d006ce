package cgiproxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// parseAnswer reads the answer that r holds. The error is that of the header
// or, where there is a response, of the body.
func parseAnswer(r io.Reader, method string) (resp *http.Response, body string, err error) {
	source := &answerSource{r: r}
	resp, err = readAnswer(bufio.NewReader(source), source, method)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

var wholeAnswers = []struct {
	name, method, answer string
	status               string
	header               http.Header
	body                 string
}{
	{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 OK", http.Header{"Content-Length": {"2"}}, "hi"},
	{"length, more follows", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 400 no", "200 OK", http.Header{"Content-Length": {"2"}}, "hi"},
	{"length 0", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nxx", "200 OK", http.Header{"Content-Length": {"0"}}, ""},
	{"the same length twice", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "200 OK", http.Header{"Content-Length": {"2"}}, "hi"},
	{"to the end", "GET", "HTTP/1.1 200 OK\r\n\r\nhi\r\n", "200 OK", http.Header{}, "hi\r\n"},
	{"nothing to the end", "GET", "HTTP/1.1 200 OK\r\n\r\n", "200 OK", http.Header{}, ""},
	{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\n\r\nhi", "200 OK", http.Header{}, "hi"},
	{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;x=y\r\n yo\r\n0\r\n\r\n", "200 OK", http.Header{"Transfer-Encoding": {"chunked"}}, "hi yo"},
	{"chunked, upper case", "GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n00\r\n\r\n", "200 OK", http.Header{"Transfer-Encoding": {"CHUNKED"}}, "0123456789"},
	{"chunked with trailers", "GET", "HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n", "200 OK",
		http.Header{"Trailer": {"X"}, "Transfer-Encoding": {"chunked"}}, "hi"},

	{"own reason", "GET", "HTTP/1.1 404 Nothing here, sorry\r\n\r\n", "404 Nothing here, sorry", http.Header{}, ""},
	{"no reason", "GET", "HTTP/1.1 200 \r\n\r\n", "200 ", http.Header{}, ""},
	{"no reason and no blank", "GET", "HTTP/1.1 200\r\n\r\n", "200", http.Header{}, ""},
	{"reason with 8-bit bytes", "GET", "HTTP/1.1 200 \xc3\xa7a va\r\n\r\n", "200 \xc3\xa7a va", http.Header{}, ""},
	{"unknown status", "GET", "HTTP/1.1 299 Fine\r\n\r\n", "299 Fine", http.Header{}, ""},

	{"after 100", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n\r\nhi", "200 OK", http.Header{"X": {"y"}}, "hi"},
	{"after several 1xx", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi", "200 OK", http.Header{}, "hi"},
	{"1xx with a length", "GET", "HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi", "200 OK", http.Header{}, "hi"},

	{"HEAD with a length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "200 OK", http.Header{"Content-Length": {"1000"}}, ""},
	{"HEAD, chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 OK", http.Header{"Transfer-Encoding": {"chunked"}}, ""},
	{"HEAD with a body all the same", "HEAD", "HTTP/1.1 200 OK\r\n\r\nhi", "200 OK", http.Header{}, ""},
	{"204 with a length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204 No Content", http.Header{"Content-Length": {"0"}}, ""},
	{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nEtag: \"a\"\r\n\r\n", "304 Not Modified", http.Header{"Content-Length": {"1000"}, "Etag": {`"a"`}}, ""},
	{"206", "GET", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nhi", "206 Partial Content", http.Header{"Content-Length": {"2"}, "Content-Range": {"bytes 0-1/9"}}, "hi"},

	// http.ReadResponse adds a Cache-Control here.
	{"Pragma alone", "GET", "HTTP/1.1 200 OK\r\nPragma: no-cache\r\n\r\n", "200 OK", http.Header{"Pragma": {"no-cache"}}, ""},
	{"repeated fields", "GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX: 1\r\nSet-Cookie: b=2\r\nset-cookie: c=3\r\n\r\n", "200 OK", http.Header{"Set-Cookie": {"a=1", "b=2", "c=3"}, "X": {"1"}}, ""},
	{"empty field", "GET", "HTTP/1.1 200 OK\r\nX:\r\nY:   \r\n\r\n", "200 OK", http.Header{"X": {""}, "Y": {""}}, ""},
	{"8-bit bytes in a field", "GET", "HTTP/1.1 200 OK\r\nX: caf\xe9\r\n\r\n", "200 OK", http.Header{"X": {"caf\xe9"}}, ""},
	{"folded line", "GET", "HTTP/1.1 200 OK\r\nX: a\r\n \t b\r\nY: c\r\n\r\n", "200 OK", http.Header{"X": {"a b"}, "Y": {"c"}}, ""}, // RFC 9112, section 5.2
	{"bare LF", "GET", "HTTP/1.1 200 OK\nX: y\nContent-Length: 2\n\nhi", "200 OK", http.Header{"X": {"y"}, "Content-Length": {"2"}}, "hi"},
	{"1000 lines", "GET", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1000) + "\r\nhi", "200 OK", http.Header{"X": strings.Split(strings.Repeat("y", 1000), "")}, "hi"},
}

func TestAnswer(t *testing.T) {
	for _, tt := range wholeAnswers {
		t.Run(tt.name, func(t *testing.T) {
			resp, body, err := parseAnswer(strings.NewReader(tt.answer), tt.method)
			if err != nil {
				t.Fatalf("%.200q: %v", tt.answer, err)
			}
			if resp.Status != tt.status {
				t.Errorf("%.200q: status %q, want %q", tt.answer, resp.Status, tt.status)
			}
			if !reflect.DeepEqual(resp.Header, tt.header) {
				t.Errorf("%.200q\n got fields %.200q\nwant %.200q", tt.answer, resp.Header, tt.header)
			}
			if body != tt.body {
				t.Errorf("%.200q: body %q, want %q", tt.answer, body, tt.body)
			}
		})
	}
}

var malformedAnswers = []struct {
	name, answer string
}{
	{"nothing", ""},
	{"an empty line", "\r\n"},
	{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
	{"text", "hello, world\n\n"},
	{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n"},
	{"ICY", "ICY 200 OK\r\n\r\n"},
	{"no version", "HTTP 200 OK\r\n\r\n"},
	{"no status", "HTTP/1.1\r\n\r\n"},
	{"two digits", "HTTP/1.1 20 OK\r\n\r\n"},
	{"four digits", "HTTP/1.1 2000 OK\r\n\r\n"},
	{"a sign", "HTTP/1.1 +20 OK\r\n\r\n"},
	{"status 099", "HTTP/1.1 099 OK\r\n\r\n"},
	{"letters", "HTTP/1.1 2OO OK\r\n\r\n"},
	{"a tab in the status line", "HTTP/1.1\t200\tOK\r\n\r\n"},
	{"a CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n"},
	{"a NUL in the reason", "HTTP/1.1 200 O\x00K\r\n\r\n"},
	{"an escape in the reason", "HTTP/1.1 200 O\x1bK\r\n\r\n"},
	{"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"},

	{"cut in the status line", "HTTP/1.1 200"},
	{"cut in a field", "HTTP/1.1 200 OK\r\nX: y"},
	{"cut between fields", "HTTP/1.1 200 OK\r\nX: y\r\n"},
	{"cut after 100", "HTTP/1.1 100 Continue\r\n\r\n"},

	{"no colon", "HTTP/1.1 200 OK\r\nX\r\n\r\n"},
	{"no name", "HTTP/1.1 200 OK\r\n: y\r\n\r\n"},
	{"a blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi"}, // RFC 9112, section 5.1
	{"a blank in a name", "HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n"},
	{"a control byte in a name", "HTTP/1.1 200 OK\r\nX\x01Y: z\r\n\r\n"},
	{"8-bit bytes in a name", "HTTP/1.1 200 OK\r\nX\xe9: z\r\n\r\n"},
	{"folded first line", "HTTP/1.1 200 OK\r\n X: y\r\n\r\n"},
	{"a CR in a field", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"},
	{"a NUL in a field", "HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n"},
	{"an escape in a field", "HTTP/1.1 200 OK\r\nX: a\x1bb\r\n\r\n"},
	{"a DEL in a field", "HTTP/1.1 200 OK\r\nX: a\x7fb\r\n\r\n"},

	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"},
	{"length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"},
	{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
	{"length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi"},
	{"hexadecimal length", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nhi"},
	{"empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhi"},
	{"length of over 63 bits", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nhi"},
	{"gzip coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi"},
	{"two codings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
	{"chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"1001 lines", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1001) + "\r\nhi"},
}

func TestAnswerMalformed(t *testing.T) {
	for _, tt := range malformedAnswers {
		t.Run(tt.name, func(t *testing.T) {
			resp, _, err := parseAnswer(strings.NewReader(tt.answer), "GET")
			if resp != nil {
				t.Fatalf("%.200q is the answer %q with %.200q, want an error", tt.answer, resp.Status, resp.Header)
			}
			if err == nil {
				t.Fatalf("%.200q: neither an answer nor an error", tt.answer)
			}
			if errors.Is(err, io.EOF) {
				t.Errorf("%.200q: the error is %v, which says that all is well", tt.answer, err)
			}
		})
	}
}

// cutAnswers end before their body does.
var cutAnswers = []struct {
	name, answer, body string
}{
	{"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "hi"},
	{"the largest length", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nhi", "hi"},
	{"length, before the first byte", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", ""},
	{"chunked, before the first chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
	{"chunked, in a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", ""},
	{"chunked, in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhi", "hi"},
	{"chunked, after a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "hi"},
	{"chunked, in the last size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0", "hi"},
	{"chunked, in the largest chunk after another", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n7fffffffffffffff\r\n!", "hi!"},
	{"chunked, too large a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n8000000000000000\r\n!", "hi"},
	{"chunked, bad size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nxyz\r\n", "hi"},
	{"chunked, chunk longer than its size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n", "hi"},
}

func TestAnswerCut(t *testing.T) {
	for _, tt := range cutAnswers {
		t.Run(tt.name, func(t *testing.T) {
			resp, body, err := parseAnswer(strings.NewReader(tt.answer), "GET")
			if resp == nil {
				t.Fatalf("%q: %v, want the header", tt.answer, err)
			}
			if err == nil {
				t.Errorf("%q passes for a whole answer", tt.answer)
			}
			if body != tt.body {
				t.Errorf("%q: body %q, want what has come, %q", tt.answer, body, tt.body)
			}
		})
	}
}

// A broken connection is no end, not even of a body without a length.
func TestAnswerBroken(t *testing.T) {
	broken := errors.New("connection reset")
	resp, body, err := parseAnswer(io.MultiReader(strings.NewReader("HTTP/1.1 200 OK\r\n\r\nhi"), &endless{err: broken}), "GET")
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
	if r.read > 16*maxAnswerHeader {
		return 0, errors.New("read on and on")
	}
	n := 0
	for n < len(p) {
		n += copy(p[n:], r.text[(r.read+n)%len(r.text):])
	}
	r.read += n
	return n, nil
}

func TestAnswerHeaderEndless(t *testing.T) {
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
			resp, _, err := parseAnswer(io.MultiReader(strings.NewReader(tt.start), source), "GET")
			if resp != nil || err == nil {
				t.Fatalf("got answer %v, error %v, want an error", resp, err)
			}
			wantText(t, err.Error(), "header of over 1048576 bytes")
			if want := maxAnswerHeader + 8<<10; source.read > want { // a buffer more
				t.Errorf("read %d bytes of it, want at most %d", source.read, want)
			}
		})
	}
}

// A header may have 1 MiB to the byte, whatever of the body comes with it.
func TestAnswerHeaderLargest(t *testing.T) {
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
			var answer bytes.Buffer
			answer.WriteString(start)
			answer.Write(bytes.Repeat([]byte("x"), maxAnswerHeader-tt.below-len(start)-len(end)))
			answer.WriteString(end + tt.body)
			resp, body, err := parseAnswer(&answer, "GET")
			if tt.wantsFailure {
				if resp != nil || err == nil {
					t.Fatalf("got answer %v, error %v, want an error", resp, err)
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
