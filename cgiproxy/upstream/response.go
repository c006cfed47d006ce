package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"proxy.cgi/cgiproxy/syntax"
)

// Both limits are a choice. They bound the memory that an app can take, and are
// far above what web servers accept from a script.
const (
	maxHeader = 1 << 20 // bytes of all header sections of one response, 1xx included
	maxLines  = 1000    // field lines of one header section
)

// readHeader reads the header of the final response and leaves r at its body.
// The response's Close tells whether the connection ends with it.
// http.ReadResponse is not used, for it adds a Cache-Control to a response that
// has only a Pragma, and takes two framings for one.
func readHeader(r *bufio.Reader, source *source, method string) (*http.Response, error) {
	source.limit = maxHeader + int64(r.Size()) // r may read ahead into the body
	for {
		resp, err := readHead(textproto.NewReader(r))
		if err != nil && source.err != nil {
			return nil, source.err // net/textproto calls a line without its end malformed
		}
		if err != nil {
			return nil, err
		}
		if source.read-int64(r.Buffered()) > maxHeader {
			return nil, errLongHeader
		}
		switch {
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("101 Switching Protocols, which nobody asked for")
		case resp.StatusCode >= 200:
			source.limit = 0
			resp.Close = resp.ProtoMinor == 0 || syntax.HasToken(strings.Join(resp.Header["Connection"], ","), "close")
			err := setBody(resp, r, method)
			return resp, err
		}
		// 1xx is for our connection only: a CGI response has one status.
	}
}

var errLongHeader = errors.New("header of over 1048576 bytes") // maxHeader

// A source is what readHeader's reader reads from.
type source struct {
	r     io.Reader
	read  int64
	limit int64 // of read; 0 is no limit
	err   error // what ended it for good, io.EOF as io.ErrUnexpectedEOF
}

func (s *source) Read(p []byte) (int, error) {
	if s.limit > 0 {
		if s.read >= s.limit {
			s.err = errLongHeader
			return 0, s.err
		}
		p = p[:min(int64(len(p)), s.limit-s.read)]
	}
	n, err := s.r.Read(p)
	s.read += int64(n)
	if err != nil {
		s.err = noEOF(err)
	}
	return n, err
}

var errNotHTTP = errors.New("is not HTTP/1")

// readHead reads a status line (RFC 9112, section 4) and a header section.
func readHead(r *textproto.Reader) (*http.Response, error) {
	line, err := r.ReadLine()
	if err != nil {
		return nil, noEOF(err)
	}
	version, status, _ := strings.Cut(line, " ")
	major, minor, ok := http.ParseHTTPVersion(version)
	if !ok || major != 1 || strings.ContainsFunc(line, syntax.IsControl) {
		return nil, fmt.Errorf("status line %.80q %w", line, errNotHTTP)
	}
	digits, _, _ := strings.Cut(status, " ")
	code, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || len(digits) != 3 || code < 100 {
		return nil, fmt.Errorf("status line %.80q has no status code", line)
	}
	fields, err := r.ReadMIMEHeader()
	if err != nil {
		return nil, noEOF(err)
	}
	lines := 0
	for name, values := range fields {
		if !syntax.IsToken(name) { // net/textproto lets blanks pass
			return nil, fmt.Errorf("field name %.80q", name)
		}
		lines += len(values)
	}
	if lines > maxLines {
		return nil, fmt.Errorf("header of %d lines, more than %d", lines, maxLines)
	}
	return &http.Response{
		Status:     status,
		StatusCode: int(code),
		ProtoMajor: major,
		ProtoMinor: minor,
		Header:     http.Header(fields),
	}, nil
}

// setBody finds out where the body ends (RFC 9112, section 6.3).
func setBody(resp *http.Response, r *bufio.Reader, method string) error {
	length, err := contentLength(resp.Header)
	if err != nil {
		return err
	}
	coding := resp.Header["Transfer-Encoding"]
	switch {
	case method == http.MethodHead, resp.StatusCode == http.StatusNoContent, resp.StatusCode == http.StatusNotModified:
		// Some apps send a body all the same, by a write of its own, which may
		// come after any look: that must not meet the next request. Without a
		// length nobody knows that there will be none.
		resp.Body, resp.Close = http.NoBody, resp.Close || length != 0 || coding != nil
	case len(coding) == 1 && strings.EqualFold(coding[0], "chunked"):
		if length >= 0 {
			return errors.New("both Content-Length and Transfer-Encoding")
		}
		resp.Body = &chunkedBody{r: r}
	case coding != nil:
		return fmt.Errorf("Transfer-Encoding %.80q", coding)
	case length == 0:
		resp.Body = http.NoBody
	case length > 0:
		resp.Body = io.NopCloser(&fixedBody{r, length})
	default:
		resp.Body, resp.Close = io.NopCloser(r), true
	}
	return nil
}

// contentLength returns the declared length, or -1 for none. A length that is
// repeated but always the same is one (RFC 9112, section 6.3).
func contentLength(h http.Header) (int64, error) {
	values := h["Content-Length"]
	if len(values) == 0 {
		return -1, nil
	}
	for _, value := range values[1:] {
		if value != values[0] {
			return 0, fmt.Errorf("two lengths, %.40q and %.40q", values[0], value)
		}
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil {
		return 0, fmt.Errorf("Content-Length %.40q", values[0])
	}
	h["Content-Length"] = values[:1]
	return int64(n), nil
}

// A fixedBody is a body with a Content-Length: one that ends early is an error.
// Its last piece comes with its end.
type fixedBody struct {
	r         io.Reader
	remaining int64
}

func (b *fixedBody) Read(p []byte) (int, error) {
	if b.remaining == 0 {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.remaining)])
	b.remaining -= int64(n)
	if b.remaining == 0 {
		return n, io.EOF
	}
	return n, noEOF(err)
}

// noEOF turns an end where there should be none into an error.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
