// An app that takes nothing on trust: it is how the tests of request smuggling
// see what proxy.cgi sends.

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A strictApp reads each byte of its connections and keeps what it gets. What
// two apps could read in two ways is a fault, and so is what comes after a
// request that says it is the last.
type strictApp struct {
	addr    string
	respond func(conn net.Conn, r received, number int)

	mu       sync.Mutex
	requests []received // the number of each is its place, from 1
	faults   []string
	closing  sync.WaitGroup // connections that have had their last request
}

// newStrictApp starts an app that gives each whole request to respond, with its
// number. A connection is kept for more requests if proxy.cgi keeps it.
func newStrictApp(t *testing.T, respond func(conn net.Conn, r received, number int)) *strictApp {
	t.Helper()
	a := &strictApp{respond: respond}
	a.addr = newApp(t, a.serve)
	return a
}

// tellNumber answers a request with its number.
func tellNumber(conn net.Conn, _ received, number int) {
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nX-Number: %d\r\nContent-Length: 2\r\n\r\nok", number)
}

func (a *strictApp) serve(conn net.Conn) {
	in := &singleBytes{Conn: conn, r: bufio.NewReader(conn)}
	for {
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := in.r.Peek(1); err != nil {
			return
		}
		r := readRequest(in)
		last := slices.Equal(r.header["Connection"], []string{"close"})
		if last {
			a.closing.Add(1)
			defer a.closing.Done()
		}
		number := a.record(r)
		if r.err != nil {
			return
		}
		a.respond(conn, r, number)
		if !last {
			continue
		}
		if surplus, _ := io.ReadAll(in.r); len(surplus) > 0 {
			a.fault("after the request %q came %d bytes more: %.300q", r.line, len(surplus), surplus)
		}
		return
	}
}

func (a *strictApp) record(r received) (number int) {
	if err := checkWire(r); err != nil {
		a.fault("the request %q: %v; fields %.500q", r.line, err, r.lines)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, r)
	return len(a.requests)
}

// since returns the requests but for the first n.
func (a *strictApp) since(n int) []received {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests[n:])
}

func (a *strictApp) fault(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, fmt.Sprintf(format, args...))
}

// check reports the faults so far, once the connections that have had their
// last request have ended.
func (a *strictApp) check(t *testing.T) {
	t.Helper()
	a.closing.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, fault := range a.faults {
		t.Error(fault)
	}
	a.faults = nil
}

// isCut reports whether a request's body ended early: its connection was
// closed, so that nobody takes it for whole.
func isCut(r received) bool {
	return r.header != nil && (errors.Is(r.err, io.EOF) || errors.Is(r.err, io.ErrUnexpectedEOF) || errors.Is(r.err, syscall.ECONNRESET))
}

// checkWire finds what another app might read otherwise than readRequest.
func checkWire(r received) error {
	if r.err != nil && !isCut(r) {
		return r.err
	}
	if parts := strings.Split(r.line, " "); len(parts) != 3 || parts[2] != "HTTP/1.1" || strings.ContainsFunc(r.line, isControl) {
		return errors.New("not a request line")
	}
	seen := map[string]bool{}
	for _, line := range r.lines {
		name, value, ok := strings.Cut(line, ": ")
		if !ok || strings.Trim(name, tokenBytes) != "" || strings.ContainsFunc(value, isControl) {
			return fmt.Errorf("field line %q", line)
		}
		// Apps in Python, Ruby or PHP read X-A and X_A as one.
		name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if seen[name] {
			return fmt.Errorf("the field %q comes twice", name)
		}
		seen[name] = true
	}
	if !seen["host"] {
		return errors.New("no Host")
	}
	return nil
}

// tokenBytes may stand in a field name (RFC 9110, section 5.6.2).
const tokenBytes = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// singleBytes gives its reader one byte at a time, so that none is read that
// belongs to what follows.
type singleBytes struct {
	net.Conn
	r *bufio.Reader
}

func (c *singleBytes) Read(p []byte) (int, error) { return c.r.Read(p[:min(1, len(p))]) }
