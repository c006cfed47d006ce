//go:build linux || freebsd

package testkit

import (
	"net"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// As calls open as another user: the kernel notes the user of the thread that
// opens a socket.
func As(t testing.TB, uid int, open func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	runtime.LockOSThread() // and let go of only when it is ours again
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
		t.Fatal(errno)
	}
	open()
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), 0, ^uintptr(0)); errno != 0 {
		t.Fatal(errno)
	}
	runtime.UnlockOSThread()
}

// ListenAs listens as another user.
func ListenAs(t testing.TB, uid int, network, address string) net.Listener {
	t.Helper()
	var l net.Listener
	var err error
	As(t, uid, func() { l, err = net.Listen(network, address) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
