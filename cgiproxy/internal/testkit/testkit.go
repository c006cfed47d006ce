// Package testkit holds what the tests of several packages need: texts and
// files, and apps that do as they are told.
package testkit

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Files and folders of tests are made as README tells, whoever runs them: what
// others may write to is refused.
func init() { syscall.Umask(0o022) }

// NoBody is a response without a body.
const NoBody = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// WantText checks that each part occurs in text.
func WantText(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("got %q, want %q in it", text, part)
		}
	}
}

// WantError checks that an error says want, or that there is none where that is
// empty.
func WantError(t testing.TB, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want %q", err, want)
	}
}

// WriteFile writes a file that only its owner may read, and returns its path.
func WriteFile(t testing.TB, folder, name, text string) string {
	t.Helper()
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Listen is net.Listen.
func Listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// An App is a listener whose every connection is handled by a test.
type App struct{ net.Listener }

// StartApp handles each connection to a listener on the loopback interface, and
// closes it after that.
func StartApp(t testing.TB, handle func(net.Conn)) *App {
	t.Helper()
	return ServeApp(t, Listen(t, "tcp", "127.0.0.1:0"), handle)
}

// ServeApp is StartApp with a listener of the test's.
func ServeApp(t testing.TB, l net.Listener, handle func(net.Conn)) *App {
	t.Helper()
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return &App{l}
}

// Upstream returns the setting that leads to the app.
func (a *App) Upstream() string {
	if a.Addr().Network() == "unix" {
		return "UPSTREAM=unix:" + a.Addr().String()
	}
	return "UPSTREAM=" + a.Addr().String()
}

// ReadHead reads up to the end of a header section, and no further.
func ReadHead(r io.Reader) (string, error) {
	var head []byte
	b := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := io.ReadFull(r, b); err != nil {
			return string(head), err
		}
		head = append(head, b[0])
	}
	return string(head), nil
}
