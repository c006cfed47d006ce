package upstream

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// listenFull listens as an app that has no room for another connection.
func listenFull(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l := testkit.Listen(t, network, address)
	t.Cleanup(func() { l.Close() })
	var err error
	controlErr := descriptor.Control(l.(syscall.Conn), func(fd int) { err = unix.Listen(fd, 0) })
	for err = errors.Join(controlErr, err); err == nil; {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		var conn net.Conn
		if conn, _, err = dialLocal(ctx, network, l.Addr().String()); err == nil {
			t.Cleanup(func() { conn.Close() })
		}
		cancel()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return l
}

func eachLocal(t *testing.T, test func(t *testing.T, l net.Listener)) {
	t.Run("TCP", func(t *testing.T) { test(t, listenFull(t, "tcp", "127.0.0.1:0")) })
	t.Run("unix", func(t *testing.T) { test(t, listenFull(t, "unix", filepath.Join(t.TempDir(), "app.sock"))) })
}

// While an app is busy a thread for each waiting client would be more than hosts
// allow, and that ends a FastCGI process. A client who leaves waits no longer.
func TestDialFullBacklog(t *testing.T) {
	const clients = 100
	eachLocal(t, func(t *testing.T, l net.Listener) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		threadsBefore, descriptorsBefore := threads(t), descriptors(t)
		ended := make(chan error, clients)
		for range clients {
			go func() {
				conn, _, err := dialLocal(ctx, l.Addr().Network(), l.Addr().String())
				if err == nil {
					conn.Close()
				}
				ended <- err
			}()
		}
		for descriptors(t) < descriptorsBefore+clients {
			time.Sleep(time.Millisecond)
		}
		if more := threads(t) - threadsBefore; more > clients/2 {
			t.Errorf("%d clients that wait took %d threads", clients, more)
		}
		leave()
		for range clients {
			select {
			case err := <-ended:
				if err != context.Canceled {
					t.Fatalf("got error %v, want %v", err, context.Canceled)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("a client who has left still waits")
			}
		}
	})
}

// One who waits gets a connection as soon as the app has room.
func TestDialRoom(t *testing.T) {
	eachLocal(t, func(t *testing.T, l net.Listener) {
		testkit.ServeApp(t, l, func(conn net.Conn) { conn.Write([]byte("hi")) })
		conn, _, err := dialLocal(t.Context(), l.Addr().Network(), l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		got := make([]byte, 2)
		if n, err := conn.Read(got); string(got[:n]) != "hi" {
			t.Errorf("got %q, %v", got[:n], err)
		}
	})
}

func threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nThreads:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
