package cgiproxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
)

// FuzzRequest makes a request of any variables: "NAME=value", each but the last
// with a NUL behind it, as the kernel keeps them. Whatever a client sends, the
// app must see one request with one meaning.
func FuzzRequest(f *testing.F) {
	seed := func(vars ...string) { f.Add(strings.Join(vars, "\x00")) }
	for _, target := range exactTargets {
		seed("REQUEST_METHOD=GET", "REQUEST_URI="+target, "HTTP_HOST=example.com")
	}
	for _, tt := range changedTargets {
		seed("REQUEST_METHOD=GET", "REQUEST_URI="+tt.target, "HTTP_HOST=example.com")
	}
	for _, tt := range refusedTargets {
		seed("REQUEST_METHOD=GET", "REQUEST_URI="+tt.target, "HTTP_HOST=example.com")
	}
	seed("REQUEST_METHOD=OPTIONS", "REQUEST_URI=*")
	seed("REQUEST_METHOD=GET", "SCRIPT_NAME=/sub/proxy.cgi", "SCRIPT_FILENAME=/a/proxy.cgi", "PATH_INFO=/a b/../%2e#?\r\n", "QUERY_STRING=c d")
	seed("REQUEST_METHOD=GET", "SCRIPT_NAME=/sub/proxy.cgi", "SCRIPT_FILENAME=/a/proxy.cgi", "REQUEST_URI=/sub//proxy%2ecgi/../x")
	seed("REQUEST_METHOD=POST", "REQUEST_URI=/", "CONTENT_LENGTH=5", "CONTENT_TYPE=a/b\r\nX: y", "HTTP_TRANSFER_ENCODING=chunked", "HTTP_CONTENT_LENGTH=6", "HTTP_Content-Length=7")
	seed("REQUEST_METHOD=PUT", "REQUEST_URI=/", "HTTP_TRANSFER_ENCODING=chunked", "HTTP_CONNECTION=close, X, transfer-encoding", "HTTP_TE=trailers", "HTTP_X=1")
	seed("REQUEST_METHOD=GET", "REQUEST_URI=/sub/a", "REMOTE_ADDR=198.51.100.7", "HTTP_X_FORWARDED_FOR=a, 1.2.3.4,fe80::1%\r\n", "HTTP_X_FORWARDED_HOST=a\r\nb", "HTTP_X_FORWARDED_PREFIX=/a\r\nb #", "HTTP_X_FORWARDED_PROTO=https", "REMOTE_USER=a\r\nb\x01")
	seed("REQUEST_METHOD=GET", "REQUEST_URI=/", "SERVER_NAME=a b", "SERVER_PORT=99999", "REDIRECT_HTTP_AUTHORIZATION=a\nb", "HTTP_PRAGMA=no-cache", "HTTP_UPGRADE=h2c", "HTTP_!#$=1")

	configs := []*settings.Config{
		configure(f),
		configure(f, "UPSTREAM=http://127.0.0.1:6543/base", "STRIP_PREFIX=/sub", "MAX_BODY=10", "PRESERVE_HOST=false"),
		configure(f, "UPSTREAM=unix:/run/app.sock", "STRIP_PREFIX=auto", "TRUSTED_PROXIES=0.0.0.0/0,::/0"),
		configure(f, "USE_PATH_INFO=true", "STRIP_PREFIX=auto"),
	}
	f.Fuzz(func(t *testing.T, vars string) {
		env := NewEnviron(strings.Split(vars, "\x00"))
		for _, cfg := range configs {
			req, m, err := newRequest(env, cfg, "mark")
			if err != nil {
				if status := asFailure(err).status; status != 400 && status != 411 && status != 413 && status != 501 {
					t.Errorf("a request that cannot be passed on has status %d (%v)", status, err)
				}
				continue
			}
			if req.URL.Scheme != cfg.Upstream.Scheme || req.URL.Host != cfg.Upstream.Authority {
				t.Errorf("the request goes to %s, want the app", req.URL)
			}
			if req.Method != env["REQUEST_METHOD"] {
				t.Errorf("method %q became %q", env["REQUEST_METHOD"], req.Method)
			}
			checkHead(t, []byte(sentHead(t, req, cfg)), req.Method)
			if strings.ContainsFunc(m.public.host+m.public.prefix, syntax.IsControl) {
				t.Errorf("control byte in the public URL %q", m.public)
			}
		}
	})
}

