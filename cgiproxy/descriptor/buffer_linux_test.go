package descriptor

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A script's stdout is a pipe under mod_cgi and a socket under mod_cgid.
func TestGrowBuffer(t *testing.T) {
	const size = 1 << 20
	t.Run("pipe", func(t *testing.T) {
		out, stdout, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		defer stdout.Close()
		GrowBuffer(int(stdout.Fd()), size)
		if got, err := unix.FcntlInt(stdout.Fd(), unix.F_GETPIPE_SZ, 0); got != size {
			t.Errorf("room for %d bytes, error %v, want %d", got, err, size)
		}
	})
	t.Run("socket", func(t *testing.T) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		stdout := os.NewFile(uintptr(pair[0]), "stdout")
		defer stdout.Close()
		defer unix.Close(pair[1])
		room := func() int {
			n, err := unix.GetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUF)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := room()
		GrowBuffer(int(stdout.Fd()), size)
		if after := room(); after <= before {
			t.Errorf("room for %d bytes, %d before, want more", after, before)
		}
	})
}
