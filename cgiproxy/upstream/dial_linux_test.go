package upstream

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// An app that sends its response in two writes must not wait for the
// acknowledgement of the first. The system delays that by 40 ms once a
// connection has had some requests and responses, each time: so the fastest of
// the later requests tells, however busy the machine is.
func TestQuickAck(t *testing.T) {
	app := testkit.StartApp(t, func(conn net.Conn) {
		conn.(*net.TCPConn).SetNoDelay(false)
		for {
			if _, err := testkit.ReadHead(conn); err != nil {
				return
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			io.WriteString(conn, "ok")
		}
	})
	c := keeping(t, app.Upstream())
	fastest := time.Hour
	for i := range 15 {
		start := time.Now()
		if body, err := ask(t, c); body != "ok" || err != nil {
			t.Fatalf("got %q, error %v", body, err)
		}
		if i >= 5 {
			fastest = min(fastest, time.Since(start))
		}
	}
	if fastest > 30*time.Millisecond {
		t.Errorf("the fastest of ten requests took %v: the app waited for an acknowledgement", fastest)
	}
}

// A connection has the addresses that the kernel gives it, and none once it is
// closed.
func TestLocalConnAddresses(t *testing.T) {
	for _, tt := range []struct{ name, network, address string }{
		{"IPv4", "tcp", "127.0.0.1:0"},
		{"IPv6", "tcp", "[::1]:0"},
		{"unix", "unix", filepath.Join(t.TempDir(), "app.sock")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen(tt.network, tt.address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			conn, ok, err := dialLocal(t.Context(), tt.network, l.Addr().String())
			if err != nil || !ok {
				t.Fatalf("dialLocal: %v, %v", ok, err)
			}
			defer conn.Close()
			accepted, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer accepted.Close()
			for _, end := range []struct{ got, want net.Addr }{
				{conn.RemoteAddr(), accepted.LocalAddr()},
				{conn.LocalAddr(), accepted.RemoteAddr()},
			} {
				if end.got.Network() != end.want.Network() || tt.network == "tcp" && end.got.String() != end.want.String() {
					t.Errorf("got %s %s, want %s %s", end.got.Network(), end.got, end.want.Network(), end.want)
				}
			}
			if got := conn.RemoteAddr().String(); got != l.Addr().String() {
				t.Errorf("the app is at %s, want %s", got, l.Addr())
			}
			conn.Close()
			if got := conn.RemoteAddr(); got.Network() != "" || got.String() != "" {
				t.Errorf("a closed connection is at %s %s", got.Network(), got)
			}
		})
	}
}

// selfConnected reports whether both ends of a connection are the same.
func selfConnected(t *testing.T, conn net.Conn) bool {
	t.Helper()
	var here, there unix.Sockaddr
	var err1, err2 error
	err := descriptor.Control(conn, func(fd int) {
		here, err1 = unix.Getsockname(fd)
		there, err2 = unix.Getpeername(fd)
	})
	if err := errors.Join(err, err1, err2); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(here, there)
}

// A free port of those that the kernel takes for connections by itself: in so
// many attempts it takes each of them once, that one too.
func TestDialNotItself(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Skip(err)
	}
	var first, last int
	if _, err := fmt.Sscan(string(text), &first, &last); err != nil {
		t.Fatal(err)
	}
	// Every second port, from the first on, comes before the others.
	address := fmt.Sprintf("127.0.0.1:%d", first+(last-first)/4*2)
	for range min(last-first, 40000) {
		conn, _, err := dialLocal(t.Context(), "tcp", address)
		if err != nil {
			continue
		}
		if selfConnected(t, conn) {
			t.Errorf("connected to itself at %s", address)
		}
		conn.Close()
		break
	}
}

// The same on purpose: a socket whose own port is the one that it connects to.
func TestConnectedToItself(t *testing.T) {
	for _, tt := range []struct {
		name   string
		family int
		any    unix.Sockaddr // with a free port
	}{
		{"IPv4", unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}},
		{"IPv6", unix.AF_INET6, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fd, err := unix.Socket(tt.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			if err == nil {
				err = unix.Bind(fd, tt.any)
			}
			if err == unix.EADDRNOTAVAIL || err == unix.EAFNOSUPPORT {
				t.Skip(err)
			}
			own, nameErr := unix.Getsockname(fd)
			if err := errors.Join(err, nameErr); err != nil {
				t.Fatal(err)
			}
			if _, err := connectSocket(t.Context(), fd, own); err != unix.ECONNREFUSED {
				t.Errorf("connecting to itself: got error %v, want %v", err, unix.ECONNREFUSED)
			}
		})
	}
}
