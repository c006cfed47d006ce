package e2e

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// hashBody is an app that says what it got: protocol, framing, and the hash of
// the body.
var hashBody = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	n, err := io.Copy(hash, r.Body)
	fmt.Fprintf(w, "%s %s %d %x %v", r.Method, r.RequestURI, n, hash.Sum(nil), err)
})

// hashed is what hashBody answers to a request with body.
func hashed(method, target, body string) string {
	return fmt.Sprintf("%s %s %d %x %v", method, target, len(body), sha256.Sum256([]byte(body)), nil)
}

// publicFolder returns a folder for sockets and certificates that the CGI
// programs of every server may enter.
func publicFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "proxycgi-e2e-")
	if err == nil {
		err = os.Chmod(folder, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

// TestUpstreams has apps that listen in other ways than on a port.
func TestUpstreams(t *testing.T) {
	t.Parallel()
	folder := publicFolder(t)

	l := listenSocket(t)
	socket := l.Addr().String()
	unix := &http.Server{Handler: hashBody}
	go unix.Serve(l)
	t.Cleanup(func() { unix.Close() })

	secure := httptest.NewTLSServer(hashBody)
	t.Cleanup(secure.Close)
	ca := filepath.Join(folder, "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(ca, certificate, 0o644); err != nil {
		t.Fatal(err)
	}
	plain := httptest.NewServer(hashBody)
	t.Cleanup(plain.Close)

	for _, c := range []struct{ name, settings, target, want, log string }{
		{name: "unix socket", settings: "CGIPROXY_UPSTREAM=unix:" + socket, want: "200 OK"},
		{name: "https with its own authority", settings: "CGIPROXY_UPSTREAM=" + secure.URL + "\nCGIPROXY_TLS_CA=" + ca, want: "200 OK"},
		{name: "https without a check", settings: "CGIPROXY_UPSTREAM=" + secure.URL + "\nCGIPROXY_TLS_SKIP_VERIFY=true", want: "200 OK"},
		{name: "https of a stranger", settings: "CGIPROXY_UPSTREAM=" + secure.URL, want: "502 Bad Gateway", log: "certificate"},
		{name: "https to a plain app", settings: "CGIPROXY_UPSTREAM=" + strings.Replace(plain.URL, "http", "https", 1), want: "502 Bad Gateway", log: "does the app speak TLS there"},
		{name: "base path", settings: "CGIPROXY_STRIP_PREFIX=auto\nCGIPROXY_UPSTREAM=" + plain.URL + "/base/", target: "/base/a?b", want: "200 OK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, webserver.ApacheEvent, c.settings+"\n")
			target := c.target
			if target == "" {
				target = s.folder + "/a?b"
			}
			got := visit(t, s.Addr, fmt.Sprintf("PUT %s/a?b HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", s.folder, s.Addr, len(megabyte), megabyte))
			if got.Status != c.want {
				t.Errorf("status %s, want %s; body %.300q", got.Status, c.want, got.body)
			}
			if want := hashed("PUT", target, megabyte); c.want == "200 OK" && got.body != want {
				t.Errorf("got %q, want %q", got.body, want)
			}
			awaitLog(t, s, c.log)
		})
	}
}

// TestHTTP2 has clients that speak HTTP/2 with the web server. What they cancel
// in a body of unknown length would look whole.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(hashBody)
	t.Cleanup(app.Close)
	upload := filepath.Join(publicFolder(t), "upload")
	if err := os.WriteFile(upload, []byte(megabyte), 0o644); err != nil {
		t.Fatal(err)
	}
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{
		Config: "LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so\nProtocols h2c http/1.1\n",
	})
	s.Install(t, "proxy.cgi", binary)
	s.WriteFile(t, ".htaccess", example(t), 0o644)
	s.WriteFile(t, ".htcgiproxy", "CGIPROXY_UPSTREAM="+strings.TrimPrefix(app.URL, "http://")+"\n", 0o600)
	h2 := []string{"--http2-prior-knowledge", "-w", " HTTP/%{http_version}"}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"GET", []string{s.URL + "/a%2Db?c"}, hashed("GET", "/a%2Db?c", "")},
		{"length", []string{"-T", upload, s.URL + "/up"}, hashed("PUT", "/up", megabyte)},
		{"no length", []string{"-T", "-", "-o", os.DevNull, "-w", "%{http_code} HTTP/%{http_version}", s.URL + "/up"}, "411"},
		{"POST without a body", []string{"-X", "POST", s.URL + "/none"}, hashed("POST", "/none", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := curlFrom(t, upload, append(h2, c.args...)...); got != c.want+" HTTP/2" {
				t.Errorf("got %q, want %q", got, c.want+" HTTP/2")
			}
		})
	}
}
