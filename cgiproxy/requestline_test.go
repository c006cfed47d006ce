package cgiproxy

import (
	"slices"
	"strings"
	"testing"
)

func TestRequestLine(t *testing.T) {
	tests := []struct {
		name     string
		vars     []string
		settings []string
		want     string
	}{
		{"method as given", []string{"REQUEST_METHOD=get"}, nil, "get / HTTP/1.1"},
		{"WebDAV", []string{"REQUEST_METHOD=PROPFIND"}, nil, "PROPFIND / HTTP/1.1"},
		{"unknown method", []string{"REQUEST_METHOD=M-SEARCH!"}, nil, "M-SEARCH! / HTTP/1.1"},
		{"the server as a whole", []string{"REQUEST_METHOD=OPTIONS", "REQUEST_URI=*"}, nil, "OPTIONS * HTTP/1.1"},
		{"the server as a whole, with base and prefix", []string{"REQUEST_METHOD=OPTIONS", "REQUEST_URI=*"},
			[]string{"UPSTREAM=http://127.0.0.1/base", "STRIP_PREFIX=/sub"}, "OPTIONS * HTTP/1.1"},
		{"path that starts with two slashes", []string{"REQUEST_URI=//evil.example/x"}, nil, "GET //evil.example/x HTTP/1.1"},
		{"h2c is dropped", []string{"HTTP_CONNECTION=Upgrade, HTTP2-Settings", "HTTP_UPGRADE=h2c"}, nil, "GET / HTTP/1.1"},

		{"base", []string{"REQUEST_URI=/a?b"}, []string{"UPSTREAM=http://127.0.0.1/base"}, "GET /base/a?b HTTP/1.1"},
		{"base with a slash at the end", []string{"REQUEST_URI=/a"}, []string{"UPSTREAM=http://127.0.0.1/base/"}, "GET /base/a HTTP/1.1"},
		{"base, two slashes", []string{"REQUEST_URI=//a"}, []string{"UPSTREAM=http://127.0.0.1/base"}, "GET /base//a HTTP/1.1"},
		{"dot segments do not leave the base", []string{"REQUEST_URI=/../%2e%2e/a"}, []string{"UPSTREAM=http://127.0.0.1/base"}, "GET /base/a HTTP/1.1"},

		{"prefix", []string{"REQUEST_URI=/sub/a?b"}, []string{"STRIP_PREFIX=/sub"}, "GET /a?b HTTP/1.1"},
		{"prefix with a slash at the end", []string{"REQUEST_URI=/sub/a"}, []string{"STRIP_PREFIX=/sub/"}, "GET /a HTTP/1.1"},
		{"prefix alone", []string{"REQUEST_URI=/sub?b"}, []string{"STRIP_PREFIX=/sub"}, "GET /?b HTTP/1.1"},
		{"prefix and a slash", []string{"REQUEST_URI=/sub/"}, []string{"STRIP_PREFIX=/sub"}, "GET / HTTP/1.1"},
		{"prefix of two segments", []string{"REQUEST_URI=/a/b/c"}, []string{"STRIP_PREFIX=/a/b"}, "GET /c HTTP/1.1"},
		{"prefix in other spelling", []string{"REQUEST_URI=/%73ub/%61"}, []string{"STRIP_PREFIX=/sub"}, "GET /%61 HTTP/1.1"},
		{"prefix with a blank", []string{"REQUEST_URI=/my%20app/a"}, []string{"STRIP_PREFIX=/my%20app"}, "GET /a HTTP/1.1"},
		{"prefix after a dot segment", []string{"REQUEST_URI=/x/../sub/a"}, []string{"STRIP_PREFIX=/sub"}, "GET /a HTTP/1.1"},
		{"prefix, then two slashes", []string{"REQUEST_URI=/sub//evil.example"}, []string{"STRIP_PREFIX=/sub"}, "GET //evil.example HTTP/1.1"},
		{"a longer segment", []string{"REQUEST_URI=/subway/a"}, []string{"STRIP_PREFIX=/sub"}, "GET /subway/a HTTP/1.1"},
		{"another path", []string{"REQUEST_URI=/a/sub/b"}, []string{"STRIP_PREFIX=/sub"}, "GET /a/sub/b HTTP/1.1"},
		{"prefix and base", []string{"REQUEST_URI=/sub/a"}, []string{"STRIP_PREFIX=/sub", "UPSTREAM=http://127.0.0.1/base"}, "GET /base/a HTTP/1.1"},
		{"prefix /", []string{"REQUEST_URI=/a"}, []string{"STRIP_PREFIX=/"}, "GET /a HTTP/1.1"},

		{"auto", []string{"SCRIPT_NAME=/sub/proxy.cgi", "REQUEST_URI=/sub/a"}, []string{"STRIP_PREFIX=auto"}, "GET /a HTTP/1.1"},
		{"auto in the root", []string{"REQUEST_URI=/a"}, []string{"STRIP_PREFIX=auto"}, "GET /a HTTP/1.1"},
		{"auto, the URL names the script", []string{"SCRIPT_NAME=/sub/proxy.cgi", "REQUEST_URI=/sub/proxy.cgi/a"}, []string{"STRIP_PREFIX=auto"}, "GET /a HTTP/1.1"},
		{"auto, the URL is the script", []string{"SCRIPT_NAME=/sub/proxy.cgi", "REQUEST_URI=/sub/proxy.cgi?a"}, []string{"STRIP_PREFIX=auto"}, "GET /?a HTTP/1.1"},
		{"auto, folder with a blank", []string{"SCRIPT_NAME=/my app/proxy.cgi", "REQUEST_URI=/my%20app/a"}, []string{"STRIP_PREFIX=auto"}, "GET /a HTTP/1.1"},
		{"auto where SCRIPT_NAME is the whole URL", []string{"SCRIPT_NAME=/sub/a", "REQUEST_URI=/sub/a"}, []string{"STRIP_PREFIX=auto"}, "GET /sub/a HTTP/1.1"},
		{"auto without REQUEST_URI", []string{"SCRIPT_NAME=/sub/proxy.cgi", "REQUEST_URI=", "PATH_INFO=/a"}, []string{"STRIP_PREFIX=auto"}, "GET /a HTTP/1.1"},

		{"USE_PATH_INFO", []string{"REQUEST_URI=/pretty", "PATH_INFO=/real", "QUERY_STRING=a"}, []string{"USE_PATH_INFO=true"}, "GET /real?a HTTP/1.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, _ := strings.Cut(head(t, visit(tt.vars...), configure(t, tt.settings...)), "\r\n")
			if got != tt.want {
				t.Errorf("with %q and %q\n got %q\nwant %q", tt.vars, tt.settings, got, tt.want)
			}
		})
	}
}

