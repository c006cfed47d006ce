package remote

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// dial connects. Where nobody was there yet, there is nothing to wait for: only
// a connection that there was comes back.
func (t *Target) dial() (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", t.Host, ioTime)
	if err == nil {
		t.met = true
		return conn, nil
	}
	if absent := Absent(t.Host, err); absent != nil && !t.met {
		return nil, absent
	}
	return nil, broken(err)
}

// Absent returns what to say of an error that tells for certain that nobody is at
// an address, nil where it does not.
func Absent(address string, err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return fmt.Errorf("there is no host %s: is it spelled right?", dns.Name)
	}
	const windows = syscall.Errno(10061) // WSAECONNREFUSED, which ECONNREFUSED is not there
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, windows) {
		return fmt.Errorf("nobody listens at %s: is that the host, and its port?", address)
	}
	return nil
}
