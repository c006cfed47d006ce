package upstream

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestConnectFails(t *testing.T) {
	refusing := "127.0.0.1:" + testkit.FreePort(t)
	stale := filepath.Join(t.TempDir(), "stale.sock")
	l := testkit.Listen(t, "unix", stale)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	missing := filepath.Join(t.TempDir(), "missing.sock")
	plain := testkit.StartApp(t, func(conn net.Conn) {
		conn.Read(make([]byte, 1000))
		io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	silent := testkit.StartApp(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })

	tests := []struct {
		name     string
		settings []string
		status   int
		log      string
	}{
		{"refused", []string{"UPSTREAM=" + refusing}, 502, "connect " + refusing + ": connection refused: is the app running?"},
		{"no socket", []string{"UPSTREAM=unix:" + missing}, 502, "connect unix:" + missing + ": no such file or directory: is the app running, and is its socket there?"},
		{"socket of an app that has ended", []string{"UPSTREAM=unix:" + stale}, 502, "connect unix:" + stale + ": connection refused: is the app running?"},
		{"unknown name", []string{"UPSTREAM=app.invalid:80"}, 502, "CGIPROXY_UPSTREAM"}, // RFC 6761, section 6.4
		{"no TLS there", []string{"UPSTREAM=https://" + plain.Addr().String()}, 502, "does the app speak TLS there"},
		{"silence in the TLS handshake", []string{"UPSTREAM=https://" + silent.Addr().String(), "CONNECT_TIMEOUT=30ms"}, 504, "no connection within 30ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := roundTrip(t.Context(), t, configure(t, tt.settings...), nil, nil)
			if err == nil {
				t.Fatal("got a response from nowhere")
			}
			wantFailure(t, err, tt.status)
			testkit.WantText(t, explained(err), tt.log)
		})
	}
}

// An app that restarts: first there is nothing, then the socket.
func TestConnectRetry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	cfg := configure(t, "UPSTREAM=unix:"+path, "CONNECT_RETRY=10s")
	started := make(chan error, 1)
	time.AfterFunc(retryPause/2, func() {
		l, err := net.Listen("unix", path)
		started <- err
		if err != nil {
			return
		}
		defer l.Close()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.ReadAll(io.LimitReader(conn, 5)) // the body comes behind the header, once
		io.WriteString(conn, testkit.NoBody)
	})
	resp, err := roundTrip(t.Context(), t, cfg, []string{"CONTENT_LENGTH=5", "REQUEST_METHOD=POST"}, strings.NewReader("hello"))
	if startErr := <-started; startErr != nil {
		t.Fatal(startErr)
	}
	if err != nil {
		t.Fatalf("the app came up, but: %v", err)
	}
	resp.Body.Close()
}

func TestConnectRetryEnds(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.sock")
	start := time.Now()
	_, err := roundTrip(t.Context(), t, configure(t, "UPSTREAM=unix:"+missing, "CONNECT_RETRY=250ms"), nil, nil)
	took := time.Since(start)
	if err == nil {
		t.Fatal("got a response from nowhere")
	}
	wantFailure(t, err, 502)
	if took < retryPause || took > 5*time.Second {
		t.Errorf("gave up after %v, want several attempts within 250ms", took)
	}
}

func TestConnectCancelled(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.sock")
	cfg := configure(t, "UPSTREAM=unix:"+missing, "CONNECT_RETRY=1h")
	ctx, leave := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, leave)
	if _, err := roundTrip(ctx, t, cfg, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("while it tries again: got error %v, want %v", err, context.Canceled)
	}
	if _, err := roundTrip(ctx, t, configure(t), nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("before it connects: got error %v, want %v", err, context.Canceled)
	}
}

func TestTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Host, r.RequestURI)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that fail on purpose
	srv.StartTLS()
	defer srv.Close()
	folder := t.TempDir()
	ca := testkit.WriteFile(t, folder, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	empty := testkit.WriteFile(t, folder, "empty.pem", "nothing here\n")
	missing := filepath.Join(folder, "missing.pem")
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())

	tests := []struct {
		name     string
		settings []string
		status   int // of the failure, 0 for none
		log      string
	}{
		{"own authority", []string{"TLS_CA=" + ca}, 0, ""},
		{"certificate not verified", []string{"TLS_SKIP_VERIFY=true"}, 0, ""},
		{"unknown authority", nil, 502, "CGIPROXY_TLS_CA"},
		{"certificate for another name", []string{"UPSTREAM=https://localhost:" + port, "TLS_CA=" + ca}, 502, "localhost"},
		{"no such file", []string{"TLS_CA=" + missing}, 500, "CGIPROXY_TLS_CA"},
		{"no certificate in the file", []string{"TLS_CA=" + empty}, 500, "CGIPROXY_TLS_CA"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			settings := append([]string{"UPSTREAM=" + srv.URL + "/base"}, tt.settings...)
			resp, err := roundTrip(t.Context(), t, configure(t, settings...), []string{"REQUEST_URI=/a"}, nil)
			if tt.status != 0 {
				if err == nil {
					t.Fatalf("got a response, want status %d", tt.status)
				}
				wantFailure(t, err, tt.status)
				testkit.WantText(t, explained(err), tt.log)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "example.com /base/a" {
				t.Errorf("got %q, error %v, want the client's Host and the target", body, err)
			}
		})
	}
}

// An app that asks for "localhost" may listen on ::1 alone.
func TestConnectLoopback(t *testing.T) {
	six, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	serve := func(name string) func(net.Conn) {
		return func(conn net.Conn) {
			testkit.ReadHead(conn)
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(name), name)
		}
	}
	testkit.ServeApp(t, six, serve("six"))
	_, sixPort, _ := net.SplitHostPort(six.Addr().String())
	four := testkit.StartApp(t, serve("four"))
	_, fourPort, _ := net.SplitHostPort(four.Addr().String())
	gone := testkit.Listen(t, "tcp", "127.0.0.1:0")
	gone.Close()
	_, gonePort, _ := net.SplitHostPort(gone.Addr().String())
	for _, tt := range []struct{ name, upstream, want, log string }{
		{"port, app on ::1", sixPort, "six", ""},
		{"localhost, app on ::1", "localhost:" + sixPort, "six", ""},
		{"URL, app on ::1", "http://LOCALHOST:" + sixPort + "/", "six", ""},
		{"address, app on ::1", "[::1]:" + sixPort, "six", ""},
		{"127.0.0.1 written out, app on ::1", "127.0.0.1:" + sixPort, "", "connect 127.0.0.1:" + sixPort + ": connection refused: is the app running?"},
		{"port, app on 127.0.0.1", fourPort, "four", ""},
		{"localhost, app on 127.0.0.1", "localhost:" + fourPort, "four", ""},
		{"::1 written out, app on 127.0.0.1", "[::1]:" + fourPort, "", "connect [::1]:" + fourPort + ": connection refused"},
		{"port, no app", gonePort, "", "connect 127.0.0.1:" + gonePort + " and [::1]:" + gonePort + ": connection refused: is the app running?"},
	} {
		for _, owner := range []string{"false", "true"} {
			t.Run(tt.name+", REQUIRE_OWNER="+owner, func(t *testing.T) {
				resp, err := roundTrip(t.Context(), t, configure(t, "UPSTREAM="+tt.upstream, "REQUIRE_OWNER="+owner), nil, nil)
				if tt.want == "" {
					wantFailure(t, err, 502)
					testkit.WantText(t, explained(err), tt.log)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if body, err := io.ReadAll(resp.Body); string(body) != tt.want || err != nil {
					t.Errorf("got %q, error %v, want %q", body, err, tt.want)
				}
			})
		}
	}
}
