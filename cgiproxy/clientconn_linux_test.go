package cgiproxy

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/descriptor"
	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestClientGone(t *testing.T) {
	for _, tt := range []struct{ name, listen, serverPort string }{
		{"IPv4", "127.0.0.1:0", ""},
		{"IPv6", "[::1]:0", ""},
		{"IPv4 client of an IPv6 socket", "[::]:0", ""},
		{"port of the client's choice", "127.0.0.1:0", "9"},
		{"port of the client's choice, IPv6", "[::1]:0", "9"},
		{"port of the client's choice, IPv4 client of an IPv6 socket", "[::]:0", "9"},
		{"port that is none", "127.0.0.1:0", "99999"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server := connection(t, tt.listen)
			env := connectionEnv(client)
			remote, local := netip.MustParseAddrPort(client.LocalAddr().String()), netip.MustParseAddrPort(client.RemoteAddr().String())
			if state, _ := descriptor.TCPState(local, remote); state == 0 {
				t.Skip("this kernel does not tell the state of a connection (CONFIG_INET_DIAG)")
			}
			if tt.serverPort != "" {
				env["SERVER_PORT"] = tt.serverPort
			}
			gone := ClientGone(env)
			for range searchLook {
				if gone() {
					t.Fatal("a client that is there counts as gone")
				}
			}
			client.Close()
			if _, err := server.Read(make([]byte, 1)); err == nil {
				t.Fatal("the server has read something")
			}
			if !gone() {
				t.Error("a client that has closed is not noticed")
			}
			server.Close()
			for giveUp := time.Now().Add(time.Second); !gone(); {
				if time.Now().After(giveUp) {
					t.Fatal("a connection that is gone is not noticed")
				}
			}
		})
	}
}

// A client that leaves before its connection is searched for is noticed, too.
func TestClientGoneBeforeTheSearch(t *testing.T) {
	client, server := connection(t, "127.0.0.1:0")
	env := connectionEnv(client)
	env["SERVER_PORT"] = "9"
	gone := ClientGone(env)
	if gone() {
		t.Fatal("a client that is there counts as gone")
	}
	client.Close()
	server.Read(make([]byte, 1))
	if !gone() {
		t.Error("a client that has closed is not noticed")
	}
}

// Where no descriptor is left to ask the kernel by, nobody has left. Not parallel,
// for it takes them from the whole process.
func TestClientGoneNoDescriptor(t *testing.T) {
	client, _ := connection(t, "127.0.0.1:0")
	gone := ClientGone(connectionEnv(client))
	gone() // sees it
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	hasLeft := gone()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if hasLeft {
		t.Error("a client that is there counts as gone")
	}
}

// The client's port may also be that of another connection: to another address
// of the machine, or from another client. Of two to one address nobody knows which
// is the request's.
func TestFindConnection(t *testing.T) {
	remote := netip.MustParseAddrPort(dialFrom(t, "127.0.0.1:0", "127.0.0.2").LocalAddr().String())
	dialFrom(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.3"), remote.Port()).String(), "127.0.0.1")
	conn := dialFrom(t, remote.String(), "127.0.0.1")

	at, state, _ := descriptor.FindConnection(netip.MustParseAddr("127.0.0.1"), remote, clientStates)
	if state == 0 {
		t.Skip("this kernel does not list connections (CONFIG_INET_DIAG)")
	}
	if want := conn.RemoteAddr().String(); at.String() != want {
		t.Errorf("found the connection to %v, want %s", at, want)
	}
	stranger := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.4"), remote.Port())
	if at, state, _ := descriptor.FindConnection(netip.MustParseAddr("127.0.0.1"), stranger, clientStates); state != 0 {
		t.Errorf("found %v in state %d for a client that is not there", at, state)
	}
	dialFrom(t, remote.String(), "127.0.0.1")
	if at, state, _ := descriptor.FindConnection(netip.MustParseAddr("127.0.0.1"), remote, clientStates); state != 0 {
		t.Errorf("found %v in state %d, though the client has two connections with this port", at, state)
	}
}

// dialFrom connects from an address that several connections may have, to a new
// listener.
func dialFrom(t *testing.T, local, listener string) net.Conn {
	t.Helper()
	l := testkit.Listen(t, "tcp", listener+":0")
	t.Cleanup(func() { l.Close() })
	dialer := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(local)),
		Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) })
		},
	}
	conn, err := dialer.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// connection returns both ends of a TCP connection.
func connection(t *testing.T, address string) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("no %s here: %v", address, err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr)
	if at.IP.IsUnspecified() {
		at.IP = net.IPv4(127, 0, 0, 1)
	}
	if client, err = net.Dial("tcp", at.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

// connectionEnv returns the variables of a client's connection.
func connectionEnv(client net.Conn) Environ {
	env := Environ{}
	env["REMOTE_ADDR"], env["REMOTE_PORT"], _ = net.SplitHostPort(client.LocalAddr().String())
	env["SERVER_ADDR"], env["SERVER_PORT"], _ = net.SplitHostPort(client.RemoteAddr().String())
	return env
}

func TestClientGoneUnknown(t *testing.T) {
	dialFrom(t, "127.0.0.5:0", "127.0.0.6") // of the same addresses, for something else
	for _, env := range []Environ{
		{},
		{"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "x", "SERVER_ADDR": "192.0.2.80", "SERVER_PORT": "80"},
		{"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "40000", "SERVER_ADDR": "192.0.2.80", "SERVER_PORT": "80"},
		{"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "40000", "SERVER_ADDR": "2001:db8::80", "SERVER_PORT": "80"},
		{"REMOTE_ADDR": "127.0.0.5", "REMOTE_PORT": "0", "SERVER_ADDR": "127.0.0.6", "SERVER_PORT": "80"}, // lighttpd's mod_extforward
		{"REMOTE_ADDR": "unix:", "REMOTE_PORT": "", "SERVER_ADDR": "unix:", "SERVER_PORT": "0"},
	} {
		gone := ClientGone(env)
		for range searchLook + 1 {
			if gone() {
				t.Errorf("with %q the client counts as gone, though nobody knows", env)
			}
		}
	}
}

// BenchmarkFindConnection shows what a search costs beside a look, among some
// thousand connections.
func BenchmarkFindConnection(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	const connections = 2000
	var client net.Conn
	for range connections {
		if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		server, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		defer server.Close()
	}
	local, remote := netip.MustParseAddrPort(l.Addr().String()), netip.MustParseAddrPort(client.LocalAddr().String())
	for name, ask := range map[string]func() uint8{
		"look": func() uint8 { state, _ := descriptor.TCPState(local, remote); return state },
		"search": func() uint8 {
			_, state, _ := descriptor.FindConnection(local.Addr(), remote, clientStates)
			return state
		},
	} {
		b.Run(fmt.Sprintf("%s among %d", name, connections), func(b *testing.B) {
			for b.Loop() {
				if ask() == 0 {
					b.Fatal("not found")
				}
			}
		})
	}
}
