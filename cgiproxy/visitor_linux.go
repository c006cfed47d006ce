package cgiproxy

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// visitorConnection returns a function that reports whether the visitor has
// closed his connection to the web server. Apache does not look while a script
// is silent, so the kernel is asked (sock_diag(7)), which any user may. A
// visitor who has only ended his own side counts as gone, as for nginx.
//
// The function never reports it where the connection is unknown: behind
// another proxy, or in a container.
func visitorConnection(env Environ) func() bool {
	visitor, err1 := addrPort(env["REMOTE_ADDR"], env["REMOTE_PORT"])
	server, err2 := addrPort(env["SERVER_ADDR"], env["SERVER_PORT"])
	if err1 != nil || err2 != nil || visitor.Addr().Is4() != server.Addr().Is4() {
		return func() bool { return false }
	}
	var seen atomic.Bool
	return func() bool {
		switch tcpState(server, visitor) {
		case unix.BPF_TCP_ESTABLISHED:
			seen.Store(true)
			return false
		case unix.BPF_TCP_CLOSE_WAIT, unix.BPF_TCP_LAST_ACK:
			return true
		default: // no such connection, or the listening socket in its place
			return seen.Load()
		}
	}
}

func addrPort(addr, port string) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	p, err := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), err
}

// Of the messages of linux/inet_diag.h. All but the addresses and ports is in
// the machine's own byte order.
const (
	sockDiagByFamily = 20
	diagRequestSize  = 56
	noCookie         = ^uint64(0)
)

// tcpState returns the state of one TCP connection of this machine, or 0 where
// there is none or the kernel does not tell.
func tcpState(local, remote netip.AddrPort) uint8 {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	timeout := unix.NsecToTimeval(int64(100 * time.Millisecond))
	if unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout) != nil {
		return 0
	}
	if unix.Sendto(fd, diagRequest(local, remote), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) != nil {
		return 0
	}
	var answer [512]byte
	n, _, err := unix.Recvfrom(fd, answer[:], 0)
	if err != nil || n < unix.NLMSG_HDRLEN+2 || binary.NativeEndian.Uint16(answer[4:]) != sockDiagByFamily {
		return 0
	}
	return answer[unix.NLMSG_HDRLEN+1] // struct inet_diag_msg: family, state
}

// diagRequest asks for exactly one connection: struct nlmsghdr, struct
// inet_diag_req_v2.
func diagRequest(local, remote netip.AddrPort) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN+diagRequestSize)
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	req := b[unix.NLMSG_HDRLEN:]
	req[0] = unix.AF_INET6
	if local.Addr().Is4() {
		req[0] = unix.AF_INET
	}
	req[1] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(req[4:], ^uint32(0)) // in any state
	binary.BigEndian.PutUint16(req[8:], local.Port())
	binary.BigEndian.PutUint16(req[10:], remote.Port())
	copy(req[12:28], local.Addr().AsSlice())
	copy(req[28:44], remote.Addr().AsSlice())
	binary.NativeEndian.PutUint64(req[48:], noCookie)
	return b
}
