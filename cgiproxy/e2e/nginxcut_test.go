package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestNginxCut has responses without a length that the app cuts short: no client of
// nginx takes them for whole, and no cache keeps them.
func TestNginxCut(t *testing.T) {
	app := newRecorder(t, func(conn net.Conn, r received) {
		length := 5
		if strings.Contains(r.line, "/large ") {
			length = 200_000
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", length, strings.Repeat("A", length))
	})
	_, program := programOnTCP(t, "CGIPROXY_UPSTREAM="+app.addr+"\n")
	var config strings.Builder
	for name, lines := range map[string]string{
		"unbuffered": "fastcgi_buffering off;",
		"buffered":   "",
		"kept":       "fastcgi_keep_conn on;",
		"compressed": "gzip on; gzip_min_length 0;",
		"cached":     "fastcgi_cache pages; fastcgi_cache_valid 200 1m; fastcgi_cache_key $request_uri;",
	} {
		fmt.Fprintf(&config, "location /%s/ { include /etc/nginx/fastcgi_params; fastcgi_pass %s; %s }\n", name, program, lines)
	}
	config.WriteString("} fastcgi_cache_path {root}/../cache keys_zone=pages:1m; server { listen unix:{root}/../other.sock;\n")
	s := webserver.Run(t, webserver.NginxFastCGI, webserver.Options{Config: config.String()})
	for _, way := range []string{"unbuffered", "buffered", "kept", "compressed", "cached"} {
		for _, size := range []string{"small", "large"} {
			t.Run(way+"/"+size, func(t *testing.T) {
				for i := range 2 {
					raw := "GET /" + way + "/" + size + " HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
					got, err := tryVisit(nil, s.Addr, raw, patience)
					if err == nil && got.err == nil { // of a small one there may be nothing
						t.Errorf("visit %d: %s with %d bytes looks whole", i+1, got.Status, len(got.body))
					}
					select {
					case <-app.got:
					default:
						t.Errorf("visit %d: the app is not asked", i+1)
					}
				}
			})
		}
	}
}
