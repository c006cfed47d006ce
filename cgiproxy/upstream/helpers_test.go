package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/settings/settingstest"
)

// newRequest returns a request as the gateway makes it of CGI variables, with
// the client's Host and the settings' base path, but for its body.
func newRequest(cfg *settings.Config, vars ...string) *http.Request {
	req := &http.Request{
		Method: "GET", RequestURI: "/", Host: "example.com", Header: http.Header{"X-Forwarded-For": {"198.51.100.7"}},
		Body: http.NoBody, Close: true,
	}
	for _, v := range vars {
		switch name, value, _ := strings.Cut(v, "="); name {
		case "REQUEST_METHOD":
			req.Method = value
		case "REQUEST_URI":
			req.RequestURI = value
		case "CONTENT_LENGTH":
			req.ContentLength, _ = strconv.ParseInt(value, 10, 64)
			req.Header["Content-Length"] = []string{value}
		case "HTTP_AUTHORIZATION":
			req.Header["Authorization"] = []string{value}
		case "HTTP_TRANSFER_ENCODING":
			req.ContentLength = unknownLength
			req.Header["Transfer-Encoding"] = []string{value}
		default:
			panic("no variable for these tests: " + v)
		}
	}
	req.RequestURI = cfg.Upstream.Base + req.RequestURI
	return req
}

// roundTrip sends a request made of CGI variables, with the body, as the
// gateway does.
func roundTrip(ctx context.Context, t *testing.T, cfg *settings.Config, vars []string, body io.Reader) (*http.Response, error) {
	t.Helper()
	req := newRequest(cfg, vars...)
	if req.ContentLength != 0 {
		req.Body = &clientBody{r: body, length: req.ContentLength, limit: int64(cfg.MaxBody)}
	}
	return (&Transport{Config: cfg}).RoundTrip(req.WithContext(ctx))
}

// A clientBody is a request's body that knows its length, as the gateway's.
type clientBody struct {
	r                   io.Reader
	length, limit, read int64
}

func (b *clientBody) Read(p []byte) (int, error) {
	if b.length == b.read {
		return 0, io.EOF
	}
	if b.length != unknownLength {
		p = p[:min(int64(len(p)), b.length-b.read)]
	}
	n, err := b.r.Read(p)
	b.read += int64(n)
	switch {
	case b.limit > 0 && b.read > b.limit:
		return 0, bodyError(413)
	case err == nil || b.read == b.length || err == io.EOF && b.length == unknownLength:
		return n, err
	}
	return n, bodyError(400)
}

func (b *clientBody) Close() error { return nil }

// A bodyError is the status that the gateway has for what is wrong with a body.
type bodyError int

func (e bodyError) Error() string { return fmt.Sprint("body: ", int(e)) }

// wantFailure checks what kind of error it is by the status that the gateway
// has for it.
func wantFailure(t *testing.T, err error, status int) {
	t.Helper()
	got := 0
	if e, ok := errors.AsType[*Error](err); ok {
		got = http.StatusBadGateway
		if e.Timeout {
			got = http.StatusGatewayTimeout
		}
	} else if _, ok := errors.AsType[*settings.Error](err); ok {
		got = http.StatusInternalServerError
	} else if e, ok := errors.AsType[bodyError](err); ok {
		got = int(e)
	}
	if got != status {
		t.Fatalf("got error %v (%d), want one for status %d", err, got, status)
	}
}

// explained returns what the owner reads about an error.
func explained(err error) string {
	remedy := ""
	if e, ok := errors.AsType[*Error](err); ok {
		remedy = e.Remedy
	} else if e, ok := errors.AsType[*settings.Error](err); ok {
		remedy = e.Remedy
	}
	return err.Error() + ": " + remedy
}

// keeping returns a transport that keeps connections.
func keeping(t *testing.T, vars ...string) *Transport {
	tr := &Transport{Config: configure(t, vars...), KeepTime: time.Hour}
	t.Cleanup(tr.CloseIdle)
	return tr
}

// headOf returns the head of a request on the wire.
func headOf(cfg *settings.Config, vars ...string) string {
	return string(requestHead(newRequest(cfg, vars...)))
}

func configure(t testing.TB, vars ...string) *settings.Config {
	t.Helper()
	return settingstest.Config(t, vars...)
}
