package cgiproxy

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestNewEnviron(t *testing.T) {
	const nginx122 = "SERVER_SOFTWARE=nginx/1.22.1" // which repeats fields
	tests := []struct {
		name string
		vars []string
		want Environ
	}{
		{"nothing", nil, Environ{}},
		{"no equals sign", []string{"HOME"}, Environ{}},
		{"empty value", []string{"QUERY_STRING="}, Environ{"QUERY_STRING": ""}},
		{"equals sign in the value", []string{"QUERY_STRING=a=b"}, Environ{"QUERY_STRING": "a=b"}},
		{"the first of two counts", []string{"A=1", "A=2"}, Environ{"A": "1"}},
		{"names that are not fields are case-sensitive", []string{"a=1", "A=2"}, Environ{"a": "1", "A": "2"}},

		{"field name with hyphens", []string{"HTTP_X-Foo-Bar=1"}, Environ{"HTTP_X_FOO_BAR": "1"}},
		{"field name in lower case", []string{"HTTP_x_foo=1"}, Environ{"HTTP_X_FOO": "1"}},
		{"repeated field", []string{"HTTP_A=1", "HTTP_B=2", "HTTP_A=3", "HTTP_A=", nginx122}, Environ{"HTTP_A": "1, 3, ", "HTTP_B": "2", "SERVER_SOFTWARE": "nginx/1.22.1"}},
		{"repeated cookie", []string{nginx122, "HTTP_COOKIE=a=1", "HTTP_COOKIE=b=2"}, Environ{"HTTP_COOKIE": "a=1; b=2", "SERVER_SOFTWARE": "nginx/1.22.1"}},
		{"two fields of one name", []string{"HTTP_X-Foo=1", "HTTP_B=2", "HTTP_X_FOO=3"}, Environ{"HTTP_X_FOO": "1, 3", "HTTP_B": "2", "AMBIGUOUS": "HTTP_X_FOO"}},
		{"more of them", []string{"HTTP_A=1", "HTTP_B=2", "HTTP_B=3", "HTTP_A=4"}, Environ{"HTTP_A": "1, 4", "HTTP_B": "2, 3", "AMBIGUOUS": "HTTP_B HTTP_A"}},
		{"repeated field that is a variable's", []string{nginx122, "HTTP_CONTENT_LENGTH=1", "HTTP_CONTENT_LENGTH=2"}, Environ{"SERVER_SOFTWARE": "nginx/1.22.1"}},
		{"field name with a dot is a token", []string{"HTTP_X.FOO=1"}, Environ{"HTTP_X.FOO": "1"}},
		{"field names that are no tokens", []string{"HTTP_=1", "HTTP_A B=1", "HTTP_A:B=1", "HTTP_\xe9=1", "HTTP_A\r\nB=1", "HTTP_(=1"}, Environ{}},

		{"control bytes in a field", []string{"HTTP_X=a\r\nb\x00c\x7fd\x1be"}, Environ{"HTTP_X": "a  b c d e"}},
		{"tab in a field", []string{"HTTP_X=a\tb"}, Environ{"HTTP_X": "a\tb"}},
		{"blanks around a field", []string{"HTTP_X= \t a b \r\n"}, Environ{"HTTP_X": "a b"}},
		{"8-bit bytes in a field", []string{"HTTP_X=caf\xe9 \xc3\xa9\x80\xff"}, Environ{"HTTP_X": "caf\xe9 \xc3\xa9\x80\xff"}},
		{"8-bit bytes beside control bytes", []string{"HTTP_X=\xe9\n\xff"}, Environ{"HTTP_X": "\xe9 \xff"}},
		{"the server's own variables are bytes", []string{"PATH_INFO=/a\r\nb "}, Environ{"PATH_INFO": "/a\r\nb "}},

		{"fields that repeat a variable",
			[]string{"CONTENT_TYPE=text/plain", "HTTP_CONTENT_TYPE=a/b", "CONTENT_LENGTH=3", "HTTP_CONTENT_LENGTH=4"},
			Environ{"CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "3"}},
		{"a length in a field alone", []string{"HTTP_CONTENT_LENGTH=4"}, Environ{}},
		{"a length in a field, odd spelling", []string{"HTTP_Content-Length=4", "HTTP_content_type=a/b"}, Environ{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewEnviron(tt.vars); !maps.Equal(got, tt.want) {
				t.Errorf("NewEnviron(%q)\n got %q\nwant %q", tt.vars, got, tt.want)
			}
		})
	}
}

func TestNewEnvironRedirected(t *testing.T) {
	tests := []struct {
		name string
		vars []string
		want Environ // of HTTP_AUTHORIZATION, REMOTE_USER and HTTP_HOST
	}{
		{"one level", []string{"REDIRECT_HTTP_AUTHORIZATION=Basic YTpi"}, Environ{"HTTP_AUTHORIZATION": "Basic YTpi"}},
		{"two levels", []string{"REDIRECT_REDIRECT_HTTP_AUTHORIZATION=Basic YTpi"}, Environ{"HTTP_AUTHORIZATION": "Basic YTpi"}},
		{"three levels", []string{"REDIRECT_REDIRECT_REDIRECT_REMOTE_USER=me"}, Environ{"REMOTE_USER": "me"}},
		{"its own name counts first", []string{"REDIRECT_REMOTE_USER=other", "REMOTE_USER=me"}, Environ{"REMOTE_USER": "me"}},
		{"the nearest level counts first", []string{"REDIRECT_REDIRECT_REMOTE_USER=far", "REDIRECT_REMOTE_USER=near"}, Environ{"REMOTE_USER": "near"}},
		{"an empty one is absent", []string{"REMOTE_USER=", "REDIRECT_REMOTE_USER=", "REDIRECT_REDIRECT_REMOTE_USER=me"}, Environ{"REMOTE_USER": "me"}},
		{"all of them empty", []string{"HTTP_AUTHORIZATION=", "REDIRECT_HTTP_AUTHORIZATION="}, Environ{}},
		{"control bytes", []string{"REDIRECT_HTTP_AUTHORIZATION=a\r\nX: y"}, Environ{"HTTP_AUTHORIZATION": "a  X: y"}},
		{"a field that looks so", []string{"HTTP_REDIRECT_HTTP_AUTHORIZATION=Basic YTpi", "HTTP_REDIRECT_REMOTE_USER=me"}, Environ{}},
		{"other names stay", []string{"REDIRECT_HTTP_HOST=example.org"}, Environ{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := NewEnviron(append(tt.vars, "SERVER_SOFTWARE=Apache"))
			for _, name := range []string{"HTTP_AUTHORIZATION", "REMOTE_USER", "HTTP_HOST"} {
				got, gotOK := env[name]
				want, wantOK := tt.want[name]
				if got != want || gotOK != wantOK {
					t.Errorf("NewEnviron(%q): %s is %q (set: %t), want %q (set: %t)", tt.vars, name, got, gotOK, want, wantOK)
				}
			}
		})
	}
}

// Without SCRIPT_FILENAME the executable's name stands in, here the test's.
func TestRequestEnvironScript(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Base(executable)
	tests := []struct {
		name string
		vars []string
		want string // the target that the app gets
	}{
		{"URL that names the script", []string{"SCRIPT_NAME=/sub/" + own, "REQUEST_URI=/sub/" + own + "/x"}, "/sub/x"},
		{"no REQUEST_URI", []string{"SCRIPT_NAME=/sub/" + own, "REQUEST_URI=", "PATH_INFO=/x"}, "/sub/x"},
		{"no REQUEST_URI and no path behind the script", []string{"SCRIPT_NAME=/sub/" + own, "REQUEST_URI="}, "/sub/"},
		{"another name", []string{"SCRIPT_NAME=/sub/x", "REQUEST_URI=/sub/x"}, "/sub/x"},
		{"SCRIPT_FILENAME is there", []string{"SCRIPT_FILENAME=/a/b.cgi", "SCRIPT_NAME=/sub/" + own, "REQUEST_URI=/sub/" + own + "/x"}, "/sub/" + own + "/x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := RequestEnviron(testkit.Visit(append(tt.vars, "SCRIPT_FILENAME=")...))
			req, _, err := newRequest(env, configure(t), "")
			if err != nil {
				t.Fatal(err)
			}
			if req.RequestURI != tt.want {
				t.Errorf("the app gets %s, want %s", req.RequestURI, tt.want)
			}
		})
	}
}

func TestHTTPS(t *testing.T) {
	tests := []struct {
		name string
		vars []string
		want bool
	}{
		{"neither", nil, false},
		{"on", []string{"HTTPS=on"}, true},
		{"ON", []string{"HTTPS=ON"}, true},
		{"1", []string{"HTTPS=1"}, true},
		{"off", []string{"HTTPS=off"}, false},
		{"empty", []string{"HTTPS="}, false},
		{"0", []string{"HTTPS=0"}, false},
		{"scheme https", []string{"REQUEST_SCHEME=https"}, true},
		{"scheme http", []string{"REQUEST_SCHEME=http"}, false},
		{"scheme https, HTTPS off", []string{"HTTPS=off", "REQUEST_SCHEME=https"}, true},
		{"scheme http, HTTPS on", []string{"HTTPS=on", "REQUEST_SCHEME=http"}, true},
		{"a client's claims", []string{"HTTP_HTTPS=on", "HTTP_X_FORWARDED_PROTO=https", "HTTP_FRONT_END_HTTPS=on", "HTTP_REQUEST_SCHEME=https"}, false},
		{"port 443 alone", []string{"SERVER_PORT=443"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewEnviron(tt.vars).https(); got != tt.want {
				t.Errorf("https() with %q is %t, want %t", tt.vars, got, tt.want)
			}
		})
	}
}

func TestScriptFolder(t *testing.T) {
	tests := []struct {
		name, script, file string
		folder, base       string
	}{
		{"document root", "/proxy.cgi", "/home/me/public_html/proxy.cgi", "/", "proxy.cgi"},
		{"subfolder", "/a/b/proxy.cgi", "/home/me/public_html/a/b/proxy.cgi", "/a/b", "proxy.cgi"},
		{"Alias", "/alias/proxy.cgi", "/srv/elsewhere/proxy.cgi", "/alias", "proxy.cgi"},
		{"folder with a blank", "/a b/proxy.cgi", "/srv/a b/proxy.cgi", "/a b", "proxy.cgi"},
		{"nginx, SCRIPT_NAME is the whole URL", "/some/page", "/srv/proxy.cgi", "/some/page", ""},
		{"nginx, a URL that ends in a slash", "/some/", "/srv/proxy.cgi", "/some/", ""},
		{"nginx, the root", "/", "/srv/proxy.cgi", "/", ""},
		{"ScriptAlias", "/app", "/usr/lib/cgi-bin/proxy.cgi", "/app", ""},
		{"ScriptAlias of the root", "", "/usr/lib/cgi-bin/proxy.cgi", "", ""},
		{"no SCRIPT_FILENAME", "/proxy.cgi", "", "/proxy.cgi", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := Environ{"SCRIPT_NAME": tt.script, "SCRIPT_FILENAME": tt.file}
			folder, base := env.scriptFolder()
			if folder != tt.folder || base != tt.base {
				t.Errorf("scriptFolder() of %q, file %q: got %q and %q, want %q and %q", tt.script, tt.file, folder, base, tt.folder, tt.base)
			}
		})
	}
}
