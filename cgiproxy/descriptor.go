package cgiproxy

import (
	"errors"
	"net"
	"syscall"
)

// control calls do with the descriptor of a connection or file. An error means
// that it was not called.
func control(of any, do func(fd int)) error {
	for { // down to the socket below TLS
		upper, ok := of.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		of = upper.NetConn()
	}
	conn, ok := of.(syscall.Conn)
	if !ok {
		return errors.New("a connection without a descriptor")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { do(int(fd)) })
}
