package upstream

import (
	"context"
	"io"
	"net"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// While the app is down at its first address, a stranger at the second gets
// nothing, and the first is tried again.
func TestStrangerAtSecondAddress(t *testing.T) {
	for _, tt := range []struct {
		name string
		vars []string
	}{
		{"no REQUIRE_OWNER", nil},
		{"REQUIRE_OWNER", []string{"REQUIRE_OWNER=true"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := testkit.Listen(t, "tcp", "127.0.0.1:0")
			first, port := l.Addr().String(), portOf(t, l.Addr())
			l.Close()
			second := "[::1]:" + port
			if six, err := net.Listen("tcp", second); err != nil {
				t.Skipf("no IPv6 here: %v", err)
			} else {
				six.Close()
			}
			got := make(chan string, 2)
			testkit.ServeApp(t, testkit.ListenAs(t, stranger, "tcp", second), func(conn net.Conn) {
				b := make([]byte, 1000)
				n, _ := conn.Read(b)
				got <- string(b[:n])
			})
			vars := append(tt.vars, "UPSTREAM="+port)
			_, err := roundTrip(t.Context(), t, configure(t, vars...), nil, nil)
			wantFailure(t, err, 502)
			testkit.WantText(t, explained(err), "connection refused, and at "+second+" the socket there belongs to user 65534")

			tr := &Transport{Config: configure(t, append(vars, "CONNECT_RETRY=10s")...)}
			back := false
			tr.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if address == second && !back { // from now on the app is back
					back = true
					testkit.ServeApp(t, testkit.Listen(t, "tcp", first), func(conn net.Conn) {
						testkit.ReadHead(conn)
						io.WriteString(conn, testkit.NoBody)
					})
				}
				return Dial(ctx, network, address)
			}
			resp, err := tr.RoundTrip(newRequest(tr.Config))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			for range 2 {
				if text := <-got; text != "" {
					t.Errorf("the stranger got %q", text)
				}
			}
		})
	}
}

// At the second address there may be our listener, root's, or one of which
// nobody can tell whose it is; not one that another has replaced meanwhile.
func TestDialNoStranger(t *testing.T) {
	l := testkit.Listen(t, "tcp", "127.0.0.1:0")
	address := l.Addr().String()
	dial := func(address string) (net.Conn, error) { return net.Dial("tcp", address) }
	pipe, other := net.Pipe()
	t.Cleanup(func() { pipe.Close(); other.Close() })
	for _, tt := range []struct {
		name string
		dial func(address string) (net.Conn, error)
		at   string
		want string
	}{
		{"ours", dial, address, ""},
		{"nobody can tell", func(string) (net.Conn, error) { return pipe, nil }, "127.0.0.1:1", ""},
		{"gone meanwhile", func(address string) (net.Conn, error) {
			conn, err := dial(address)
			l.Close()
			return conn, err
		}, address, "changed"},
		{"there for a moment, and accepts nobody", func(address string) (net.Conn, error) {
			l, err := net.Listen("tcp", address)
			if err != nil {
				return nil, err
			}
			defer l.Close()
			return dial(address)
		}, address, "changed"},
		{"there for a moment only", func(address string) (net.Conn, error) {
			l, err := net.Listen("tcp", address)
			if err != nil {
				return nil, err
			}
			defer l.Close()
			conn, err := dial(address)
			if err == nil {
				accepted, _ := l.Accept()
				t.Cleanup(func() { accepted.Close() })
			}
			return conn, err
		}, address, "changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := dialNoStranger(tt.at, tt.dial)
			testkit.WantError(t, err, tt.want)
			if err == nil {
				conn.Close()
			}
		})
	}
}
