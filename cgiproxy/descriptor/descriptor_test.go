package descriptor

import (
	"io"
	"net"
	"os"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestHungUpPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if HungUp(int(w.Fd())) {
		t.Error("a pipe with a reader is hung up")
	}
	r.Close()
	if !HungUp(int(w.Fd())) {
		t.Error("a pipe without reader is not hung up")
	}
}

// mod_cgid gives the script one socket for both directions.
func TestHungUpSocket(t *testing.T) {
	path := t.TempDir() + "/socket"
	l := testkit.Listen(t, "unix", path)
	defer l.Close()
	server, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	script, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer script.Close()
	f, err := script.(*net.UnixConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	if HungUp(int(f.Fd())) {
		t.Error("an open socket is hung up")
	}
	server.(*net.UnixConn).CloseWrite()
	if _, err := script.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("got %v, want the end of the body", err)
	}
	if HungUp(int(f.Fd())) {
		t.Error("a socket whose other end has sent its last byte is hung up")
	}
	server.Close()
	if !HungUp(int(f.Fd())) {
		t.Error("a closed socket is not hung up")
	}
}
