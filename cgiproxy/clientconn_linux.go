package cgiproxy

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
)

// ClientGone returns a function that reports whether the client has closed its
// connection to the web server. Apache does not look while a script is silent,
// so the kernel is asked (sock_diag(7)), which any user may. A client that has
// only ended its own side counts as gone, as for nginx.
//
// The function never reports it where the connection is unknown: behind another
// proxy, in a container, or on another system than Linux.
func ClientGone(env Environ) func() bool {
	if c := newClientConnection(env); c != nil {
		return c.gone
	}
	return func() bool { return false }
}

// confirmsPort reports whether SERVER_PORT is the port that the client has
// connected to. It may be of its choice: see searchLook.
func confirmsPort(env Environ) bool {
	c := newClientConnection(env)
	if c == nil {
		return false
	}
	state, err := descriptor.TCPState(c.local, c.remote)
	return err == nil && isClients(state)
}

// A clientConnection is the client's connection to the web server.
type clientConnection struct {
	mu            sync.Mutex
	local, remote netip.AddrPort
	looks         int
	seen          bool
}

// newClientConnection returns nil where the variables do not tell the ends.
func newClientConnection(env Environ) *clientConnection {
	client, err1 := netip.ParseAddr(env["REMOTE_ADDR"])
	port, err2 := strconv.ParseUint(env["REMOTE_PORT"], 10, 16)
	server, err3 := netip.ParseAddr(strings.Trim(env["SERVER_ADDR"], "[]"))
	if err1 != nil || err2 != nil || err3 != nil || port == 0 { // lighttpd's mod_extforward does not know the port
		return nil
	}
	serverPort, _ := strconv.ParseUint(env["SERVER_PORT"], 10, 16)
	return &clientConnection{
		local:  netip.AddrPortFrom(server.Unmap(), uint16(serverPort)),
		remote: netip.AddrPortFrom(client.Unmap(), uint16(port)),
	}
}

// searchLook is the look that searches for the local port. SERVER_PORT need not
// be it: under Apache's UseCanonicalName Off it is the one in Host, which the
// client chooses, and behind a mapped port another one anyway. The search walks
// all connections of the machine, some milliseconds where one look takes ten
// microseconds, so it is left to requests that last some milliseconds, and done once.
const searchLook = 2

func (c *clientConnection) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	state, err := descriptor.TCPState(c.local, c.remote)
	if err == nil && c.looks == searchLook && !c.seen && !isClients(state) {
		c.local, state, err = descriptor.FindConnection(c.local.Addr(), c.remote, clientStates)
	}
	if err != nil {
		return false // no descriptor is left to ask by: nobody knows
	}
	if !isClients(state) { // no such connection, or the listening socket in its place
		return c.seen
	}
	c.seen = true
	return state != unix.BPF_TCP_ESTABLISHED
}

// isClients reports whether a connection in this state has not been closed by
// the web server.
func isClients(state uint8) bool { return 1<<state&clientStates != 0 }

const clientStates = 1<<unix.BPF_TCP_ESTABLISHED | 1<<unix.BPF_TCP_CLOSE_WAIT | 1<<unix.BPF_TCP_LAST_ACK
