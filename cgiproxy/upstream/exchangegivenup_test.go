package upstream

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// An app that sends while it reads, behind a web server that takes nothing before it
// has sent the whole upload: each would wait for the other. The rest of the upload
// is given up, and the app learns that it comes no more.
func TestExchangeGivenUp(t *testing.T) {
	known := httptest.NewTLSServer(nil)
	defer known.Close()
	for scheme, secure := range map[string]func(net.Conn) net.Conn{
		"http": func(conn net.Conn) net.Conn { return conn },
		"https": func(conn net.Conn) net.Conn {
			return tls.Server(conn, &tls.Config{Certificates: known.TLS.Certificates})
		},
	} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			const size = 32 << 20 // more than all sockets hold
			got := make(chan int64, 1)
			app := testkit.StartApp(t, func(conn net.Conn) {
				conn = secure(conn)
				testkit.ReadHead(conn)
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
				n, _ := io.CopyN(conn, conn, size)
				got <- n
			})
			cfg := configure(t, "UPSTREAM="+scheme+"://"+app.Addr().String(), "TLS_SKIP_VERIFY=true", "HEADER_TIMEOUT=200ms", "IDLE_TIMEOUT=20s")
			upload := strings.NewReader(strings.Repeat("x", size))
			resp, err := roundTrip(t.Context(), t, cfg, []string{fmt.Sprint("CONTENT_LENGTH=", size)}, upload)
			if err != nil {
				t.Fatal(err)
			}
			<-resp.Body.(*Body).x.sent
			n, err := io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err == nil {
				t.Fatalf("got a whole response of %d bytes", n)
			}
			testkit.WantText(t, explained(err), "let it read the upload before it answers")
			if n := <-got; n == 0 || n == size {
				t.Errorf("the app got %d bytes, want a part", n)
			}
		})
	}
}
