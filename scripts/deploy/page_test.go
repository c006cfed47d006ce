package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

// TestUnasked begins with what to do about a site that cannot be asked.
func TestUnasked(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	for _, c := range []struct{ name, url, want string }{
		{"nobody listens", gone.URL, "the site " + gone.URL + " cannot be asked: nobody listens at " + strings.TrimPrefix(gone.URL, "http://")},
		{"a certificate that nobody trusts", untrusted.URL, "browsers refuse the site, too: ask the host for a certificate"},
		{"a word", "http://", "the site cannot be asked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &options{url: c.url}
			err := o.unasked(o.firstPage(t.Context()).err)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestUnaskedPort tells the port that nobody listens at, though none was typed.
func TestUnaskedPort(t *testing.T) {
	for url, want := range map[string]string{
		"http://localhost/":       "nobody listens at localhost:80:",
		"https://localhost/":      "nobody listens at localhost:443:",
		"https://localhost:8443/": "nobody listens at localhost:8443:",
	} {
		if err := (&options{url: url}).unasked(syscall.ECONNREFUSED); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

// TestFirstPage says the status once, and what the page says of it.
func TestFirstPage(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"of proxy.cgi", 502, "502 Bad Gateway\n\nThe application is not running.\n\nRequest x\n", "502 Bad Gateway: The application is not running."},
		{"the status alone", 503, "503 Service Unavailable\n", "503 Service Unavailable"},
		{"of an app", 500, "broken\nat line 7\n", "500 Internal Server Error: broken"},
		{"empty", 404, "", "404 Not Found"},
		{"no error", 200, "200 OK", "200 OK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer site.Close()
			if got := (&options{url: site.URL}).firstPage(t.Context()); got.text != c.want {
				t.Errorf("said is %q, want %q", got.text, c.want)
			}
		})
	}
}

// TestStartedPage has an app that takes longer to start than the web server waits, which
// START_TIMEOUT allows.
func TestStartedPage(t *testing.T) {
	for _, c := range []struct {
		name, lines, phase string
		status, asked      int
	}{
		{"it starts", "CGIPROXY_START_TIMEOUT=3m\n", "starting", 200, 2},
		{"it starts, and may not take long", "", "starting", 504, 1},
		{"it has failed", "CGIPROXY_START_TIMEOUT=3m\n", "failed", 504, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if asked++; asked == 1 {
					w.WriteHeader(http.StatusGatewayTimeout)
				}
			}))
			defer site.Close()
			host, folder := thisHost(t)
			writeFiles(t, folder, map[string]string{".cgiproxy/state": "phase \"" + c.phase + "\"\n"})
			d := &deploy{options: &options{url: site.URL}, host: host, lines: []byte(c.lines), places: places{dir: folder}}
			if p := d.startedPage(t.Context()); p.status != c.status || asked != c.asked {
				t.Errorf("it is %d, asked for %d times, want %d, %d", p.status, asked, c.status, c.asked)
			}
		})
	}
}
