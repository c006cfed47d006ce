package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// running returns the processes of a program below the document root, by the
// path they were started from.
func running(t *testing.T, s *webserver.Server, script string) (pids []int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		exe, err := os.Readlink(link)
		if err == nil && strings.TrimSuffix(exe, " (deleted)") == filepath.Join(s.Root, script) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// program returns the one process of a site's proxy.fcgi.
func program(t *testing.T, s site) int {
	t.Helper()
	pids := running(t, s.Server, s.folder+"/proxy.fcgi")
	if len(pids) != 1 {
		t.Fatalf("processes of proxy.fcgi: %v, want one", pids)
	}
	return pids[0]
}

// get fetches a page of the site; any response but 200 is an error.
func get(s site, path string) (string, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(s.URL + s.folder + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("%s: %.200q", resp.Status, body)
	}
	return string(body), err
}

// A restartingApp is an app on a port of its own that can be restarted.
type restartingApp struct {
	t       *testing.T
	addr    string
	conns   atomic.Int64 // accepted so far
	handler http.Handler
	server  *http.Server
}

func newRestartingApp(t *testing.T, handler http.HandlerFunc) *restartingApp {
	t.Helper()
	a := &restartingApp{t: t, addr: "127.0.0.1:" + testkit.FreePort(t), handler: handler}
	a.start()
	t.Cleanup(func() { a.stop() })
	return a
}

func (a *restartingApp) serve(l net.Listener) {
	a.server = &http.Server{Handler: a.handler, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			a.conns.Add(1)
		}
	}}
	go a.server.Serve(l)
}

// stop closes all connections, those with a request under way, too.
func (a *restartingApp) stop() { a.server.Close() }

// start tries for a while: a process that is being started has the listener of before
// until exec closes it.
func (a *restartingApp) start() {
	a.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		l, err := net.Listen("tcp", a.addr)
		if err == nil {
			a.serve(l)
			return
		}
		if time.Now().After(deadline) {
			a.t.Fatal(err)
		}
	}
}

func (a *restartingApp) settings() string { return "CGIPROXY_UPSTREAM=" + a.addr + "\n" }

func ok(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method+" "+r.URL.Path) }

// TestFastCGIPools: one process and one connection to the app serve many
// requests, and an app that was restarted meanwhile is no error.
func TestFastCGIPools(t *testing.T) {
	for _, kind := range webserver.FastCGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			app := newRestartingApp(t, ok)
			s := newSite(t, kind, app.settings())
			ask := func() {
				t.Helper()
				for range 20 {
					if _, err := get(s, "/"); err != nil {
						t.Fatal(err)
					}
				}
			}
			ask()
			pid := program(t, s)
			for range 3 {
				app.stop()
				app.start()
				ask()
			}
			if again := program(t, s); again != pid {
				t.Errorf("process %d, then %d: want one for all requests", pid, again)
			}
			// A request may come before the one before has given back its
			// connection: the client has all of the response by then.
			if conns := app.conns.Load(); conns < 4 || conns > 20 {
				t.Errorf("the app saw %d connections for 80 requests, want few after each of 4 starts", conns)
			}
		})
	}
}

// TestFastCGISettingsChange changes .htcgiproxy under a running proxy.fcgi.
func TestFastCGISettingsChange(t *testing.T) {
	for _, kind := range webserver.FastCGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			one := newRestartingApp(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "one") })
			two := newRestartingApp(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "two") })
			s := newSite(t, kind, one.settings())
			var pids []int
			for i, want := range []string{"one", "two", "one"} {
				settings := map[string]string{"one": one.settings(), "two": two.settings()}[want]
				if i > 0 {
					s.WriteFile(t, s.folder[1:]+"/.htcgiproxy", settings, 0o600)
				}
				if body, err := get(s, "/"); body != want || err != nil {
					t.Errorf("got %q, %v; want %q", body, err, want)
				}
				pids = append(pids, program(t, s))
			}
			if pids[0] != pids[2] {
				t.Errorf("processes %v, want one", pids)
			}
			s.WriteFile(t, s.folder[1:]+"/.htcgiproxy", "CGIPROXY_MAX_BODY=many\n"+one.settings(), 0o600)
			if _, err := get(s, "/"); err == nil || !strings.HasPrefix(err.Error(), "500 ") {
				t.Errorf("with a bad setting: %v, want 500", err)
			}
			s.WriteFile(t, s.folder[1:]+"/.htcgiproxy", two.settings(), 0o600)
			if body, err := get(s, "/"); body != "two" || err != nil {
				t.Errorf("with a good one again: got %q, %v", body, err)
			}
		})
	}
}

