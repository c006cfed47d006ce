package descriptor

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// ConnectionOwner returns the user whose socket has the end local of a TCP
// connection within this machine. It is none where the kernel keeps no socket for
// it, as for one that waits behind a full backlog (SYN cookies).
//
// While the app has not accepted it, the user is the listener's, and in older
// kernels 0, as for each socket that no process holds. One that somebody has
// connected himself has his user from the start.
func ConnectionOwner(local, remote netip.AddrPort) (uid int, ok bool, err error) {
	if state, uid, err := askConnection(local, remote); err == nil && state != 0 && state != unix.BPF_TCP_LISTEN {
		return uid, true, nil
	}
	return listedOwner(local, remote)
}

// listedOwner reads the whole tables, some ten milliseconds on a busy machine
// where sock_diag(7) takes as many microseconds. But some kernels and containers are
// without that, and it passes over a socket that is bound to another device than
// it was asked about.
func listedOwner(local, remote netip.AddrPort) (uid int, ok bool, err error) {
	err = eachTable(func(table string) error {
		return eachSocket(table, func(s tcpSocket) bool {
			if s.local == local && s.remote == remote {
				uid, ok = s.uid, true
			}
			return !ok
		})
	})
	return uid, ok, err
}
