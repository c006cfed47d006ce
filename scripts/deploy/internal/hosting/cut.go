//go:build linux

package hosting

import (
	"bufio"
	"io"
	"net"
	"sync"
	"testing"
)

// A Cut is between a client and an FTP server, and breaks the connection off at
// one of the client's commands.
type Cut struct {
	Addr string

	server    string
	encrypted bool
	mu        sync.Mutex
	commands  int  // so far
	at        int  // the command to break off at, 0 for none
	before    bool // the server gets it no more, or its reply gets lost
	forGood   bool // nor does it take another connection
	bytes     int64
	onCommand func(line string)
}

// NewCut puts itself before a server.
func NewCut(t testing.TB, s *Server) *Cut {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c := &Cut{Addr: l.Addr().String(), server: s.Addr, encrypted: s.Scheme != "ftp"}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c
}

// Set says where to break off from now on, and begins to count.
func (c *Cut) Set(at int, before, forGood bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands, c.at, c.before, c.forGood = 0, at, before, forGood
}

// SetBytes has the next connection break off when the client has sent so much: what
// is said is encrypted.
func (c *Cut) SetBytes(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes = n
}

// serveBytes serves a connection until so much is sent, 0 is to its end.
func serveBytes(client, server net.Conn, n int64) {
	go func() {
		io.Copy(client, server)
		client.Close()
	}()
	if n == 0 {
		io.Copy(server, client)
	} else {
		io.CopyN(server, client, n)
	}
}

// Commands returns how many there were since Set.
func (c *Cut) Commands() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commands
}

// OnCommand has f see each command before the server does, nil nobody.
func (c *Cut) OnCommand(f func(line string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onCommand = f
}

// next counts a command, and reports whether this is the one.
func (c *Cut) next(line string) (cut, before bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands++
	if c.onCommand != nil {
		c.onCommand(line)
	}
	return c.commands == c.at, c.before
}

func (c *Cut) isDown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forGood && c.at > 0 && c.commands >= c.at
}

func (c *Cut) serve(client net.Conn) {
	defer client.Close()
	if c.isDown() {
		return
	}
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	c.mu.Lock()
	n := c.bytes
	c.bytes = 0
	c.mu.Unlock()
	if c.encrypted {
		serveBytes(client, server, n)
		return
	}
	replies := bufio.NewReader(server)
	silent := make(chan struct{})
	go func() {
		for {
			line, err := replies.ReadString('\n')
			select {
			case <-silent: // the reply is there, and gets lost
				client.Close()
				return
			default:
			}
			if err != nil {
				client.Close()
				return
			}
			io.WriteString(client, line)
		}
	}()
	commands := bufio.NewReader(client)
	for {
		line, err := commands.ReadString('\n')
		if err != nil {
			return
		}
		cut, before := c.next(line)
		if cut && before {
			return
		}
		if cut {
			close(silent)
		}
		io.WriteString(server, line)
		if cut {
			io.Copy(io.Discard, client) // until the reply has come
			return
		}
	}
}
