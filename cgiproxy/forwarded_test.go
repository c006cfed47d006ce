package cgiproxy

import (
	"slices"
	"strings"
	"testing"
)

func TestForwarded(t *testing.T) {
	const (
		trusted = "TRUSTED_PROXIES=198.51.100.0/24,2001:db8::/32"
		front   = "REMOTE_ADDR=198.51.100.7" // in trusted
		plain   = "Host=example.com Port=80 Proto=http"
	)
	tests := []struct {
		name     string
		vars     []string
		settings []string
		want     string // name=value of each X-Forwarded- field, sorted
	}{
		{"http", nil, nil, "For=198.51.100.7 " + plain},
		{"https", []string{"HTTPS=on", "SERVER_PORT=443"}, nil, "For=198.51.100.7 Host=example.com Port=443 Proto=https"},
		{"https, ended in front of the server", []string{"HTTPS=on", "SERVER_PORT=80"}, nil, "For=198.51.100.7 Host=example.com Port=443 Proto=https"},
		{"https by scheme, another port", []string{"REQUEST_SCHEME=https", "SERVER_PORT=8443"}, nil, "For=198.51.100.7 Host=example.com Port=8443 Proto=https"},
		{"IPv6", []string{"REMOTE_ADDR=2001:db8::7"}, nil, "For=2001:db8::7 " + plain},
		{"no Host", []string{"HTTP_HOST="}, nil, "For=198.51.100.7 Port=80 Proto=http"},
		{"no REMOTE_ADDR", []string{"REMOTE_ADDR="}, nil, plain},
		{"REMOTE_ADDR of a unix socket", []string{"REMOTE_ADDR=unix:"}, nil, plain},
		{"odd SERVER_PORT", []string{"SERVER_PORT=x"}, nil, "For=198.51.100.7 Host=example.com Proto=http"},

		{"user", []string{"REMOTE_USER=me"}, nil, "For=198.51.100.7 " + plain + " User=me"},
		{"user after a rewrite", []string{"REDIRECT_REMOTE_USER=me"}, nil, "For=198.51.100.7 " + plain + " User=me"},
		{"user with control bytes is none", []string{"REMOTE_USER=me\r\nX: y"}, nil, "For=198.51.100.7 " + plain},
		{"user with a blank behind is none", []string{"REMOTE_USER=admin "}, nil, "For=198.51.100.7 " + plain},
		{"user with a blank within", []string{"REMOTE_USER=ad min"}, nil, "For=198.51.100.7 " + plain + " User=ad min"},
		{"user, 8-bit", []string{"REMOTE_USER=ren\xc3\xa9"}, nil, "For=198.51.100.7 " + plain + " User=ren\xc3\xa9"},
		{"prefix", []string{"REQUEST_URI=/my%20app/x"}, []string{"STRIP_PREFIX=/my app"}, "For=198.51.100.7 Host=example.com Port=80 Prefix=/my%20app Proto=http"},
		{"prefix in the client's spelling", []string{"REQUEST_URI=/%6dy%20%61pp/x"}, []string{"STRIP_PREFIX=/my app"}, "For=198.51.100.7 Host=example.com Port=80 Prefix=/my%20app Proto=http"},
		{"prefix, slashes doubled", []string{"REQUEST_URI=//my%20app/x"}, []string{"STRIP_PREFIX=/my app"}, "For=198.51.100.7 Host=example.com Port=80 Prefix=/my%20app Proto=http"},
		{"prefix with a raw blank", []string{"REQUEST_URI=/my app/x"}, []string{"STRIP_PREFIX=/my app"}, "For=198.51.100.7 Host=example.com Port=80 Prefix=/my%20app Proto=http"},
		{"prefix that is not in the URL", []string{"REQUEST_URI=/x"}, []string{"STRIP_PREFIX=/sub"}, "For=198.51.100.7 " + plain},

		{"forged, nobody is trusted",
			[]string{"HTTP_X_FORWARDED_FOR=127.0.0.1", "HTTP_X_FORWARDED_HOST=evil.example", "HTTP_X_FORWARDED_PROTO=https", "HTTP_X_FORWARDED_PORT=1",
				"HTTP_X_FORWARDED_PREFIX=/evil", "HTTP_X_FORWARDED_USER=root", "HTTP_X_FORWARDED_SERVER=evil", "HTTP_X_FORWARDED_ANYTHING=1", "HTTP_FORWARDED=for=127.0.0.1"},
			nil, "For=198.51.100.7 " + plain},
		{"forged, in every spelling",
			[]string{"HTTP_X-Forwarded-For=127.0.0.1", "HTTP_x_forwarded_host=evil.example", "HTTP_X_Forwarded-Proto=https", "HTTP_X-FORWARDED_USER=root", "HTTP_x-forwarded-prefix=/evil"},
			nil, "For=198.51.100.7 " + plain},
		{"forged, others are trusted",
			[]string{"HTTP_X_FORWARDED_FOR=127.0.0.1", "HTTP_X_FORWARDED_PROTO=https", "HTTP_X_FORWARDED_USER=root"},
			[]string{"TRUSTED_PROXIES=10.0.0.0/8,198.51.100.6"}, "For=198.51.100.7 " + plain},
		{"forged, no REMOTE_ADDR", []string{"REMOTE_ADDR=", "HTTP_X_FORWARDED_FOR=127.0.0.1", "HTTP_X_FORWARDED_PROTO=https"}, []string{"TRUSTED_PROXIES=0.0.0.0/0,::/0"}, plain},

		{"trusted, claims nothing", []string{front}, []string{trusted}, "For=198.51.100.7 " + plain},
		{"trusted", []string{front, "HTTP_X_FORWARDED_FOR=203.0.113.9", "HTTP_X_FORWARDED_HOST=www.example.com", "HTTP_X_FORWARDED_PROTO=https"},
			[]string{trusted}, "For=203.0.113.9, 198.51.100.7 Host=www.example.com Port=443 Proto=https"},
		{"trusted, its claims named in Connection", []string{front, "HTTP_X_FORWARDED_FOR=203.0.113.9", "HTTP_X_FORWARDED_PROTO=https", "HTTP_CONNECTION=close, X-Forwarded-For,x-forwarded-proto"},
			[]string{trusted}, "For=203.0.113.9, 198.51.100.7 Host=example.com Port=443 Proto=https"},
		{"forged, and named in Connection", []string{"HTTP_X_FORWARDED_FOR=127.0.0.1", "HTTP_X_FORWARDED_USER=root", "HTTP_CONNECTION=X-Forwarded-For, X-Forwarded-User"}, nil, "For=198.51.100.7 " + plain},
		{"trusted, IPv6", []string{"REMOTE_ADDR=2001:db8::7", "HTTP_X_FORWARDED_FOR=2001:db9::1"}, []string{trusted}, "For=2001:db9::1, 2001:db8::7 " + plain},
		{"trusted, IPv4 in IPv6", []string{"REMOTE_ADDR=::ffff:198.51.100.7", "HTTP_X_FORWARDED_FOR=203.0.113.9"}, []string{trusted}, "For=203.0.113.9, ::ffff:198.51.100.7 " + plain},
		{"trusted, https that became http", []string{front, "HTTPS=on", "SERVER_PORT=443", "HTTP_X_FORWARDED_PROTO=http"}, []string{trusted}, "For=198.51.100.7 Host=example.com Port=80 Proto=http"},
		{"trusted, proto of two proxies", []string{front, "HTTP_X_FORWARDED_PROTO=https,HTTPS , https"}, []string{trusted}, "For=198.51.100.7 Host=example.com Port=443 Proto=https"},
		{"trusted, proto of two that differ", []string{front, "HTTP_X_FORWARDED_PROTO=https, http"}, []string{trusted}, "For=198.51.100.7 Host=example.com Port=80 Proto=http"},
		{"trusted, proto in upper case", []string{front, "HTTP_X_FORWARDED_PROTO=HTTPS"}, []string{trusted}, "For=198.51.100.7 Host=example.com Port=443 Proto=https"},
		{"trusted, odd proto", []string{front, "HTTP_X_FORWARDED_PROTO=javascript"}, []string{trusted}, "For=198.51.100.7 " + plain},
		{"trusted, host with a port", []string{front, "HTTP_X_FORWARDED_HOST=www.example.com:8080"}, []string{trusted}, "For=198.51.100.7 Host=www.example.com:8080 Port=8080 Proto=http"},
		{"trusted, host with an empty port", []string{front, "HTTP_X_FORWARDED_HOST=www.example.com:"}, []string{trusted}, "For=198.51.100.7 Host=www.example.com: Port=80 Proto=http"},
		{"trusted, odd host", []string{front, "HTTP_X_FORWARDED_HOST=a/b"}, []string{trusted}, "For=198.51.100.7 " + plain},
		{"trusted, port", []string{front, "HTTP_X_FORWARDED_PROTO=https", "HTTP_X_FORWARDED_PORT=8443"}, []string{trusted}, "For=198.51.100.7 Host=example.com Port=8443 Proto=https"},
		{"trusted, odd port", []string{front, "HTTP_X_FORWARDED_PORT=-1"}, []string{trusted}, "For=198.51.100.7 " + plain},
		{"trusted, user is the server's word only", []string{front, "HTTP_X_FORWARDED_USER=root"}, []string{trusted}, "For=198.51.100.7 " + plain},
		{"trusted, prefix before ours", []string{front, "REQUEST_URI=/sub/x", "HTTP_X_FORWARDED_PREFIX=/front/"}, []string{trusted, "STRIP_PREFIX=/sub"},
			"For=198.51.100.7 Host=example.com Port=80 Prefix=/front/sub Proto=http"},
		{"trusted, prefix with a backslash", []string{front, "HTTP_X_FORWARDED_PREFIX=/\\evil.example"}, []string{trusted}, "For=198.51.100.7 Host=example.com Port=80 Proto=http"},
		{"trusted, prefix of another site", []string{front, "HTTP_X_FORWARDED_PREFIX=//evil.example"}, []string{trusted}, "For=198.51.100.7 Host=example.com Port=80 Proto=http"},
		{"trusted, prefix with a query", []string{front, "HTTP_X_FORWARDED_PREFIX=/a?b"}, []string{trusted}, "For=198.51.100.7 Host=example.com Port=80 Proto=http"},
		{"trusted, prefix alone", []string{front, "HTTP_X_FORWARDED_PREFIX=/front"}, []string{trusted}, "For=198.51.100.7 Host=example.com Port=80 Prefix=/front Proto=http"},
		{"trusted, prefix that is a host", []string{front, "HTTP_X_FORWARDED_PREFIX=//evil.example"}, []string{trusted}, "For=198.51.100.7 " + plain},

		{"stops at the first stranger from the right", []string{front, "HTTP_X_FORWARDED_FOR=127.0.0.1, 203.0.113.9, 198.51.100.8"}, []string{trusted},
			"For=203.0.113.9, 198.51.100.8, 198.51.100.7 " + plain},
		{"walks through all that are trusted", []string{front, "HTTP_X_FORWARDED_FOR=198.51.100.1,198.51.100.2 ,\t2001:db8::3"}, []string{trusted},
			"For=198.51.100.1, 198.51.100.2, 2001:db8::3, 198.51.100.7 " + plain},
		{"stops at what is no address", []string{front, "HTTP_X_FORWARDED_FOR=203.0.113.9, unknown, 198.51.100.8"}, []string{trusted},
			"For=198.51.100.8, 198.51.100.7 " + plain},
		{"with ports", []string{front, "HTTP_X_FORWARDED_FOR=127.0.0.1, 203.0.113.9:4711, [2001:db8::3]:80"}, []string{"TRUSTED_PROXIES=198.51.100.0/24,2001:db8::/32"},
			"For=203.0.113.9, 2001:db8::3, 198.51.100.7 " + plain},
		{"empty elements", []string{front, "HTTP_X_FORWARDED_FOR=, 203.0.113.9,,"}, []string{trusted}, "For=203.0.113.9, 198.51.100.7 " + plain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := strings.Split(head(t, visit(tt.vars...), configure(t, tt.settings...)), "\r\n")
			var got []string
			for _, line := range lines {
				if field, ok := strings.CutPrefix(line, "X-Forwarded-"); ok {
					got = append(got, strings.Replace(field, ": ", "=", 1))
				}
				if strings.HasPrefix(line, "Forwarded:") {
					t.Errorf("the client's %q was passed on", line)
				}
			}
			slices.Sort(got)
			if joined := strings.Join(got, " "); joined != tt.want {
				t.Errorf("with %q and %q\n got %q\nwant %q", tt.vars, tt.settings, joined, tt.want)
			}
		})
	}
}

