package e2e

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strconv"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A front is a proxy between the client and the web server, as hosts have them,
// which changes nothing by itself.
type front struct {
	tls      bool
	request  func(*httputil.ProxyRequest)
	response func(*http.Response) error
	wrap     func(http.Handler) http.Handler
}

// start starts the front of a server, at another address than the client's.
func (f front) start(t *testing.T, server string) (addr string) {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}
	var handler http.Handler = &httputil.ReverseProxy{
		Transport:      transport,
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0), // it is about what is cut
		ModifyResponse: f.response,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery // without those it cannot parse, otherwise
			for _, name := range challenge.Claims {
				r.Out.Header.Del(name)
			}
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
			if f.request != nil {
				f.request(r)
			}
		},
	}
	if f.wrap != nil {
		handler = f.wrap(handler)
	}
	srv := httptest.NewUnstartedServer(handler)
	if f.tls {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(func() {
		srv.Close()
		transport.CloseIdleConnections()
	})
	return srv.URL
}

func TestLiveCheckFront(t *testing.T) {
	replace := func(old, new string) func(*http.Response) error {
		return func(r *http.Response) error {
			if r.ContentLength < 100 { // not the stream, nor what is cut
				return nil
			}
			text, err := io.ReadAll(r.Body)
			if err == nil {
				r.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(text, []byte(old), []byte(new))))
			}
			return err
		}
	}
	buffered := func(r *http.Response) error {
		text, _ := io.ReadAll(r.Body) // and what of it was cut is lost
		if r.Request.Method != http.MethodHead {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
			r.Header.Set("Content-Length", strconv.Itoa(len(text)))
		}
		return nil
	}
	instead := func(is func(*http.Request) bool, answer http.HandlerFunc) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if is(r) {
					answer(w, r)
				} else {
					h.ServeHTTP(w, r)
				}
			})
		}
	}
	isChunked := func(r *http.Request) bool { return r.TransferEncoding != nil }
	isEarly := func(r *http.Request) bool { return strings.Contains(r.Header.Get("X-Proxy-Check"), "what=early") }
	tests := []struct {
		name, settings string
		front          front
		secure         bool // any certificate is not taken
		want           findings
	}{
		{name: "as it should be", settings: "CGIPROXY_TRUSTED_PROXIES=127.0.0.2\n", front: front{tls: true}},
		{name: "not trusted", front: front{tls: true}, want: findings{"https": "fault: TLS ends in a proxy at 127.0.0.2", "client address": "fault: all visitors are 127.0.0.2"}},
		{name: "https not told", settings: "CGIPROXY_TRUSTED_PROXIES=127.0.0.2\n", front: front{tls: true, request: func(r *httputil.ProxyRequest) { r.Out.Header.Del("X-Forwarded-Proto") }},
			want: findings{"https": "fault: TLS ends in front of the server, which is not told"}},
		{name: "a certificate of its own", front: front{tls: true}, secure: true, want: findings{"reach": "fault: certificate"}},
		{name: "merges slashes", front: front{request: func(r *httputil.ProxyRequest) {
			if r.In.URL.RawPath == "" {
				r.Out.URL.Path = path.Clean(r.Out.URL.Path)
			}
		}}, want: findings{"path //": "fault: /a//b arrives as /a/b"}},
		{name: "decodes", front: front{request: func(r *httputil.ProxyRequest) { r.Out.URL.RawPath = "" }}, want: findings{"path %2F": "fault: /a%2Fb arrives as /a/b"}},
		{name: "decodes twice", front: front{request: func(r *httputil.ProxyRequest) {
			r.Out.URL.RawPath = strings.NewReplacer("%3F", "_", "%25", "_").Replace(r.In.URL.EscapedPath())
			r.Out.URL.Path = r.Out.URL.RawPath
			r.Out.URL.RawPath = ""
			if strings.Contains(r.In.URL.RawPath, "%2F") {
				r.Out.URL.Path, r.Out.URL.RawPath = r.In.URL.Path, r.In.URL.RawPath
			}
		}}, want: findings{"path %3F": "fault: /a%3Fb arrives as /a_b", "path %25": "fault: /a%25b arrives as /a_b"}},
		{name: "drops the query", front: front{request: func(r *httputil.ProxyRequest) { r.Out.URL.RawQuery = "" }}, want: findings{"query": `fault: arrives as ""`, "app": "warning: visitors of its first page get something else: 502"}},
		{name: "changes methods", front: front{request: func(r *httputil.ProxyRequest) {
			if r.In.Method == "PUT" {
				r.Out.Method = "POST"
			}
		}}, want: findings{"method": "fault: PUT becomes POST"}},
		{name: "HEAD is GET", front: front{request: func(r *httputil.ProxyRequest) {
			if r.In.Method == "HEAD" {
				r.Out.Method = "GET"
			}
		}}, want: findings{"HEAD": "warning: arrives as GET"}},
		{name: "holds back, and hides a cut", front: front{response: buffered}, want: findings{"cut response": "warning: looks whole", "streaming": "warning: held back", "event stream": "warning: held back"}},
		{name: "changes texts", front: front{response: replace("abcdefghi", "ABCDEFGHI")}, want: findings{"compression": "fault: 100 KB of text come as"}},
		{name: "another version", front: front{response: replace("version=%28d", "version=%28D")}, want: findings{"version": "warning: (Devel) there, and (devel) asks"}},
		{name: "cuts uploads", front: front{request: func(r *httputil.ProxyRequest) {
			if r.In.ContentLength != 0 {
				r.Out.Body, r.Out.ContentLength = io.NopCloser(io.LimitReader(r.In.Body, 1000)), 1000
			}
		}}, want: findings{"upload": "fault: of 204800 bytes 1000 arrive", "chunked upload": "fault: of 40000 bytes 1000 arrive"}},
		{name: "wants a length", front: front{wrap: instead(isChunked, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusLengthRequired) })},
			want: findings{"chunked upload": "warning: refused: 411"}},
		{name: "loses early responses", front: front{wrap: instead(isEarly, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })},
			want: findings{"early response": "warning: a 413 before the upload is read is lost"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, webserver.ApacheEvent, liveSettings+tt.settings)
			want := tt.want
			if tt.settings == "" && tt.want["reach"] == "" { // all of these say who asks, and nobody listens
				want = findings{"client address": "fault: all visitors are 127.0.0.2"}
				for name, text := range tt.want {
					want[name] = text
				}
			}
			wantFindings(t, live.Options{Version: cgiproxy.Version(), URL: tt.front.start(t, s.URL) + s.folder, Secret: "hunter2", Insecure: !tt.secure}, want)
		})
	}
}

