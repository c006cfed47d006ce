package descriptor

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Of the messages of linux/inet_diag.h. All but the addresses and ports is in
// the machine's own byte order.
const (
	sockDiagByFamily = 20
	tcpDiagGetSock   = 18 // the older form, the only one that lists IPv4 and IPv6 in one go
	diagRequestSize  = 56 // struct inet_diag_req_v2
	diagListSize     = 60 // struct inet_diag_req
	diagMessageSize  = 72 // struct inet_diag_msg
	noCookie         = ^uint64(0)
	loopbackDevice   = 1 // the index that Linux gives lo (LOOPBACK_IFINDEX)
)

// TCPState returns the state of one TCP connection of this machine, or 0 where
// there is none. Where there is none, it may be that of the socket that listens
// for it. One that an IPv6 socket has with an IPv4 client is found by its IPv4
// addresses. An error is a kernel that does not tell, or no descriptor to ask by.
func TCPState(local, remote netip.AddrPort) (state uint8, err error) {
	state, _, err = askConnection(local, remote)
	return state, err
}

// askConnection returns the user of the socket as well (see ConnectionOwner).
func askConnection(local, remote netip.AddrPort) (state uint8, uid int, err error) {
	err = askDiag(diagRequest(local, remote), func(message []byte) bool {
		state, uid = message[1], int(binary.NativeEndian.Uint32(message[64:]))
		return false
	})
	if err == unix.ENOENT {
		err = nil
	}
	return state, uid, err
}

// FindConnection returns the local end and the state of the connection between
// a local address, on any port, and a remote end; 0 where there is none, or more
// than one: a client may have the same port for connections to two of ours. Others
// than those with a state among states (1<<state) are passed over.
func FindConnection(local netip.Addr, remote netip.AddrPort, states uint32) (at netip.AddrPort, state uint8, err error) {
	found := 0
	err = askDiag(diagList(remote.Port(), states), func(message []byte) bool {
		if diagAddr(message, 8) != local || diagAddr(message, 24) != remote.Addr() || binary.BigEndian.Uint16(message[6:]) != remote.Port() {
			return true
		}
		if found++; found == 1 {
			at, state = netip.AddrPortFrom(local, binary.BigEndian.Uint16(message[4:])), message[1]
		}
		return true
	})
	if found > 1 {
		return netip.AddrPort{}, 0, err
	}
	return at, state, err
}

// diagAddr returns an address of a struct inet_diag_msg.
func diagAddr(message []byte, offset int) netip.Addr {
	if message[0] == unix.AF_INET {
		return netip.AddrFrom4([4]byte(message[offset:]))
	}
	return netip.AddrFrom16([16]byte(message[offset:])).Unmap()
}

// replySize is that of the largest datagram for one who reads so (netlink(7)).
const replySize = 8 << 10

// replies are kept, for hundreds of event streams ask twice a second each.
var replies = sync.Pool{New: func() any { return new([replySize]byte) }}

// askDiag sends a request to the kernel and hands on each message of the reply,
// until take returns false. An error is also what the kernel answers with: ENOENT
// where there is no such connection, or no sock_diag.
func askDiag(request []byte, take func(message []byte) bool) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	timeout := unix.NsecToTimeval(int64(100 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return err
	}
	if _, err := unix.Write(fd, request); err != nil { // without an address it goes to the kernel
		return err
	}
	reply := replies.Get().(*[replySize]byte)
	defer replies.Put(reply)
	for {
		n, err := unix.Read(fd, reply[:])
		if err != nil {
			return err
		}
		for rest := reply[:n]; len(rest) >= unix.NLMSG_HDRLEN; {
			size := int(binary.NativeEndian.Uint32(rest))
			if size < unix.NLMSG_HDRLEN || size > len(rest) {
				return unix.EBADMSG
			}
			kind, message := binary.NativeEndian.Uint16(rest[4:]), rest[unix.NLMSG_HDRLEN:size]
			if kind == unix.NLMSG_DONE || kind == unix.NLMSG_ERROR {
				return diagError(message)
			}
			if len(message) < diagMessageSize {
				return unix.EBADMSG
			}
			if !take(message) {
				return nil
			}
			rest = rest[min((size+3)&^3, len(rest)):]
		}
	}
}

// diagError returns the error that the last message of a reply begins with
// (netlink(7)), nil for none.
func diagError(message []byte) error {
	if len(message) < 4 {
		return unix.EBADMSG
	}
	if number := int32(binary.NativeEndian.Uint32(message)); number != 0 {
		return unix.Errno(-number)
	}
	return nil
}

// diagRequest asks for exactly one connection.
func diagRequest(local, remote netip.AddrPort) []byte {
	b := diagHeader(sockDiagByFamily, unix.NLM_F_REQUEST, diagRequestSize)
	req := b[unix.NLMSG_HDRLEN:]
	req[0] = unix.AF_INET6
	if remote.Addr().Is4() {
		req[0] = unix.AF_INET
	}
	req[1] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(req[4:], ^uint32(0)) // in any state
	binary.BigEndian.PutUint16(req[8:], local.Port())
	binary.BigEndian.PutUint16(req[10:], remote.Port())
	copy(req[12:28], local.Addr().AsSlice())
	copy(req[28:44], remote.Addr().AsSlice())
	if remote.Addr().IsLoopback() { // else a socket bound to the device (SO_BINDTODEVICE) would not be found
		binary.NativeEndian.PutUint32(req[44:], loopbackDevice)
	}
	binary.NativeEndian.PutUint64(req[48:], noCookie)
	return b
}

// diagList asks for all connections with one remote port and one of some states:
// the kernel itself passes over others, but for port 0, which is any.
func diagList(remotePort uint16, states uint32) []byte {
	b := diagHeader(tcpDiagGetSock, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, diagListSize)
	req := b[unix.NLMSG_HDRLEN:]
	binary.BigEndian.PutUint16(req[6:], remotePort)
	binary.NativeEndian.PutUint32(req[52:], states)
	return b
}

// diagHeader returns a message with its struct nlmsghdr filled in.
func diagHeader(kind, flags uint16, size int) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN+size)
	binary.NativeEndian.PutUint32(b[0:], uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], flags)
	return b
}
