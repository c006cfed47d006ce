package e2e

import (
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A culprit is who breaks an exchange, and how.
type culprit struct {
	name     string
	settings string                                           // further lines of .htcgiproxy
	app      func(*testing.T, *stage) *stagedApp              // starts the app that it takes; nil for the usual one
	breaks   func(*testing.T, *incident)                      // what happens at the stage; nil for nothing but time
	server   func(*testing.T, *webserver.Server, []*incident) // what happens to the server of them all
}

var (
	refuses       = &culprit{name: "app refuses", app: newNobody}
	acceptsNobody = &culprit{name: "app accepts nobody", app: newCrowdedApp, settings: "CGIPROXY_CONNECT_TIMEOUT=500ms\n"}
	closesAtOnce  = &culprit{name: "app closes at once", app: newUnfriendlyApp(net.Conn.Close)}
	resetsAtOnce  = &culprit{name: "app resets at once", app: newUnfriendlyApp(reset)}

	appCloses       = &culprit{name: "app closes", breaks: func(_ *testing.T, x *incident) { x.stagedApp.conn.Close() }}
	appResets       = &culprit{name: "app resets", breaks: func(_ *testing.T, x *incident) { reset(x.stagedApp.conn) }}
	appKilled       = &culprit{name: "app is killed", app: newKillableApp, breaks: func(_ *testing.T, x *incident) { x.stagedApp.kill() }}
	appSilent       = &culprit{name: "app is silent", settings: "CGIPROXY_HEADER_TIMEOUT=500ms\n"}
	appPauses       = &culprit{name: "app pauses", settings: "CGIPROXY_IDLE_TIMEOUT=500ms\n"}
	appStopsReading = &culprit{name: "app stops reading", app: newHoldingApp, settings: "CGIPROXY_HEADER_TIMEOUT=500ms\n"}

	proxySIGTERM = &culprit{name: "proxy.cgi gets SIGTERM", breaks: func(t *testing.T, x *incident) { x.signal(t, syscall.SIGTERM) }}
	proxySIGKILL = &culprit{name: "proxy.cgi gets SIGKILL", breaks: func(t *testing.T, x *incident) { x.signal(t, syscall.SIGKILL) }}

	clientCloses = &culprit{name: "client closes", breaks: func(_ *testing.T, x *incident) { x.leave(net.Conn.Close) }}
	clientResets = &culprit{name: "client resets", breaks: func(_ *testing.T, x *incident) { x.leave(reset) }}

	serverStopped  = &culprit{name: "server is stopped", server: stopServer}
	serverKilled   = &culprit{name: "server is killed", server: killServer}
	serverBusy     = &culprit{name: "app answers in part and server is busy", server: busyServer}
	serverFinishes = &culprit{name: "server is told to finish", server: finishServer}
)

// reset ends a connection with RST in place of FIN.
func reset(conn net.Conn) error {
	conn.(*net.TCPConn).SetLinger(0)
	return conn.Close()
}

// signal ends proxy.cgi, or proxy.fcgi, by a signal. It waits until that is so:
// what the client sends next might else be passed on yet, and be all of an upload.
func (x *incident) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	script := x.folder + "/" + scriptName(x.Kind)
	pids := running(t, x.Server, script)
	if len(pids) != 1 {
		t.Fatalf("processes of proxy.cgi: %v, want one", pids)
	}
	if err := syscall.Kill(pids[0], signal); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); slices.Contains(running(t, x.Server, script), pids[0]); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d goes on after %v", pids[0], signal)
		}
	}
}

// clientKnown is when proxy.cgi has looked for the client's connection for the
// first time: one that has gone before that, it never misses.
const clientKnown = 500 * time.Millisecond

// leave has the client end its connection.
func (x *incident) leave(end func(net.Conn) error) {
	time.Sleep(clientKnown)
	x.caller.left = true
	end(x.caller.Conn)
}

// newNobody returns an address where nobody listens.
func newNobody(*testing.T, *stage) *stagedApp { return &stagedApp{addr: "127.0.0.1:1"} }

// newCrowdedApp listens, but its backlog is full: the kernel drops whatever
// asks for a connection.
func newCrowdedApp(t *testing.T, _ *stage) *stagedApp {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 16 {
		conn, err := net.DialTimeout("tcp", l.Addr().String(), 200*time.Millisecond)
		if err != nil {
			return &stagedApp{addr: l.Addr().String()}
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the backlog does not fill")
	panic("unreachable")
}

// newUnfriendlyApp ends each connection as soon as it has it.
func newUnfriendlyApp(end func(net.Conn) error) func(*testing.T, *stage) *stagedApp {
	return func(t *testing.T, _ *stage) *stagedApp {
		return &stagedApp{addr: newApp(t, func(conn net.Conn) { end(conn) })}
	}
}
