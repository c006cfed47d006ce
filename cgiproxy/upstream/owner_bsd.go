//go:build freebsd || darwin

package upstream

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// unixListenerOwner returns who called listen(2) (unix(4), LOCAL_PEERCRED).
func unixListenerOwner(fd int) (int, error) {
	const solLocal = 0
	cred, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, fmt.Errorf("LOCAL_PEERCRED: %w", err)
	}
	return int(cred.Uid), nil
}

func tcpTaker(at, _ netip.AddrPort) (listener, error) { return tcpListener(at) }

func tcpListener(netip.AddrPort) (listener, error) {
	return listener{}, errors.New("whose listener a TCP port is cannot be found out on this system: let the app listen on a unix socket")
}