// Where the web server joins the values of a field itself, a variable that is there
// twice is two fields, of which a proxy in front has set one and passed on the other.
func TestAmbiguousClaims(t *testing.T) {
	const trusted, strangers = "TRUSTED_PROXIES=198.51.100.7", "TRUSTED_PROXIES=10.0.0.0/8"
	tests := []struct {
		name, server, field, proxies string
		refused                      bool
	}{
		{"address, lighttpd", "lighttpd/1.4.69", "HTTP_X_FORWARDED_FOR", trusted, true},
		{"address, LiteSpeed", "LiteSpeed", "HTTP_X_FORWARDED_FOR", trusted, true},
		{"address, unknown server", "", "HTTP_X_FORWARDED_FOR", trusted, true},
		{"address, nginx", "nginx/1.23.0", "HTTP_X_FORWARDED_FOR", trusted, true},
		{"address, a later nginx", "nginx/2.0.1", "HTTP_X_FORWARDED_FOR", trusted, true},
		{"address on two lines, nginx before 1.23", "nginx/1.22.1", "HTTP_X_FORWARDED_FOR", trusted, false},
		{"address on two lines, an old nginx", "nginx/0.8.54", "HTTP_X_FORWARDED_FOR", trusted, false},
		{"prefix", "lighttpd/1.4.69", "HTTP_X_FORWARDED_PREFIX", trusted, true},
		{"address of a CDN", "lighttpd/1.4.69", "HTTP_CF_CONNECTING_IP", trusted, true},
		{"what is nobody's claim", "lighttpd/1.4.69", "HTTP_X_FOO", trusted, false},
		{"what is thrown away", "lighttpd/1.4.69", "HTTP_X_REAL_IP", trusted, false},
		{"a client's claims are thrown away", "lighttpd/1.4.69", "HTTP_X_FORWARDED_FOR", strangers, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("SERVER_SOFTWARE="+tt.server, tt.field+"=203.0.113.9", tt.field+"=203.0.113.10")
			_, _, err := newRequest(env, configure(t, tt.proxies), "")
			if tt.refused {
				wantFailure(t, err, 400)
			} else if err != nil {
				t.Errorf("behind %q, %s twice: %v", tt.server, tt.field, err)
			}
		})
	}
}

