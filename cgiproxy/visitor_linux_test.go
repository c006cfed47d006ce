package cgiproxy

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestVisitorConnection(t *testing.T) {
	for _, tt := range []struct{ name, address string }{
		{"IPv4", "127.0.0.1:0"},
		{"IPv6", "[::1]:0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", tt.address)
			if err != nil {
				t.Skipf("no %s here: %v", tt.name, err)
			}
			defer l.Close()
			visitor, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer visitor.Close()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()

			env := Environ{}
			env["REMOTE_ADDR"], env["REMOTE_PORT"], _ = net.SplitHostPort(visitor.LocalAddr().String())
			env["SERVER_ADDR"], env["SERVER_PORT"], _ = net.SplitHostPort(l.Addr().String())
			local, remote := netip.MustParseAddrPort(l.Addr().String()), netip.MustParseAddrPort(visitor.LocalAddr().String())
			if tcpState(local, remote) == 0 {
				t.Skip("this kernel does not tell the state of a connection (CONFIG_INET_DIAG)")
			}
			left := visitorConnection(env)
			if left() {
				t.Fatal("a visitor who is there counts as gone")
			}
			visitor.Close()
			if _, err := server.Read(make([]byte, 1)); err == nil {
				t.Fatal("the server has read something")
			}
			if !left() {
				t.Error("a visitor who has closed is not noticed")
			}
			server.Close()
			for giveUp := time.Now().Add(time.Second); !left(); {
				if time.Now().After(giveUp) {
					t.Fatal("a connection that is gone is not noticed")
				}
			}
		})
	}
}

func TestVisitorConnectionUnknown(t *testing.T) {
	for _, env := range []Environ{
		{},
		{"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "x", "SERVER_ADDR": "192.0.2.80", "SERVER_PORT": "80"},
		{"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "40000", "SERVER_ADDR": "192.0.2.80", "SERVER_PORT": "80"},
		{"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "40000", "SERVER_ADDR": "2001:db8::80", "SERVER_PORT": "80"},
		{"REMOTE_ADDR": "unix:", "REMOTE_PORT": "", "SERVER_ADDR": "unix:", "SERVER_PORT": "0"},
	} {
		if visitorConnection(env)() {
			t.Errorf("with %q the visitor counts as gone, though nobody knows", env)
		}
	}
}
