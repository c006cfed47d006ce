package cgiproxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"proxy.cgi/cgiproxy/syntax"
)

// unknownLength is the length of a body that ends where stdin ends.
const unknownLength = -1

// noBody is the length of a request that declares no body. It differs from 0
// in that no Content-Length is sent.
const noBody = -2

// bodyLength returns the length of the request's body: 0 or more where the
// server declared one, unknownLength where the body ends with stdin, noBody
// where there is none.
func bodyLength(env Environ, limit int64) (int64, error) {
	if declared := env["CONTENT_LENGTH"]; declared != "" {
		n, err := strconv.ParseUint(declared, 10, 63)
		if err != nil {
			return 0, badRequest("CONTENT_LENGTH %.200q is no length", declared)
		}
		if limit > 0 && n > uint64(limit) {
			return 0, tooLarge(limit)
		}
		return int64(n), nil
	}
	switch coding := env["HTTP_TRANSFER_ENCODING"]; {
	case strings.EqualFold(coding, "chunked") && inStreams(env["SERVER_PROTOCOL"]):
		return 0, lengthInStreams()
	case strings.EqualFold(coding, "chunked"):
		return unknownLength, nil
	case coding != "" && !strings.EqualFold(coding, "identity"):
		// RFC 9112, section 6.1
		return 0, notImplemented(fmt.Sprintf("Transfer-Encoding %.200q", coding), "")
	}
	return noBody, nil
}

// inStreams reports whether a request came in a stream of a connection (RFC 9113,
// RFC 9114). A client can cancel it and keep the connection, and Apache then ends
// stdin as after a whole body, so that only a length tells them apart.
func inStreams(protocol string) bool {
	return strings.HasPrefix(protocol, "HTTP/2") || strings.HasPrefix(protocol, "HTTP/3")
}

func lengthInStreams() *failure {
	return lengthRequired("over HTTP/2 or HTTP/3", "let the client send Content-Length, or chunks over HTTP/1.1")
}

// checkEnd refuses a body whose end nothing would tell from a cut: fcgiwrap ends
// stdin in the same way when the client has left, and of one that cannot be seen
// nobody knows whether it has. Over HTTP/2 it may cancel the stream before the
// first byte and keep the connection: then there seems to be no body.
func (c *call) checkEnd(req *http.Request) error {
	env := c.in.Env
	switch {
	case c.in.Way != "CGI" || !behindFcgiwrap(env):
	case req.ContentLength == unknownLength && !confirmsPort(env):
		return lengthRequired("through fcgiwrap, from a client whose connection cannot be seen", "let nginx collect it: take fastcgi_request_buffering off out")
	case inStreams(env["SERVER_PROTOCOL"]) && env["CONTENT_LENGTH"] == "" && slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, req.Method):
		return lengthRequired("over HTTP/2 through fcgiwrap", "let the client send Content-Length, also of 0")
	}
	return nil
}

// awaitNoBody reads a byte of a body that nothing has told of, and refuses the
// request where there is one: of a body without a length over HTTP/2 nginx tells
// nothing where it passes it on as it comes, and the app would take an empty one
// for it. Methods that are safe have none (RFC 9110, section 9.3).
func (c *call) awaitNoBody(ctx context.Context, req *http.Request) error {
	env := c.in.Env
	if req.Body != http.NoBody || env["CONTENT_LENGTH"] != "" || !inStreams(env["SERVER_PROTOCOL"]) || syntax.IsSafe(req.Method) {
		return nil
	}
	read := make(chan error, 1)
	go func() { // beside, for the client may leave meanwhile
		_, err := c.in.Body.Read(make([]byte, 1))
		read <- err
	}()
	select {
	case err := <-read:
		switch {
		case err == nil:
			return lengthInStreams()
		case err != io.EOF || c.in.Gone != nil && c.in.Gone():
			return context.Canceled // before the first byte
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A requestBody is the client's body as the web server hands it over. It ends
// with io.EOF only where it is whole, and with a failure where it was cut short
// or is longer than MAX_BODY.
type requestBody struct {
	r      io.Reader
	length int64       // as declared, or unknownLength
	limit  int64       // MAX_BODY, 0 for none
	gone   func() bool // reports whether the client has left; nil for unknown
	read   int64
}

func (b *requestBody) Read(p []byte) (int, error) {
	if b.length != unknownLength {
		if b.read == b.length {
			return 0, io.EOF
		}
		p = p[:min(int64(len(p)), b.length-b.read)]
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	switch {
	case b.limit > 0 && b.read > b.limit:
		return 0, tooLarge(b.limit)
	case err == nil || b.read == b.length:
		return n, nil
	case err == io.EOF && b.length == unknownLength && !(b.gone != nil && b.gone()):
		return n, io.EOF
	case b.length == unknownLength:
		return n, badRequest("request body was cut off after %d bytes (%w)", b.read, err)
	default:
		return n, badRequest("request body ended after %d of %d bytes (%w)", b.read, b.length, err)
	}
}

// Close implements io.Closer. The web server's end is not closed: it is
// stdin, and draining it is the way in's task.
func (b *requestBody) Close() error { return nil }