func TestPublicURL(t *testing.T) {
	tests := []struct {
		name     string
		vars     []string
		settings []string
		want     publicURL
	}{
		{"http", nil, nil, publicURL{"http", "example.com", ""}},
		{"https, port and prefix", []string{"HTTPS=on", "HTTP_HOST=example.com:8443", "REQUEST_URI=/sub/"}, []string{"STRIP_PREFIX=/sub"}, publicURL{"https", "example.com:8443", "/sub"}},
		{"forged", []string{"HTTP_X_FORWARDED_HOST=evil.example", "HTTP_X_FORWARDED_PROTO=https"}, nil, publicURL{"http", "example.com", ""}},
		{"trusted", []string{"HTTP_X_FORWARDED_HOST=www.example.com", "HTTP_X_FORWARDED_PROTO=https", "HTTP_X_FORWARDED_PREFIX=/front"},
			[]string{"TRUSTED_PROXIES=198.51.100.7"}, publicURL{"https", "www.example.com", "/front"}},
		{"PRESERVE_HOST=false", nil, []string{"PRESERVE_HOST=false"}, publicURL{"http", "example.com", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, m, err := newRequest(visit(tt.vars...), configure(t, tt.settings...), "mark")
			if err != nil {
				t.Fatal(err)
			}
			if got := m.public; got != tt.want {
				t.Errorf("with %q and %q\n got %+v\nwant %+v", tt.vars, tt.settings, got, tt.want)
			}
		})
	}
}