// TestLiveCheckServers has what only the server's own configuration can do.
func TestLiveCheckServers(t *testing.T) {
	const held = "warning: held back"
	const bufferedLocation = `location ^~ /buffered/ {
		include /etc/nginx/fastcgi_params;
		fastcgi_param SCRIPT_FILENAME {root}/app/proxy.cgi;
		fastcgi_pass unix:{root}/../fcgiwrap.sock;
		client_max_body_size 100k;
		gzip on; gzip_types text/plain text/event-stream; gzip_min_length 0;
	}`
	tests := []struct {
		name   string
		kind   webserver.Kind
		path   string
		config string
		want   findings
	}{
		{"Apache by itself", webserver.ApacheEvent, "/app/", "", findings{"path %2F": "warning: /a%2Fb: the web server refuses it: 404"}},
		{"nginx that buffers and compresses", webserver.NginxFcgiwrap, "/buffered/", bufferedLocation, findings{"upload": "fault: 413", "early response": "warning: becomes 413",
			"streaming": held, "event stream": held, "compression": "ok: the host compresses (gzip)"}},
		{"lighttpd that buffers", webserver.LighttpdCGI, "/app/", "server.stream-response-body := 0", findings{"streaming": held, "event stream": held}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, tt.kind, webserver.Options{Folders: []string{"", "app"}, Config: tt.config})
			s.Install(t, "app/proxy.cgi", binary)
			s.WriteFile(t, "app/.htcgiproxy", liveSettings, 0o600)
			s.WriteFile(t, "app/.htaccess", example(t), 0o644)
			wantFindings(t, live.Options{Version: cgiproxy.Version(), URL: s.URL + tt.path, Secret: "hunter2"}, tt.want)
		})
	}
}
