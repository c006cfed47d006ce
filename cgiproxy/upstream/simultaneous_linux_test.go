package upstream

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// While the app is down a stranger takes its port without listening there, and
// connects to the port that we shall come from. When we connect to the app, which
// runs and listens again, our two sockets connect to each other (RFC 9293, section
// 3.5, simultaneous open).
func TestStrangerConnectsToUs(t *testing.T) {
	for _, tt := range []struct{ name, address, his, device string }{
		{"IPv4", "127.0.0.1", "127.0.0.1", ""},
		{"IPv4, bound to the device", "127.0.0.1", "127.0.0.1", "lo"},
		{"IPv4 by an IPv6 socket", "127.0.0.1", "::ffff:127.0.0.1", ""},
		{"IPv4 by an IPv6 socket bound to the device", "127.0.0.1", "::ffff:127.0.0.1", "lo"},
		{"IPv6", "::1", "::1", ""},
		{"IPv6, bound to the device", "::1", "::1", "lo"},
	} {
		eachCheckedDial(t, tt.name, func(t *testing.T, dialChecked checkedDial) {
			ours, from := boundSocket(t, tt.address)
			listenFull(t, "tcp", from.String()) // so that the stranger's SYN gets no response
			var fd int
			var at netip.AddrPort
			testkit.As(t, stranger, func() { fd, at = boundSocket(t, tt.his) })
			squatter := os.NewFile(uintptr(fd), "the stranger's socket")
			defer squatter.Close()
			if err := unix.BindToDevice(fd, tt.device); err != nil {
				t.Fatal(err)
			}
			if err := unix.Connect(fd, sockaddr(netip.AddrPortFrom(at.Addr(), from.Port()))); err != unix.EINPROGRESS {
				t.Fatalf("the stranger connects to %v: %v", from, err)
			}
			app := netip.AddrPortFrom(from.Addr(), at.Port())
			defer testkit.Listen(t, "tcp", app.String()).Close()

			conn, err := dialChecked(app.String(), func(string) (net.Conn, error) {
				file, err := connectSocket(t.Context(), ours, sockaddr(app))
				return localConn{file}, err
			})
			testkit.WantError(t, err, "the socket there belongs to user 65534 and not to ours, user 0")
			if err == nil {
				conn.Close()
			}
			if got, _ := io.ReadAll(squatter); len(got) > 0 {
				t.Errorf("the stranger got %q", got)
			}
		})
	}
}

// An app may leave a connection to the kernel until something has come, as Apache
// does.
func TestOwnerDefersAccept(t *testing.T) {
	eachCheckedDial(t, "TCP_DEFER_ACCEPT", func(t *testing.T, dialChecked checkedDial) {
		fd, at := boundSocket(t, "127.0.0.1")
		defer unix.Close(fd)
		if err := errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 10), unix.Listen(fd, 1)); err != nil {
			t.Fatal(err)
		}
		conn, err := dialChecked(at.String(), func(address string) (net.Conn, error) { return net.Dial("tcp", address) })
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	})
}

// A checkedDial is dialOwn or dialNoStranger.
type checkedDial func(address string, dial func(address string) (net.Conn, error)) (net.Conn, error)

func eachCheckedDial(t *testing.T, name string, test func(t *testing.T, dialChecked checkedDial)) {
	t.Run(name+"/REQUIRE_OWNER", func(t *testing.T) {
		test(t, func(address string, dial func(string) (net.Conn, error)) (net.Conn, error) {
			return dialOwn("tcp", address, dial)
		})
	})
	t.Run(name+"/second address", func(t *testing.T) { test(t, dialNoStranger) })
}

// boundSocket has a free port, which others may have too while nobody listens
// there.
func boundSocket(t *testing.T, address string) (fd int, at netip.AddrPort) {
	t.Helper()
	any := sockaddr(netip.AddrPortFrom(netip.MustParseAddr(address), 0))
	family := unix.AF_INET6
	if _, ok := any.(*unix.SockaddrInet4); ok {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == unix.EAFNOSUPPORT {
		t.Skipf("no IPv6 here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	reuseErr := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	bindErr := unix.Bind(fd, any)
	if bindErr == unix.EADDRNOTAVAIL {
		unix.Close(fd)
		t.Skip("no IPv6 here")
	}
	own, nameErr := unix.Getsockname(fd)
	if err := errors.Join(reuseErr, bindErr, nameErr); err != nil {
		t.Fatal(err)
	}
	at, _ = socketAddress(own)
	return fd, netip.AddrPortFrom(netip.MustParseAddr(address), at.Port())
}

// sockaddr returns an address for connect(2); of an IPv4 one in IPv6, for a
// socket of the latter.
func sockaddr(at netip.AddrPort) unix.Sockaddr {
	if at.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}
