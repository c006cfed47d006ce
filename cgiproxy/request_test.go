package cgiproxy

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
)

// head returns the bytes of the request line and header section that are sent
// to the app.
func head(t *testing.T, env Environ, cfg *settings.Config) string {
	t.Helper()
	before := maps.Clone(env)
	req, _, err := newRequest(env, cfg, "mark")
	if err != nil {
		t.Fatalf("newRequest: %v", err)
	}
	if !maps.Equal(env, before) {
		t.Errorf("newRequest changed its argument\n got %q\nwant %q", env, before)
	}
	return sentHead(t, req, cfg)
}

func TestRequestHead(t *testing.T) {
	tests := []struct {
		name     string
		env      Environ
		settings []string
		want     []string
	}{
		{"the least", visit(), nil, []string{
			"GET / HTTP/1.1",
			"Host: example.com",
			"X-Forwarded-For: 198.51.100.7",
			"X-Forwarded-Host: example.com",
			"X-Forwarded-Port: 80",
			"X-Forwarded-Proto: http",
			"X-Proxy-Loop: " + requestMark("mark", "GET", "/"),
			"X-Real-Ip: 198.51.100.7",
			"Connection: close",
		}},
		{"a browser's POST",
			visit("REQUEST_METHOD=POST", "REQUEST_URI=/a%2Fb?c", "HTTPS=on", "SERVER_PORT=443", "CONTENT_LENGTH=5", "CONTENT_TYPE=text/plain; charset=utf-8",
				"HTTP_USER_AGENT=Browser/1.0 (X)", "HTTP_ACCEPT_ENCODING=gzip, br", "HTTP_COOKIE=a=b; c=d", "HTTP_CONNECTION=keep-alive", "REMOTE_USER=me"),
			nil, []string{
				"POST /a%2Fb?c HTTP/1.1",
				"Host: example.com",
				"Accept-Encoding: gzip, br",
				"Content-Length: 5",
				"Content-Type: text/plain; charset=utf-8",
				"Cookie: a=b; c=d",
				"User-Agent: Browser/1.0 (X)",
				"X-Forwarded-For: 198.51.100.7",
				"X-Forwarded-Host: example.com",
				"X-Forwarded-Port: 443",
				"X-Forwarded-Proto: https",
				"X-Forwarded-User: me",
				"X-Proxy-Loop: " + requestMark("mark", "POST", "/a%2Fb?c"),
				"X-Real-Ip: 198.51.100.7",
				"Connection: close",
			}},
		{"a chunked upload to a base path",
			visit("REQUEST_METHOD=PUT", "REQUEST_URI=/sub/x", "HTTP_TRANSFER_ENCODING=chunked"),
			[]string{"UPSTREAM=http://127.0.0.1:6543/base", "STRIP_PREFIX=/sub", "PRESERVE_HOST=false"}, []string{
				"PUT /base/x HTTP/1.1",
				"Host: 127.0.0.1:6543",
				"Transfer-Encoding: chunked",
				"X-Forwarded-For: 198.51.100.7",
				"X-Forwarded-Host: example.com",
				"X-Forwarded-Port: 80",
				"X-Forwarded-Prefix: /sub",
				"X-Forwarded-Proto: http",
				"X-Proxy-Loop: " + requestMark("mark", "PUT", "/base/x"),
				"X-Real-Ip: 198.51.100.7",
				"Connection: close",
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.Join(tt.want, "\r\n") + "\r\n\r\n"
			cfg := configure(t, tt.settings...)
			if got := head(t, tt.env, cfg); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestRequestFields(t *testing.T) {
	tests := []struct {
		name string
		vars []string
		want []string // lines besides Host, Connection, X-Forwarded-* and the mark
	}{
		{"nothing is invented", nil, nil},
		{"fields are passed on", []string{"HTTP_ACCEPT=*/*", "HTTP_X_REQUEST_ID=1", "HTTP_DNT=1"}, []string{"Accept: */*", "Dnt: 1", "X-Request-Id: 1"}},
		{"8-bit bytes", []string{"HTTP_X_NAME=caf\xe9 \xc3\xa9"}, []string{"X-Name: caf\xe9 \xc3\xa9"}},
		{"control bytes", []string{"HTTP_X_NAME=a\r\nEvil: 1\x00"}, []string{"X-Name: a  Evil: 1"}},
		{"once each", []string{"HTTP_X_A=1", "HTTP_x-a=2", "HTTP_X_A=3"}, []string{"X-A: 1, 2, 3"}},
		{"names are tokens", []string{"HTTP_X:Y=1", "HTTP_X Y=1", "HTTP_=1"}, nil},
		{"conditions and ranges", []string{"HTTP_RANGE=bytes=0-1", "HTTP_IF_NONE_MATCH=\"a\""}, []string{`If-None-Match: "a"`, "Range: bytes=0-1"}},

		{"Authorization", []string{"HTTP_AUTHORIZATION=Basic YTpi"}, []string{"Authorization: Basic YTpi"}},
		{"Authorization after a rewrite", []string{"REDIRECT_HTTP_AUTHORIZATION=Basic YTpi"}, []string{"Authorization: Basic YTpi"}},
		{"Authorization, once", []string{"HTTP_AUTHORIZATION=Basic YTpi", "REDIRECT_HTTP_AUTHORIZATION=Basic eDp5"}, []string{"Authorization: Basic YTpi"}},
		{"Authorization, empty", []string{"HTTP_AUTHORIZATION=", "REDIRECT_HTTP_AUTHORIZATION="}, nil},

		{"Content-Type from one place", []string{"CONTENT_TYPE=a/b", "HTTP_CONTENT_TYPE=c/d"}, []string{"Content-Type: a/b"}},
		{"Content-Type, control bytes", []string{"CONTENT_TYPE=a/b\r\nEvil: 1"}, []string{"Content-Type: a/b  Evil: 1"}},
		{"Content-Length from one place", []string{"CONTENT_LENGTH=3", "HTTP_CONTENT_LENGTH=4"}, []string{"Content-Length: 3"}},
		{"Content-Length in a field", []string{"HTTP_CONTENT_LENGTH=4"}, nil},

		{"hop-by-hop",
			[]string{"HTTP_CONNECTION=keep-alive", "HTTP_KEEP_ALIVE=300", "HTTP_PROXY_CONNECTION=close", "HTTP_TE=trailers", "HTTP_TRAILER=X", "HTTP_UPGRADE=h2c", "HTTP_X=1"},
			[]string{"X: 1"}},
		{"named in Connection", []string{"HTTP_CONNECTION=close, X-Hop ,\tx_other,,HTTP2-Settings", "HTTP_X_HOP=1", "HTTP_HTTP2_SETTINGS=2", "HTTP_X_KEPT=3"}, []string{"X-Kept: 3"}},
		{"Connection cannot take away what we set", []string{"HTTP_CONNECTION=Content-Length, Host, X-Forwarded-For", "CONTENT_LENGTH=3"}, []string{"Content-Length: 3"}},
		{"not for the app", []string{"HTTP_PROXY=http://evil.example/", "HTTP_PROXY_AUTHORIZATION=Basic YTpi", "HTTP_EXPECT=100-continue", "HTTP_X_PROXY_SIGNATURE=t=1,v1=00", "HTTP_X_PROXY_LOOP=forged"}, nil},
		{"not for the app, other spellings", []string{"HTTP_Proxy=http://evil.example/", "HTTP_Proxy-Authorization=Basic YTpi", "HTTP_expect=100-continue", "HTTP_X-Proxy_Signature=x", "HTTP_X-Proxy_loop=x"}, nil},
		{"Forwarded", []string{"HTTP_FORWARDED=for=192.0.2.1;proto=https"}, nil},
		{"settings are no fields", []string{"CGIPROXY_MAX_BODY=1", "REDIRECT_CGIPROXY_MAX_BODY=1", "PATH=/bin"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configure(t)
			got := head(t, visit(tt.vars...), cfg)
			lines := strings.Split(strings.TrimSuffix(got, "\r\n\r\n"), "\r\n")[1:]
			var rest []string
			for _, line := range lines {
				if !strings.HasPrefix(line, "X-Forwarded-") && !slices.Contains([]string{"Host: example.com", "X-Real-Ip: 198.51.100.7", "X-Proxy-Loop: " + requestMark("mark", "GET", "/"), "Connection: close"}, line) {
					rest = append(rest, line)
				}
			}
			if !slices.Equal(rest, tt.want) {
				t.Errorf("with %q\n got %q\nwant %q", tt.vars, rest, tt.want)
			}
		})
	}
}

func TestRequestBodyLength(t *testing.T) {
	tests := []struct {
		name  string
		vars  []string
		limit int64
		want  int64
		line  string // the field that tells the app, "" for none
	}{
		{"none declared", []string{"REQUEST_METHOD=POST"}, 0, 0, ""},
		{"empty is none", []string{"CONTENT_LENGTH="}, 0, 0, ""},
		{"0", []string{"REQUEST_METHOD=POST", "CONTENT_LENGTH=0"}, 0, 0, "Content-Length: 0"},
		{"with a GET", []string{"CONTENT_LENGTH=7"}, 0, 7, "Content-Length: 7"},
		{"over 4 GiB", []string{"CONTENT_LENGTH=5000000000"}, 0, 5000000000, "Content-Length: 5000000000"},
		{"the largest", []string{"CONTENT_LENGTH=9223372036854775807"}, 0, 1<<63 - 1, "Content-Length: 9223372036854775807"},
		{"chunked", []string{"HTTP_TRANSFER_ENCODING=chunked"}, 0, -1, "Transfer-Encoding: chunked"},
		{"Chunked", []string{"HTTP_TRANSFER_ENCODING=Chunked"}, 0, -1, "Transfer-Encoding: chunked"},
		{"chunked, but the server has counted", []string{"HTTP_TRANSFER_ENCODING=chunked", "CONTENT_LENGTH=7"}, 0, 7, "Content-Length: 7"},
		{"chunked over HTTP/2, but the server has counted", []string{"SERVER_PROTOCOL=HTTP/2.0", "HTTP_TRANSFER_ENCODING=chunked", "CONTENT_LENGTH=7"}, 0, 7, "Content-Length: 7"},
		{"chunked over HTTP/1.0", []string{"SERVER_PROTOCOL=HTTP/1.0", "HTTP_TRANSFER_ENCODING=chunked"}, 0, -1, "Transfer-Encoding: chunked"},
		{"chunked and named in Connection", []string{"HTTP_TRANSFER_ENCODING=chunked", "HTTP_CONNECTION=transfer-encoding"}, 0, -1, "Transfer-Encoding: chunked"},
		{"as large as MAX_BODY", []string{"CONTENT_LENGTH=10"}, 10, 10, "Content-Length: 10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configure(t)
			cfg.MaxBody = settings.ByteCount(tt.limit)
			req, _, err := newRequest(visit(tt.vars...), cfg, "mark")
			if err != nil {
				t.Fatalf("newRequest: %v", err)
			}
			if req.ContentLength != tt.want {
				t.Errorf("ContentLength is %d, want %d", req.ContentLength, tt.want)
			}
			var lines []string
			for line := range strings.SplitSeq(sentHead(t, req, cfg), "\r\n") {
				if strings.HasPrefix(line, "Content-Length:") || strings.HasPrefix(line, "Transfer-Encoding:") {
					lines = append(lines, line)
				}
			}
			if got := strings.Join(lines, "; "); got != tt.line {
				t.Errorf("the app is told %q, want %q", got, tt.line)
			}
		})
	}
}

func TestRequestRefused(t *testing.T) {
	tests := []struct {
		name     string
		vars     []string
		settings []string
		status   int
	}{
		{"length with a sign", []string{"CONTENT_LENGTH=+5"}, nil, 400},
		{"negative length", []string{"CONTENT_LENGTH=-1"}, nil, 400},
		{"hexadecimal length", []string{"CONTENT_LENGTH=0x5"}, nil, 400},
		{"length with a blank", []string{"CONTENT_LENGTH= 5"}, nil, 400},
		{"length with an underscore", []string{"CONTENT_LENGTH=1_000"}, nil, 400},
		{"length with a fraction", []string{"CONTENT_LENGTH=5.0"}, nil, 400},
		{"two lengths", []string{"CONTENT_LENGTH=5, 5"}, nil, 400},
		{"length of over 63 bits", []string{"CONTENT_LENGTH=9223372036854775808"}, nil, 400},
		{"odd length beside chunked", []string{"CONTENT_LENGTH=x", "HTTP_TRANSFER_ENCODING=chunked"}, nil, 400},
		{"length in other digits", []string{"CONTENT_LENGTH=\xd9\xa5"}, nil, 400},

		{"chunked over HTTP/2", []string{"SERVER_PROTOCOL=HTTP/2.0", "HTTP_TRANSFER_ENCODING=chunked"}, nil, 411},
		{"chunked over HTTP/3", []string{"SERVER_PROTOCOL=HTTP/3", "HTTP_TRANSFER_ENCODING=Chunked"}, nil, 411},
		{"gzip coding", []string{"HTTP_TRANSFER_ENCODING=gzip"}, nil, 501},
		{"two codings", []string{"HTTP_TRANSFER_ENCODING=gzip, chunked"}, nil, 501},
		{"chunked twice", []string{"HTTP_TRANSFER_ENCODING=chunked, chunked"}, nil, 501},
		{"chunked with something", []string{"HTTP_TRANSFER_ENCODING=xchunked"}, nil, 501},

		{"over MAX_BODY", []string{"CONTENT_LENGTH=11"}, []string{"MAX_BODY=10"}, 413},
		{"far over MAX_BODY", []string{"CONTENT_LENGTH=9223372036854775807"}, []string{"MAX_BODY=10"}, 413},

		{"Host with a path", []string{"HTTP_HOST=example.com/admin"}, nil, 400},
		{"Host with a blank", []string{"HTTP_HOST=example.com evil.example"}, nil, 400},
		{"Host with a line end", []string{"HTTP_HOST=example.com\r\nX: y"}, nil, 400},
		{"Host with a user", []string{"HTTP_HOST=me@example.com"}, nil, 400},
		{"two hosts", []string{"HTTP_HOST=example.com, evil.example"}, nil, 400},
		{"Host with no port number", []string{"HTTP_HOST=example.com:http"}, nil, 400},
		{"Host with port 99999", []string{"HTTP_HOST=example.com:99999"}, nil, 400},
		{"Host without brackets", []string{"HTTP_HOST=::1"}, nil, 400},
		{"Host with an open bracket", []string{"HTTP_HOST=[::1"}, nil, 400},
		{"Host that is a port", []string{"HTTP_HOST=:80"}, nil, 400},
		{"Host with 8-bit bytes", []string{"HTTP_HOST=caf\xc3\xa9.example"}, nil, 400},
		{"Host with a query", []string{"HTTP_HOST=example.com?x"}, nil, 400},
		{"Host with PRESERVE_HOST=false", []string{"HTTP_HOST=example.com/admin"}, []string{"PRESERVE_HOST=false"}, 400},

		{"no method", []string{"REQUEST_METHOD="}, nil, 400},
		{"method with a blank", []string{"REQUEST_METHOD=GET /x"}, nil, 400},
		{"method with a line end", []string{"REQUEST_METHOD=GET\r\n"}, nil, 400},
		{"method with 8-bit bytes", []string{"REQUEST_METHOD=G\xc3\x89T"}, nil, 400},
		{"CONNECT", []string{"REQUEST_METHOD=CONNECT", "REQUEST_URI=example.com:443"}, nil, 501},

		{"target", []string{"REQUEST_URI=example.com"}, nil, 400},
		{"asterisk with a GET", []string{"REQUEST_URI=*"}, nil, 400},

		{"websocket", []string{"HTTP_CONNECTION=Upgrade", "HTTP_UPGRADE=websocket"}, nil, 501},
		{"WebSocket in a list", []string{"HTTP_CONNECTION=keep-alive, Upgrade", "HTTP_UPGRADE=h2c, WebSocket/13"}, nil, 501},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configure(t, tt.settings...)
			req, _, err := newRequest(visit(tt.vars...), cfg, "mark")
			if err == nil {
				t.Fatalf("with %q got the request\n%s\nwant status %d", tt.vars, sentHead(t, req, cfg), tt.status)
			}
			wantFailure(t, err, tt.status)
		})
	}
}

func TestRequestWebSocketAdvice(t *testing.T) {
	_, _, err := newRequest(visit("HTTP_CONNECTION=Upgrade", "HTTP_UPGRADE=websocket"), configure(t), "mark")
	if err == nil {
		t.Fatal("a websocket handshake was accepted")
	}
	// why, and what works
	testkit.WantText(t, asFailure(err).advice, "CGI", "WebSocket", "Server-sent events", "long polling")
}

// net/http/cgi refuses what it does not know.
func TestRequestProtocol(t *testing.T) {
	cfg := configure(t)
	want := head(t, visit("REQUEST_URI=/a?b", "CONTENT_LENGTH=3"), cfg)
	for _, protocol := range []string{"HTTP/0.9", "HTTP/1.0", "HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/3.0", "INCLUDED", "x y", ""} {
		t.Run(protocol, func(t *testing.T) {
			if got := head(t, visit("SERVER_PROTOCOL="+protocol, "REQUEST_URI=/a?b", "CONTENT_LENGTH=3"), cfg); got != want {
				t.Errorf("got\n%s\nwant, as for HTTP/1.1,\n%s", got, want)
			}
		})
	}
}

// Nothing a client sends chooses where the request goes.
func TestRequestDestination(t *testing.T) {
	cfg := configure(t)
	for _, vars := range [][]string{
		{"REQUEST_URI=http://evil.example:99/"},
		{"REQUEST_URI=//evil.example:99/"},
		{"REQUEST_URI=/\\evil.example"},
		{"HTTP_HOST=evil.example:99"},
		{"HTTP_X_FORWARDED_HOST=evil.example:99"},
		{"HTTP_CGIPROXY_UPSTREAM=evil.example:99"},
		{"PATH_INFO=//evil.example:99/", "REQUEST_URI="},
	} {
		req, _, err := newRequest(visit(vars...), cfg, "mark")
		if err != nil {
			t.Errorf("with %q: %v", vars, err)
			continue
		}
		if req.URL.Scheme != "http" || req.URL.Host != "127.0.0.1:6543" || cfg.Upstream.Address != "127.0.0.1:6543" {
			t.Errorf("with %q: the request goes to %s at %s, want http://127.0.0.1:6543", vars, req.URL, cfg.Upstream.Address)
		}
	}
}
