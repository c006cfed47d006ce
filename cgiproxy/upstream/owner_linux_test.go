package upstream

import (
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// stranger is another user of the machine.
const stranger = 65534

func TestRequireOwner(t *testing.T) {
	folder, err := os.MkdirTemp("", "proxycgi-owner-") // where others may make a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, network, address string }{
		{"unix socket", "unix", filepath.Join(folder, "app.sock")},
		{"127.0.0.1", "tcp", "127.0.0.1:0"},
		{"127.0.0.2", "tcp", "127.0.0.2:0"},
		{"any IPv4 address", "tcp4", "0.0.0.0:0"},
		{"any address", "tcp", "[::]:0"},
		{"::1", "tcp", "[::1]:0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Run("ours", func(t *testing.T) {
				got, err := askOwned(t, testkit.Listen(t, tt.network, tt.address))
				if err != nil || got == 0 {
					t.Errorf("got error %v, and the app %d bytes", err, got)
				}
			})
			t.Run("a stranger's", func(t *testing.T) {
				got, err := askOwned(t, testkit.ListenAs(t, stranger, tt.network, tt.address))
				if got != 0 {
					t.Errorf("the stranger got %d bytes", got)
				}
				if err == nil {
					t.Fatal("got a response of a stranger")
				}
				wantFailure(t, err, 502)
				testkit.WantText(t, explained(err), "connect ", "belongs to user 65534 and not to ours, user 0", "CGIPROXY_REQUIRE_OWNER")
			})
		})
	}
}

// askOwned sends a request with REQUIRE_OWNER to a listener that is closed
// after it. It returns how many bytes came there.
func askOwned(t *testing.T, l net.Listener) (got int, err error) {
	t.Helper()
	address := l.Addr()
	counted := make(chan int, 1)
	app := testkit.ServeApp(t, l, func(conn net.Conn) {
		head, _ := testkit.ReadHead(conn)
		counted <- len(head)
		io.WriteString(conn, testkit.NoBody)
	})
	upstream := app.Upstream()
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		upstream = "UPSTREAM=127.0.0.1:" + portOf(t, address)
	}
	resp, err := roundTrip(t.Context(), t, configure(t, upstream, "REQUIRE_OWNER=true"), nil, nil)
	if err == nil {
		resp.Body.Close()
	}
	got = <-counted
	l.Close()
	return got, err
}