func TestRequestHost(t *testing.T) {
	tests := []struct {
		name     string
		vars     []string
		settings []string
		want     string
	}{
		{"as sent", []string{"HTTP_HOST=Example.COM"}, nil, "Example.COM"},
		{"with a port", []string{"HTTP_HOST=example.com:8080"}, nil, "example.com:8080"},
		{"with an empty port", []string{"HTTP_HOST=example.com:"}, nil, "example.com:"},
		{"with an underscore", []string{"HTTP_HOST=my_site.example.com"}, nil, "my_site.example.com"},
		{"with a dot at the end", []string{"HTTP_HOST=example.com."}, nil, "example.com."},
		{"IPv4", []string{"HTTP_HOST=192.0.2.1"}, nil, "192.0.2.1"},
		{"IPv6", []string{"HTTP_HOST=[2001:db8::1]:8080"}, nil, "[2001:db8::1]:8080"},
		{"none", []string{"HTTP_HOST=", "SERVER_PORT=80"}, nil, "example.com"},
		{"none, another port", []string{"HTTP_HOST=", "SERVER_PORT=8080"}, nil, "example.com:8080"},
		{"none, SERVER_NAME is IPv6", []string{"HTTP_HOST=", "SERVER_NAME=2001:db8::1"}, nil, "[2001:db8::1]"},
		{"none, SERVER_NAME in brackets", []string{"HTTP_HOST=", "SERVER_NAME=[2001:db8::1]"}, nil, "[2001:db8::1]"},
		{"none, SERVER_NAME is none", []string{"HTTP_HOST=", "SERVER_NAME=_ /"}, nil, "127.0.0.1:6543"},
		{"of the absolute-form", []string{"REQUEST_URI=http://example.org:81/a", "HTTP_HOST=example.com"}, nil, "example.org:81"},
		{"PRESERVE_HOST=false", nil, []string{"PRESERVE_HOST=false", "UPSTREAM=app.example:81"}, "app.example:81"},
		{"PRESERVE_HOST=false, URL", nil, []string{"PRESERVE_HOST=false", "UPSTREAM=https://app.example/base"}, "app.example"},
		{"PRESERVE_HOST=false, socket", nil, []string{"PRESERVE_HOST=false", "UPSTREAM=unix:/run/app.sock"}, "localhost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := strings.Split(head(t, visit(tt.vars...), configure(t, tt.settings...)), "\r\n")
			var hosts []string
			for _, line := range lines {
				if value, ok := strings.CutPrefix(line, "Host: "); ok {
					hosts = append(hosts, value)
				}
			}
			if !slices.Equal(hosts, []string{tt.want}) {
				t.Errorf("with %q and %q\n got Host %q\nwant %q, once", tt.vars, tt.settings, hosts, tt.want)
			}
		})
	}
}
