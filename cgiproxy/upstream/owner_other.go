//go:build !linux && !freebsd && !darwin

package upstream

import (
	"errors"
	"net/netip"
)

var errNoOwner = errors.New("whose listener it is cannot be found out on this system")

func unixListenerOwner(int) (int, error) { return 0, errNoOwner }

func tcpTaker(_, _ netip.AddrPort) (listener, error) { return listener{}, errNoOwner }

func tcpListener(netip.AddrPort) (listener, error) { return listener{}, errNoOwner }
