package e2e

import (
	"context"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/scripts/demo/cgihost"
)

// The web servers written in Go: net/http/cgi as it is, and the one behind
// `make run`.
const (
	goCGI webserver.Kind = "go-net-http-cgi"
	demo  webserver.Kind = "demo-cgihost"
)

// newGoSite starts a server of its own for a site, at the document root.
func newGoSite(t *testing.T, kind webserver.Kind, settings string) site {
	t.Helper()
	folder := t.TempDir()
	script := filepath.Join(folder, "proxy.cgi")
	if err := os.Link(binary, script); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ".htcgiproxy"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := new(lockedLog)
	if kind == demo {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- cgihost.Serve(ctx, l, cgihost.Script{Path: script, Stderr: log}) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	} else {
		srv := &http.Server{Handler: &cgi.Handler{Path: script, Dir: folder, Stderr: log}}
		go srv.Serve(l)
		t.Cleanup(func() { srv.Close() })
	}
	addr := l.Addr().String()
	return site{&webserver.Server{Kind: kind, Addr: addr, URL: "http://" + addr, Root: folder}, "", log.String}
}

// A lockedLog is an error log in memory.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