// TestFastCGIProcessSettings has a setting in the environment of the process.
func TestFastCGIProcessSettings(t *testing.T) {
	app := newRestartingApp(t, ok)
	s := webserver.Run(t, webserver.ApacheFcgid, webserver.Options{Config: "FcgidInitialEnv CGIPROXY_UPSTREAM " + app.addr + "\n"})
	s.Install(t, "proxy.fcgi", binary)
	s.WriteFile(t, ".htaccess", strings.Replace(fastCGIExample(t), "\nSetEnv CGIPROXY_UPSTREAM 6543\n", "\n", 1), 0o644)
	if body, err := get(site{Server: s}, "/a"); body != "GET /a" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
}

// TestFastCGILeave has clients that leave while both sides are silent, and
// while the app is talking: the app's connection is closed, the process stays.
func TestFastCGILeave(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	for _, kind := range webserver.FastCGI {
		for name, say := range map[string]func(net.Conn){
			"before the response": func(net.Conn) {},
			"in a silent stream":  func(conn net.Conn) { io.WriteString(conn, head+"data: 1\n\n") },
			"in a page that grows, for a cache": func(conn net.Conn) {
				for _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n\r\n"); err == nil; _, err = io.WriteString(conn, strings.Repeat("a line\n", 1000)) {
					time.Sleep(20 * time.Millisecond)
				}
			},
			"in a talking stream": func(conn net.Conn) {
				for _, err := io.WriteString(conn, head); err == nil; _, err = io.WriteString(conn, "data: 1\n\n") {
					time.Sleep(100 * time.Millisecond)
				}
			},
		} {
			for _, who := range []string{"client", otherPort} {
				t.Run(fmt.Sprintf("%s/%s/%s", kind, name, who), func(t *testing.T) {
					t.Parallel()
					testFastCGILeave(t, kind, say, who)
				})
			}
		}
	}
}

func testFastCGILeave(t *testing.T, kind webserver.Kind, say func(net.Conn), who string) {
	asked, freed := make(chan bool), make(chan bool)
	app := newRecorder(t, func(conn net.Conn, r received) {
		if !strings.Contains(r.line, "/events") {
			io.WriteString(conn, plainResponse)
			return
		}
		close(asked)
		say(conn)
		io.Copy(io.Discard, conn) // returns when the other side closes
		close(freed)
	})
	s := newSite(t, kind, "CGIPROXY_UPSTREAM="+app.addr+"\n")
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s/events HTTP/1.1\r\nHost: %s\r\n\r\n", s.folder, hostOf(who, s))
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("the app was not asked")
	}
	pid := program(t, s)
	readOn(conn, who)
	time.Sleep(100 * time.Millisecond) // the response is on its way
	conn.Close()
	left := time.Now()
	select {
	case <-freed:
	case <-time.After(patience):
		t.Error("the app's connection is still open")
	}
	if took := time.Since(left); took > leaveLimit {
		t.Errorf("it took %v, want %v at most", took, leaveLimit)
	}
	if _, err := get(s, "/next"); err != nil {
		t.Errorf("the next client: %v", err)
	}
	// mod_fcgid would end a process whose response was cut, and after some start
	// none for a while.
	if again := running(t, s.Server, s.folder+"/proxy.fcgi"); !slices.Equal(again, []int{pid}) {
		t.Errorf("process %d, then %v: want it to go on", pid, again)
	}
}

// TestFastCGIEventStream: each event arrives when it is sent, except under
// mod_fcgid, which holds back 64 KiB of them.
func TestFastCGIEventStream(t *testing.T) {
	for _, kind := range webserver.FastCGI {
		t.Run(string(kind), func(t *testing.T) {
			if kind == fcgid {
				t.Skip("holds back 64 KiB: see TestHybridEventStream")
			}
			app, got := lockstepApp(t)
			s := newSite(t, kind, "CGIPROXY_UPSTREAM="+app.addr+"\n")
			t.Logf("%v an event", followStream(t, s.Addr, s.folder+"/events", eventStream, got))
		})
	}
}