// Fields by which an app would know the client, the site or the path, as it
// believes a proxy.
func TestProxyFields(t *testing.T) {
	const trusted = "TRUSTED_PROXIES=198.51.100.0/24"
	tests := []struct {
		name string
		vars []string
		cfg  []string
		want map[string]string // "" for a field that the app must not get
	}{
		{"the client's address", nil, nil, map[string]string{"X-Real-Ip": "198.51.100.7"}},
		{"no REMOTE_ADDR", []string{"REMOTE_ADDR=", "HTTP_X_REAL_IP=127.0.0.1"}, nil, map[string]string{"X-Real-Ip": ""}},
		{"the client's address, through proxies", []string{"HTTP_X_FORWARDED_FOR=6.6.6.6, 203.0.113.9, 198.51.100.9", "HTTP_X_REAL_IP=6.6.6.6"}, []string{trusted},
			map[string]string{"X-Real-Ip": "203.0.113.9"}},
		{"forged addresses", []string{"HTTP_X_REAL_IP=127.0.0.1", "HTTP_CLIENT_IP=127.0.0.1", "HTTP_TRUE_CLIENT_IP=127.0.0.1", "HTTP_CF_CONNECTING_IP=127.0.0.1", "HTTP_X_FORWARDED=for=127.0.0.1", "HTTP_FORWARDED_FOR=127.0.0.1", "HTTP_PROXY_SSL_ID=x", "HTTP_PROXY_AUTH_CERT=x"}, nil,
			map[string]string{"X-Real-Ip": "198.51.100.7", "Client-Ip": "", "True-Client-Ip": "", "Cf-Connecting-Ip": "", "X-Forwarded": "", "Forwarded-For": "", "Proxy-Ssl-Id": "", "Proxy-Auth-Cert": ""}},
		{"forged, in other spellings", []string{"HTTP_x-real-ip=127.0.0.1", "HTTP_X-Real_IP=127.0.0.2", "HTTP_x_original-Url=/admin", "HTTP_X-REWRITE_URL=/admin"}, nil,
			map[string]string{"X-Real-Ip": "198.51.100.7", "X-Original-Url": "", "X-Rewrite-Url": ""}},
		{"forged paths and hosts", []string{"HTTP_X_ORIGINAL_URL=/admin", "HTTP_X_REWRITE_URL=/admin", "HTTP_X_ORIGINAL_HOST=evil.example", "HTTP_X_HOST=evil.example", "HTTP_X_SCRIPT_NAME=/x", "HTTP_X_ACCEL_MAPPING=/=/etc/"}, nil,
			map[string]string{"X-Original-Url": "", "X-Rewrite-Url": "", "X-Original-Host": "", "X-Host": "", "X-Script-Name": "", "X-Accel-Mapping": ""}},
		{"others are trusted", []string{"HTTP_CF_CONNECTING_IP=127.0.0.1"}, []string{"TRUSTED_PROXIES=10.0.0.0/8"}, map[string]string{"Cf-Connecting-Ip": ""}},
		{"a trusted proxy's", []string{"HTTP_CF_CONNECTING_IP=203.0.113.9", "HTTP_X_ORIGINAL_URL=/a"}, []string{trusted},
			map[string]string{"Cf-Connecting-Ip": "203.0.113.9", "X-Original-Url": ""}},
		{"a trusted proxy's, named in Connection", []string{"HTTP_CF_CONNECTING_IP=203.0.113.9", "HTTP_VIA=1.1 x", "HTTP_X_A=b", "HTTP_CONNECTION=cf-connecting-ip, Via, X-A"}, []string{trusted},
			map[string]string{"Cf-Connecting-Ip": "203.0.113.9", "Via": "1.1 x", "X-A": ""}},
		{"lookalikes", []string{"HTTP_X.FORWARDED.USER=root", "HTTP_X.REAL_IP=127.0.0.1", "HTTP_X_ORIGINAL~URL=/a", "HTTP_CF.CONNECTING.IP=127.0.0.1",
			"HTTP_X.PROXY.SIGNATURE=t", "HTTP_TRANSFER.ENCODING=chunked", "HTTP_X.OWN=1"}, []string{trusted},
			map[string]string{"X.forwarded.user": "", "X.real-Ip": "", "X-Original~url": "", "Cf.connecting.ip": "", "X.proxy.signature": "", "Transfer.encoding": "", "X.own": "1"}},
		{"a client's own", []string{"HTTP_X_HTTP_METHOD_OVERRIDE=PUT", "HTTP_X_REQUESTED_WITH=XMLHttpRequest"}, nil,
			map[string]string{"X-Http-Method-Override": "PUT", "X-Requested-With": "XMLHttpRequest"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, _, err := newRequest(visit(tt.vars...), configure(t, tt.cfg...), "mark")
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range tt.want {
				if got := strings.Join(req.Header[name], "|"); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}
