package upstream

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unixListenerOwner returns who called listen(2) (unix(7), SO_PEERCRED).
func unixListenerOwner(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, fmt.Errorf("SO_PEERCRED: %w", err)
	}
	return int(cred.Uid), nil
}

// tcpListener returns the socket that takes the connections to an address of
// this machine (proc(5), /proc/net/tcp). Of several that share it (SO_REUSEPORT)
// it returns one of another user before ours, and of ours the first there is.
func tcpListener(at netip.AddrPort) (l listener, err error) {
	closest := 0
	for _, table := range [...]string{"/proc/net/tcp", "/proc/net/tcp6"} {
		err := eachListener(table, func(listens netip.AddrPort, found listener) {
			c := closeness(listens, at)
			ours := found.uid == os.Geteuid()
			if c > closest || c > 0 && c == closest && l.uid == os.Geteuid() && (!ours || found.inode < l.inode) {
				closest, l = c, found
			}
		})
		// Without IPv6 there is no such table, and nobody who listens there.
		if err != nil && !(errors.Is(err, os.ErrNotExist) && table == "/proc/net/tcp6") {
			return listener{}, fmt.Errorf("whose listener it is cannot be found out: %w", err)
		}
	}
	if closest == 0 {
		return listener{}, errNobody
	}
	return l, nil
}

// closeness is 0 for a listener that gets no connections to an address. Of
// others the one with the highest does: its own address counts before any
// address, and that before [::], which may take IPv4 as well.
func closeness(listener, to netip.AddrPort) int {
	addr := listener.Addr().Unmap()
	switch {
	case listener.Port() != to.Port():
		return 0
	case addr == to.Addr():
		return 3
	case !addr.IsUnspecified():
		return 0
	case addr.Is4() == to.Addr().Is4():
		return 2
	case addr.Is6():
		return 1
	}
	return 0
}

// listening is the state of a listener in the tables, TCP_LISTEN.
const listening = "0A"

// eachListener calls f for each listener of a table. They come first there, and
// the others may be many thousand.
func eachListener(table string, f func(at netip.AddrPort, l listener)) error {
	file, err := os.Open(table)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan() // the names of the columns
	for lines.Scan() {
		columns := strings.Fields(lines.Text()) // sl local_address rem_address st ... uid timeout inode
		if len(columns) < 10 {
			return fmt.Errorf("%s: cannot read %.80q", table, lines.Text())
		}
		if columns[3] != listening {
			return nil
		}
		at, err := parseProcAddress(columns[1])
		uid, uidErr := strconv.Atoi(columns[7])
		inode, inodeErr := strconv.ParseUint(columns[9], 10, 64)
		if err = errors.Join(err, uidErr, inodeErr); err != nil {
			return fmt.Errorf("%s: cannot read %.80q: %w", table, lines.Text(), err)
		}
		f(at, listener{uid, inode})
	}
	return lines.Err()
}

// parseProcAddress reads "0100007F:198F": the address in words of the machine's
// byte order, the port as a number.
func parseProcAddress(s string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(s, ":")
	words, err := hex.DecodeString(address)
	if err != nil || len(words) != 4 && len(words) != 16 {
		return netip.AddrPort{}, fmt.Errorf("address %.40q", s)
	}
	b := make([]byte, 0, 16)
	for i := 0; i < len(words); i += 4 {
		b = binary.NativeEndian.AppendUint32(b, binary.BigEndian.Uint32(words[i:]))
	}
	addr, _ := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr, uint16(n)), err
}