// checkHead checks the bytes sent to the app by means other than those that
// made them.
func checkHead(t *testing.T, head []byte, method string) {
	t.Helper()
	section, ok := strings.CutSuffix(string(head), "\r\n\r\n")
	if !ok {
		t.Fatalf("no end of the header section in %q", head)
	}
	lines := strings.Split(section, "\r\n")
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00") {
			t.Errorf("CR, LF or NUL in the line %q", line)
		}
	}
	parts := strings.Split(lines[0], " ")
	if len(parts) != 3 || parts[0] != method || parts[2] != "HTTP/1.1" {
		t.Fatalf("request line %q", lines[0])
	}
	checkSentTarget(t, parts[1])

	count := map[string]int{}
	for _, line := range lines[1:] {
		name, _, ok := strings.Cut(line, ": ")
		if !ok || !syntax.IsToken(name) {
			t.Errorf("field line %q", line)
		}
		count[http.CanonicalHeaderKey(name)]++
	}
	if count["Host"] != 1 {
		t.Errorf("%d Host fields in %q", count["Host"], section)
	}
	if count["Content-Length"]+count["Transfer-Encoding"] > 1 {
		t.Errorf("more than one framing in %q", section)
	}
	if count["Connection"] != 1 {
		t.Errorf("%d Connection fields in %q", count["Connection"], section)
	}

	// net/url takes fewer targets than a client may send.
	plain := method + " / HTTP/1.1\r\n" + strings.Join(lines[1:], "\r\n") + "\r\n\r\n"
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(plain)))
	if err != nil {
		t.Fatalf("the app cannot read %q: %v", section, err)
	}
	if req.Method != method {
		t.Errorf("the app reads method %q, want %q", req.Method, method)
	}
	if count["Cache-Control"] == 0 && count["Pragma"] > 0 {
		req.Header.Del("Cache-Control") // ReadRequest may make one of Pragma
	}
	fields := 1 + len(req.TransferEncoding) // Host and Transfer-Encoding are not in Header
	for _, values := range req.Header {
		fields += len(values)
	}
	if fields != len(lines)-1 {
		t.Errorf("the app reads %d fields of %d in %q", fields, len(lines)-1, section)
	}
}

// checkSentTarget checks that the target is one, and that an app which decodes
// it does not find itself outside of what the web server has let pass.
func checkSentTarget(t *testing.T, target string) {
	t.Helper()
	if target == "*" {
		return
	}
	if !strings.HasPrefix(target, "/") || strings.Contains(target, "#") {
		t.Errorf("target %q", target)
	}
	path, _, _ := strings.Cut(target, "?")
	decoded := strings.NewReplacer("%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/").Replace(path)
	for segment := range strings.SplitSeq(decoded, "/") {
		if segment == "." || segment == ".." {
			t.Errorf("dot segment in target %q", target)
		}
	}
}

