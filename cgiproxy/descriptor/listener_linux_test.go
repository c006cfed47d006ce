package descriptor

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A table that cannot be read is an error: nobody is taken for an owner by mistake.
func TestListenersUnknown(t *testing.T) {
	for _, table := range []struct{ name, text, want string }{
		{"no such file", "", "no such file"},
		{"another format", "x\n 0: 0100007F:198F\n", "cannot read"},
		{"a bad address", "x\n 0: 0100007:198F 00000000:0000 0A 0:0 0:0 0 1000 0 1\n", "address"},
		{"a bad user", "x\n 0: 0100007F:198F 00000000:0000 0A 0:0 0:0 0 me 0 1\n", "me"},
		{"a bad inode", "x\n 0: 0100007F:198F 00000000:0000 0A 0:0 0:0 0 1000 0 x\n", "x"},
	} {
		t.Run(table.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tcp")
			if table.text != "" {
				path = testkit.WriteFile(t, t.TempDir(), "tcp", table.text)
			}
			testkit.WantError(t, eachListener(path, func(Listener) {}), table.want)
		})
	}
}

func TestEachListener(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("no %s here: %v", address, err)
			continue
		}
		defer l.Close()
		found := 0
		if err := EachListener(func(listener Listener) {
			if listener.At.String() == l.Addr().String() {
				found++
				if listener.UID != os.Geteuid() || listener.Inode == 0 {
					t.Errorf("got %+v, want user %d and an inode", listener, os.Geteuid())
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		if found != 1 {
			t.Errorf("%v is found %d times, want once", l.Addr(), found)
		}
	}
}
