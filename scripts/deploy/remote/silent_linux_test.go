package remote

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/internal/hosting"
)

// A hole is a way on which, from a moment on, nothing gets through any more.
type hole struct {
	io.Writer
	open *atomic.Bool
}

func (h hole) Write(b []byte) (int, error) {
	if h.open.Load() {
		return len(b), nil
	}
	return h.Writer.Write(b)
}

// withHole is the way to a server.
func withHole(t *testing.T, server string) (addr string, open *atomic.Bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	open = &atomic.Bool{}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				continue
			}
			go func() { io.Copy(hole{far, open}, near); far.Close() }()
			go func() { io.Copy(hole{near, open}, far); near.Close() }()
		}
	}()
	return l.Addr().String(), open
}

// TestSilent has an SSH connection on which nothing comes any more, and that nobody
// ends: it counts as broken off. One that nobody has used for a while does not.
func TestSilent(t *testing.T) {
	SetRetryPause(t, 0)
	before := ioTime
	ioTime = 2 * time.Second
	t.Cleanup(func() { ioTime = before })
	a := hosting.NewAccount(t)
	s := hosting.Start(t, hosting.SSH, a)
	addr, open := withHole(t, s.Addr)
	known, err := os.ReadFile(s.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	setKnownHosts(t, bytes.ReplaceAll(known, port(s.Addr), port(addr)))
	tried := 0
	h, err := (&Target{Scheme: s.Scheme, Host: addr, User: a.Name}).Open(a.Password, func(string, ...any) { tried++ })
	if err != nil {
		t.Fatal(err)
	}
	tried = 0
	time.Sleep(2 * ioTime)
	if _, err := h.List("."); err != nil || tried > 0 {
		t.Errorf("after a while: %v, tried again %d times", err, tried)
	}
	open.Store(true)
	ended := make(chan error, 1)
	go func() { _, err := h.List("."); ended <- err }()
	select {
	case err := <-ended:
		if !IsBroken(err) || tried != attempts-1 {
			t.Errorf("%v, tried again %d times", err, tried)
		}
		h.Close()
	case <-time.After(20 * ioTime):
		t.Fatal("it waits for good")
	}
}

// TestSlowReader uploads to who reads nothing: what is taken for sent is little.
func TestSlowReader(t *testing.T) {
	before := ioTime
	t.Cleanup(func() { ioTime = before })
	h, err := (&scriptedServer{}).start(t, "ftp")
	if err != nil {
		t.Fatal(err)
	}
	ioTime = 300 * time.Millisecond
	sent, most := 0, 0
	err = h.Write("x", make([]byte, 16<<20), 0o644, func(n int) { sent += n; most = max(most, sent) })
	if !IsBroken(err) || most > 2<<20 {
		t.Errorf("%v; %d bytes are sent", err, most)
	}
}

// port is what a list of known hosts has of an address.
func port(addr string) []byte {
	_, port, _ := net.SplitHostPort(addr)
	return []byte(port)
}