// FuzzResponse passes on whatever an app may send. The web server must get a
// CGI response that it cannot misread, and nothing that was cut short as a
// whole.
func FuzzResponse(f *testing.F) {
	for _, tt := range testkit.WholeResponses {
		f.Add([]byte(tt.Text), tt.Method == "HEAD")
	}
	for _, tt := range testkit.MalformedResponses {
		f.Add([]byte(tt.Text), false)
	}
	for _, tt := range testkit.CutResponses {
		f.Add([]byte(tt.Text), false)
	}
	for _, fields := range []string{
		"Location: http://localhost:6543/a\r\nRefresh: 5; url='/a'\r\nSet-Cookie: a=b; Path=/; x",
		"Refresh: \x80\x80\xc4\xb0url=",
		"Status: 500 x\r\nConnection: X, Set-Cookie\r\nX: 1",
		"Vary: " + strings.Repeat("a, ", 4000),
		"X: " + strings.Repeat("a", 9000),
		strings.Repeat("X", 9000) + ": a",
	} {
		f.Add([]byte("HTTP/1.1 302 Found\r\n"+fields+"\r\n\r\n"), false)
		f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"+fields+"\r\n\r\nhi"), false)
	}
	f.Add([]byte("HTTP/1.1 200 "+strings.Repeat("x", 9000)+"\r\n\r\n"), false)

	cfg := configure(f)
	f.Fuzz(func(t *testing.T, response []byte, isHead bool) {
		method := "GET"
		if isHead {
			method = "HEAD"
		}
		req, m, err := newRequest(visit("REQUEST_METHOD="+method, "HTTPS=on"), cfg, "mark")
		if err != nil {
			t.Fatal(err)
		}
		m.public.prefix = "/sub"
		resp, _, err := literally(cfg, req, bytes.NewReader(response))
		if err != nil {
			if status := asFailure(err).status; status != 502 {
				t.Errorf("%q: status %d (%v), want 502", response, status, err)
			}
			return
		}
		chunked := resp.Header["Transfer-Encoding"] != nil
		bodiless := isHead || resp.StatusCode == 204 || resp.StatusCode == 304
		var out bytes.Buffer // no pipe: the fuzzer wants the same steps each time
		w := &cgiWriter{header: http.Header{}, out: bufio.NewWriter(&out)}
		err = writeResponse(w, resp, m, &Logger{W: io.Discard})
		w.FlushError()
		got := testkit.ParseCGI(t, out.String())
		checkCGIHeader(t, got)
		if err != nil {
			return
		}
		if bodiless && got.Body != "" {
			t.Errorf("%q: body %q where there is none", response, got.Body)
		}
		for _, declared := range got.Values("Content-Length") {
			if n, err := strconv.Atoi(declared); !bodiless && (err != nil || n != len(got.Body)) {
				t.Errorf("%q: a body of %d bytes passes for the whole of %s", response, len(got.Body), declared)
			}
		}
		if chunked && !bodiless && !lastChunk.Match(response) {
			t.Errorf("%q: passes for a whole response without its last chunk", response)
		}
	})
}

// lastChunk is the line that ends a chunked body (RFC 9112, section 7.1).
var lastChunk = regexp.MustCompile(`\n0+[ \t\r]*(;[^\n]*)?\n`)

// statusLine is the first line of a CGI response (RFC 3875, section 6.3.3).
var statusLine = regexp.MustCompile(`^Status: [1-9][0-9]{2} [\t -~\x80-\xff]+$`)

// checkCGIHeader checks that a web server can take the header section, and
// takes each line of it as what it is.
func checkCGIHeader(t *testing.T, response testkit.CGIResponse) {
	t.Helper()
	if !isStatusLine(response.Status) || len(response.Status) > webServerLine {
		t.Errorf("first line %.200q of %d bytes, want Status", response.Status, len(response.Status))
	}
	for _, line := range response.Fields {
		name, value, ok := strings.Cut(line, ": ")
		if !ok || !syntax.IsToken(name) {
			t.Errorf("field line %.200q has no name", line)
		}
		for i := range len(value) {
			if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
				t.Errorf("control byte in the field line %.200q", line)
				break
			}
		}
		if n := len(line + "\r\n"); n > webServerLine {
			t.Errorf("field line of %d bytes: %.200q", n, line)
		}
		if slices.Contains([]string{"Status", "Connection", "Transfer-Encoding", "Upgrade", "Trailer", "Keep-Alive"}, http.CanonicalHeaderKey(name)) {
			t.Errorf("the field line %.200q is not for the web server", line)
		}
		if name == "Location" && strings.HasPrefix(response.Status, "Status: 200 ") {
			t.Errorf("the web server would follow %.200q", line)
		}
	}
}

// isStatusLine matches by byte: a reason need not be UTF-8.
func isStatusLine(line string) bool {
	latin1 := make([]rune, len(line))
	for i := range len(line) {
		latin1[i] = rune(line[i])
	}
	return statusLine.MatchString(string(latin1))
}
