package descriptor

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// The tables tell what sock_diag(7) does.
func TestConnectionOwner(t *testing.T) {
	const other = 65534
	ways := map[string]func(local, remote netip.AddrPort) (uid int, ok bool, err error){
		"sock_diag": func(local, remote netip.AddrPort) (int, bool, error) {
			state, uid, _ := askConnection(local, remote)
			return uid, state != 0 && state != unix.BPF_TCP_LISTEN, nil
		},
		"tables": listedOwner,
		"either": ConnectionOwner,
	}
	for _, tt := range []struct{ name, address, device string }{
		{"IPv4", "127.0.0.1", ""},
		{"IPv4, bound to the device", "127.0.0.1", "lo"},
		{"IPv6", "::1", ""},
		{"IPv6, bound to the device", "::1", "lo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app, err := net.Listen("tcp", net.JoinHostPort(tt.address, "0"))
			if err != nil && tt.address == "::1" {
				t.Skipf("no IPv6 here: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer app.Close()
			at := netip.MustParseAddrPort(app.Addr().String())
			var conn net.Conn
			testkit.As(t, other, func() { conn, err = net.Dial("tcp", at.String()) })
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := Control(conn, func(fd int) { err = unix.BindToDevice(fd, tt.device) }); err != nil {
				t.Fatal(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			from := netip.MustParseAddrPort(conn.LocalAddr().String())
			accepted, err := app.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer accepted.Close()
			if state, _, _ := askConnection(at, from); state == 0 {
				t.Log("this kernel does not tell the state of a connection (CONFIG_INET_DIAG)")
				delete(ways, "sock_diag")
			}
			nobody := netip.AddrPortFrom(from.Addr(), 1)
			for way, owner := range ways {
				for _, end := range []struct {
					name          string
					local, remote netip.AddrPort
					uid           int
					ok            bool
				}{
					{"the app's", at, from, os.Geteuid(), true},
					{"the other user's", from, at, other, true},
					{"nobody's, where the app listens", at, nobody, 0, false},
					{"nobody's", nobody, at, 0, false},
				} {
					if uid, ok, err := owner(end.local, end.remote); ok != end.ok || ok && uid != end.uid || err != nil {
						t.Errorf("%s, %s: got user %d, %t, error %v; want user %d, %t", way, end.name, uid, ok, err, end.uid, end.ok)
					}
				}
			}
		})
	}
}
