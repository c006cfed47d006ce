package e2e

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// fewWorkers has Apache serve four requests at a time, as a host may an
// account.
const fewWorkers = "StartServers 1\nServerLimit 1\nThreadsPerChild 4\nThreadLimit 4\nMaxRequestWorkers 4\nMinSpareThreads 1\nMaxSpareThreads 4\n"

// passedOn is the log line of a request that was sent to the app.
var passedOn = regexp.MustCompile(`info: \[\S+\] GET \S+: 500 in`)

// TestLoop has sites that name themselves as their app: the first request that
// comes back ends it, and the log says what to change. Were it sent again, it
// would take one worker after the other.
func TestLoop(t *testing.T) {
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, webserver.ApacheFcgid} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, kind, webserver.Options{Config: fewWorkers})
			port := s.Addr[strings.LastIndexByte(s.Addr, ':')+1:]
			rules := example(t)
			if kind == fcgid {
				rules = fastCGIExample(t)
			}
			s.Install(t, scriptName(kind), binary)
			s.WriteFile(t, ".htaccess", rules, 0o644)
			for _, tt := range []struct {
				name, settings, host string
				turns                int // that reach the web server again
			}{
				{"address", "CGIPROXY_UPSTREAM=" + s.Addr, s.Addr, 0},
				{"localhost", "CGIPROXY_UPSTREAM=localhost:" + port, s.Addr, 0},
				{"a Host without a port", "CGIPROXY_UPSTREAM=" + port, "site.test", 0},
				{"a port of the client's choice", "CGIPROXY_UPSTREAM=" + s.Addr, "site.test:9", 1},
				{"another Host", "CGIPROXY_UPSTREAM=http://localhost:" + port + "\nCGIPROXY_PRESERVE_HOST=false", s.Addr, 1},
				{"a path", "CGIPROXY_UPSTREAM=http://" + s.Addr + "/again", s.Addr, 1},
			} {
				t.Run(tt.name, func(t *testing.T) {
					before := len(s.ErrorLog())
					s.WriteFile(t, ".htcgiproxy", tt.settings+"\nCGIPROXY_LOG_LEVEL=info\n", 0o600)
					got := visit(t, s.Addr, "GET /page HTTP/1.1\r\nHost: "+tt.host+"\r\nConnection: close\r\n\r\n")
					if got.StatusCode != 500 {
						t.Errorf("status %d, want 500", got.StatusCode)
					}
					log, turns := "", -1
					for deadline := time.Now().Add(patience); turns < tt.turns && time.Now().Before(deadline); { // the line follows the response
						log = s.ErrorLog()[before:]
						turns = len(passedOn.FindAllString(log, -1))
					}
					if turns != tt.turns {
						t.Errorf("it was passed on %d times, want %d", turns, tt.turns)
					}
					if n := strings.Count(log, "leads back to this site itself"); n != 1 ||
						!strings.Contains(log, "500 CGIPROXY_UPSTREAM is") || !strings.Contains(log, "write for example CGIPROXY_UPSTREAM=6543 into "+s.Root) {
						t.Errorf("the log names the fault %d times, want once, with CGIPROXY_UPSTREAM and the remedy:\n%s", n, log)
					}
				})
			}
		})
	}
}

// TestChain has a site whose app is another one on the same server, on purpose.
func TestChain(t *testing.T) {
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, fcgid} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			app := newRecorder(t, func(conn net.Conn, r received) {
				io.WriteString(conn, plainResponse)
			})
			inner := newSite(t, kind, "CGIPROXY_UPSTREAM="+app.addr+"\nCGIPROXY_STRIP_PREFIX=auto\n")
			outer := newSite(t, kind, fmt.Sprintf("CGIPROXY_UPSTREAM=http://%s%s\nCGIPROXY_STRIP_PREFIX=auto\n", inner.Addr, inner.folder))
			got := visit(t, outer.Addr, "GET "+outer.folder+"/page HTTP/1.1\r\nHost: "+outer.Addr+"\r\nConnection: close\r\n\r\n")
			if got.StatusCode != 200 {
				t.Fatalf("status %d, want the app's 200; log:\n%s", got.StatusCode, outer.log())
			}
			r := app.request(t)
			marks := strings.Split(r.header.Get("X-Proxy-Loop"), ", ")
			if r.line != "GET /page HTTP/1.1" || len(marks) != 2 || marks[0] == marks[1] {
				t.Errorf("the app got %q with the marks %q, want one of each site", r.line, marks)
			}
		})
	}
}
