package descriptor

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
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

// The kernel's answer and the tables tell the same.
func TestEachListener(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("no %s here: %v", address, err)
			continue
		}
		defer l.Close()
		asked, err1 := askListeners()
		var listed []Listener
		err2 := eachTable(func(table string) error {
			return eachListener(table, func(found Listener) { listed = append(listed, found) })
		})
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		other := func(found Listener) bool { return found.At.String() != l.Addr().String() }
		asked, listed = slices.DeleteFunc(asked, other), slices.DeleteFunc(listed, other)
		if len(asked) != 1 || !slices.Equal(asked, listed) || asked[0].UID != os.Geteuid() || asked[0].Inode == 0 {
			t.Errorf("%v: asked %+v, listed %+v, want the same one of user %d", l.Addr(), asked, listed, os.Geteuid())
		}
	}
}