func portOf(t *testing.T, a net.Addr) string {
	t.Helper()
	_, port, err := net.SplitHostPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// A connection in TLS is checked before the handshake.
func TestRequireOwnerTLS(t *testing.T) {
	l := testkit.ListenAs(t, stranger, "tcp", "127.0.0.1:0")
	got := make(chan int, 1)
	testkit.ServeApp(t, l, func(conn net.Conn) {
		b, _ := io.ReadAll(conn)
		got <- len(b)
	})
	_, err := roundTrip(t.Context(), t, configure(t, "UPSTREAM=https://"+l.Addr().String(), "REQUIRE_OWNER=true"), nil, nil)
	if n := <-got; n != 0 {
		t.Errorf("the stranger got %d bytes", n)
	}
	wantFailure(t, err, 502)
}

// Each could be the one that the kernel gives a connection to.
func TestCloseness(t *testing.T) {
	tests := []struct {
		listener, to string
		want         int
	}{
		{"127.0.0.1:80", "127.0.0.1:80", 3},
		{"[::ffff:127.0.0.1]:80", "127.0.0.1:80", 3},
		{"[::1]:80", "[::1]:80", 3},
		{"0.0.0.0:80", "127.0.0.1:80", 2},
		{"[::]:80", "[::1]:80", 2},
		{"[::]:80", "127.0.0.1:80", 1},
		{"0.0.0.0:80", "[::1]:80", 0},
		{"127.0.0.1:81", "127.0.0.1:80", 0},
		{"127.0.0.2:80", "127.0.0.1:80", 0},
		{"[::1]:80", "127.0.0.1:80", 0},
	}
	for _, tt := range tests {
		if got := closeness(netip.MustParseAddrPort(tt.listener), netip.MustParseAddrPort(tt.to)); got != tt.want {
			t.Errorf("listener on %s for a connection to %s: got %d, want %d", tt.listener, tt.to, got, tt.want)
		}
	}
}

// Where nobody can tell whose the listener is, nothing is sent.
func TestOwnerUnknown(t *testing.T) {
	if _, err := tcpListener(netip.MustParseAddrPort("127.0.0.1:1")); err == nil {
		t.Error("nobody listens on port 1, and yet it has an owner")
	}
}

// A stranger may have taken the connection, and left the port to the app before
// anybody could look who listens.
func TestOwnerChanges(t *testing.T) {
	mine := testkit.Listen(t, "tcp", "127.0.0.1:0")
	address := mine.Addr().String()
	mine.Close()
	squatter := testkit.ListenAs(t, stranger, "tcp", address)
	dials := 0
	conn, err := dialOwn("tcp", address, func(address string) (net.Conn, error) {
		dials++
		conn, err := net.Dial("tcp", address)
		if dials == 1 {
			taken, acceptErr := squatter.Accept()
			if acceptErr != nil {
				t.Fatal(acceptErr)
			}
			t.Cleanup(func() { taken.Close() })
			squatter.Close()
			mine = testkit.Listen(t, "tcp", address)
		}
		return conn, err
	})
	defer mine.Close()
	if err != nil {
		t.Fatalf("the app is there now, and yet: %v", err)
	}
	defer conn.Close()
	got, err := mine.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if dials != 2 || got.RemoteAddr().String() != conn.LocalAddr().String() {
		t.Errorf("after %d connections the one from %v is used, want the second, which the app has from %v", dials, conn.LocalAddr(), got.RemoteAddr())
	}
}

// A listener that is another one each time belongs to nobody.
func TestOwnerUnsettled(t *testing.T) {
	l := testkit.Listen(t, "tcp", "127.0.0.1:0")
	address := l.Addr().String()
	_, err := dialOwn("tcp", address, func(address string) (net.Conn, error) {
		conn, err := net.Dial("tcp", address)
		l.Close()
		l = testkit.Listen(t, "tcp", address)
		return conn, err
	})
	l.Close()
	testkit.WantError(t, err, "the listener changed while we connected")
}

// A name is one of this machine's addresses.
func TestOwnerOfName(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	l := testkit.Listen(t, "tcp", ":0")
	app := testkit.ServeApp(t, l, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, testkit.NoBody)
	})
	if _, err := net.LookupHost(name); err != nil {
		t.Skipf("this machine does not know its own name: %v", err)
	}
	resp, err := roundTrip(t.Context(), t, configure(t, "UPSTREAM="+name+":"+portOf(t, app.Addr()), "REQUIRE_OWNER=true"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// While a stranger has the port on one loopback address, the app may be on the
// other; while it is on neither, the stranger is what the owner has to know of.
func TestOwnerLoopback(t *testing.T) {
	squatter := testkit.ListenAs(t, stranger, "tcp", "127.0.0.1:0")
	defer squatter.Close()
	port := portOf(t, squatter.Addr())
	cfg := configure(t, "UPSTREAM="+port, "REQUIRE_OWNER=true")
	_, err := roundTrip(t.Context(), t, cfg, nil, nil)
	wantFailure(t, err, 502)
	testkit.WantText(t, explained(err), "belongs to user 65534")

	six, err := net.Listen("tcp", "[::1]:"+port)
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	testkit.ServeApp(t, six, func(conn net.Conn) {
		testkit.ReadHead(conn)
		io.WriteString(conn, testkit.NoBody)
	})
	resp, err := roundTrip(t.Context(), t, cfg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
