package main

// A FastCGI client that can ask once (FastCGI 1.0, section 3.3).

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	fcgiBegin  = 1
	fcgiEnd    = 3
	fcgiParams = 4
	fcgiStdin  = 5
	fcgiStdout = 6
)

// askFastCGI starts the program as mod_fcgid does, with a listening socket as
// descriptor 0, and returns its response to one request.
func askFastCGI(t *testing.T, p *program, r request) string {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "socket"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	process, err := os.StartProcess(p.path, []string{p.path}, &os.ProcAttr{
		Dir:   filepath.Dir(p.path),
		Env:   p.env,
		Files: []*os.File{socket, os.Stderr, os.Stderr},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer process.Wait()
	defer process.Kill()

	conn, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	record(&out, fcgiBegin, []byte{0, 1, 0, 0, 0, 0, 0, 0}) // a responder
	record(&out, fcgiParams, params(r.environment(p)))
	record(&out, fcgiParams, nil)
	record(&out, fcgiStdin, nil)
	if _, err := conn.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
	response, err := readRecords(conn)
	if err != nil {
		t.Fatalf("after %q: %v", response, err)
	}
	return response
}

func record(out *bytes.Buffer, kind byte, content []byte) {
	out.Write([]byte{1, kind, 0, 1, byte(len(content) >> 8), byte(len(content)), 0, 0})
	out.Write(content)
}

// params encodes variables, all lengths in four bytes.
func params(vars []string) (b []byte) {
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		b = binary.BigEndian.AppendUint32(b, uint32(len(name))|1<<31)
		b = binary.BigEndian.AppendUint32(b, uint32(len(value))|1<<31)
		b = append(b, name+value...)
	}
	return b
}

// readRecords returns what was written to stdout until the request's end.
func readRecords(r io.Reader) (string, error) {
	var stdout strings.Builder
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return stdout.String(), err
		}
		content := make([]byte, int(head[4])<<8|int(head[5])+int(head[6]))
		if _, err := io.ReadFull(r, content); err != nil {
			return stdout.String(), err
		}
		switch head[1] {
		case fcgiStdout:
			stdout.Write(content[:len(content)-int(head[6])])
		case fcgiEnd:
			return stdout.String(), nil
		}
	}
}
