package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// The lines that MANUAL has for .htaccess, as they stand there.

var apacheKinds = []webserver.Kind{webserver.ApacheEvent, webserver.ApachePrefork, webserver.ApacheSuexec, webserver.ApacheFcgid}

// exampleFor returns htaccess.example for a kind of Apache.
func exampleFor(t *testing.T, kind webserver.Kind) string {
	t.Helper()
	if scriptName(kind) == "proxy.fcgi" {
		return fastCGIExample(t)
	}
	return example(t)
}

// remoteIP has Apache take the address of the visitor from a proxy on
// 127.0.0.1.
const remoteIP = "LoadModule remoteip_module /usr/lib/apache2/modules/mod_remoteip.so\nRemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n"

// TestManualRemoteIP has a proxy in front that says what the visitor has, and
// a visitor who says so himself. Without mod_remoteip, TRUSTED_PROXIES tells
// them apart.
func TestManualRemoteIP(t *testing.T) {
	line := strings.Replace(manualBlock(t, "<!-- remoteip -->"), "173.245.48.0/20", "127.0.0.1/32", 1)
	const trusted = "CGIPROXY_TRUSTED_PROXIES=127.0.0.1\n"
	for _, kind := range apacheKinds {
		for _, setup := range []struct{ name, config, rules, settings, hop string }{
			{"mod_remoteip", remoteIP, line, "", ""},
			{"trusted proxies", "", "", trusted, ", 127.0.0.1"},
		} {
			t.Run(fmt.Sprintf("%s/%s", kind, setup.name), func(t *testing.T) {
				t.Parallel()
				app := newRecorder(t, func(conn net.Conn, _ received) { io.WriteString(conn, plainResponse) })
				s := webserver.Run(t, kind, webserver.Options{Config: setup.config})
				fillSite(t, s, "", setup.rules+exampleFor(t, kind), app.addr+"\n"+setup.settings, scriptName(kind))
				for _, c := range []struct{ from, proto, wantProto, wantFor, wantCF string }{
					{"127.0.0.1", "https", "https", "203.0.113.9" + setup.hop, "203.0.113.9"},
					{"127.0.0.1", "http", "http", "203.0.113.9" + setup.hop, "203.0.113.9"},
					{"127.0.0.2", "https", "http", "127.0.0.2", ""}, // a stranger
				} {
					if setup.settings == "" {
						c.wantCF = "" // for proxy.cgi the visitor himself has sent it
					}
					got := visitFrom(t, &net.TCPAddr{IP: net.ParseIP(c.from)}, s.Addr, "GET /x HTTP/1.1\r\nHost: www.example\r\nConnection: close\r\n"+
						"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: "+c.proto+"\r\nCF-Connecting-IP: 203.0.113.9\r\n\r\n")
					if got.StatusCode != 200 {
						t.Fatalf("from %s: %s %.300q", c.from, got.Status, got.body)
					}
					h := app.request(t).header
					for name, want := range map[string]string{"X-Forwarded-Proto": c.wantProto, "X-Forwarded-For": c.wantFor, "Cf-Connecting-Ip": c.wantCF} {
						if h.Get(name) != want {
							t.Errorf("from %s, who says %s: the app got %s %q, want %q", c.from, c.proto, name, h.Get(name), want)
						}
					}
				}
			})
		}
	}
}

// TestManualETags has hosts that compress what they send, and put that into
// the app's ETags. It gets back its own.
func TestManualETags(t *testing.T) {
	page := strings.Repeat("a page that is worth it\n", 100)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		etag := r.URL.Query().Get("etag")
		w.Header().Set("ETag", etag)
		w.Header().Set("X-Asked", r.Header.Get("If-None-Match")+r.Header.Get("If-Match"))
		if strings.Contains(r.Header.Get("If-None-Match"), etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, page)
	}))
	t.Cleanup(app.Close)
	for _, c := range []struct{ name, config, suffix string }{
		{"gzip", "SetOutputFilter DEFLATE\n", "-gzip"},
		{"br", "LoadModule brotli_module /usr/lib/apache2/modules/mod_brotli.so\nSetOutputFilter BROTLI_COMPRESS\n", "-br"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: c.config})
			fillSite(t, s, "", manualBlock(t, "<!-- etags -->")+example(t), strings.TrimPrefix(app.URL, "http://"), "proxy.cgi")
			ask := func(etag, field string) visited {
				return visit(t, s.Addr, "GET /?etag="+etag+" HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\n"+field+"Connection: close\r\n\r\n")
			}
			for _, etag := range []string{`"e1"`, `W/"e1"`, `"a-gzip-b"`} {
				first := ask(etag, "")
				seen := first.Header.Get("ETag")
				if want := etag[:len(etag)-1] + c.suffix + `"`; seen != want || first.Header.Get("Content-Encoding") != c.name {
					t.Fatalf("%s became %q with the coding %q, want %q: this test misses what it is for", etag, seen, first.Header.Get("Content-Encoding"), want)
				}
				for _, list := range []string{"%s", `"x-gzip", W/"y-br" , %s,"z"`, `%[1]s, %[1]s`} {
					own := strings.NewReplacer(`-gzip"`, `"`, `-br"`, `"`).Replace(fmt.Sprintf(list, etag))
					got := ask(etag, "If-None-Match: "+fmt.Sprintf(list, seen)+"\r\n")
					if got.StatusCode != 304 || got.body != "" || got.Header.Get("X-Asked") != own {
						t.Errorf("If-None-Match: %s is %s, and the app was asked %q, want 304 and %q", fmt.Sprintf(list, seen), got.Status, got.Header.Get("X-Asked"), own)
					}
					got = ask(etag, "If-Match: "+fmt.Sprintf(list, seen)+"\r\n")
					if got.Header.Get("X-Asked") != own {
						t.Errorf("If-Match: the app was asked %q, want %q", got.Header.Get("X-Asked"), own)
					}
				}
			}
		})
	}
}
