package descriptor

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Listener is a TCP socket that takes connections to an address of this
// machine.
type Listener struct {
	At    netip.AddrPort
	UID   int
	Inode uint64
}

// EachListener calls f for each TCP listener of this machine. An error is a
// machine that does not tell.
func EachListener(f func(Listener)) error {
	if found, err := askListeners(); err == nil {
		for _, l := range found {
			f(l)
		}
		return nil
	}
	return eachTable(func(table string) error { return eachListener(table, f) })
}

// askListeners asks the kernel by sock_diag(7), twenty-five microseconds where the
// tables of proc_pid_net(5) take milliseconds, for they walk past all connections
// of the machine. But some kernels and containers are without that.
func askListeners() (found []Listener, err error) {
	err = askDiag(diagList(0, 1<<unix.BPF_TCP_LISTEN), func(message []byte) bool {
		found = append(found, Listener{
			At:    netip.AddrPortFrom(diagAddr(message, 8), binary.BigEndian.Uint16(message[4:])),
			UID:   int(binary.NativeEndian.Uint32(message[64:])),
			Inode: uint64(binary.NativeEndian.Uint32(message[68:])),
		})
		return true
	})
	if err == nil && len(found) == 0 {
		err = unix.ENODATA // each machine with a web server has one
	}
	return found, err
}

// eachTable calls read for the tables of TCP sockets. Without IPv6 there is but
// one.
func eachTable(read func(table string) error) error {
	if err := read("/proc/net/tcp"); err != nil {
		return err
	}
	err := read("/proc/net/tcp6")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// eachListener calls f for each listener of a table. They come first there, and
// the others may be many thousand.
func eachListener(table string, f func(Listener)) error {
	return eachSocket(table, func(s tcpSocket) bool {
		if s.state == unix.BPF_TCP_LISTEN {
			f(Listener{s.local, s.uid, s.inode})
		}
		return s.state == unix.BPF_TCP_LISTEN
	})
}

// A tcpSocket is a line of /proc/net/tcp.
type tcpSocket struct {
	local, remote netip.AddrPort
	state         uint64
	uid           int
	inode         uint64
}

// eachSocket calls f for each socket of a table, until it returns false.
func eachSocket(table string, f func(tcpSocket) bool) error {
	file, err := os.Open(table)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan() // the names of the columns
	for lines.Scan() {
		s, err := parseSocket(strings.Fields(lines.Text()))
		if err != nil {
			return fmt.Errorf("%s: cannot read %.80q: %w", table, lines.Text(), err)
		}
		if !f(s) {
			return nil
		}
	}
	return lines.Err()
}

// parseSocket reads the columns sl local_address rem_address st ... uid timeout
// inode.
func parseSocket(columns []string) (s tcpSocket, err error) {
	if len(columns) < 10 {
		return s, errors.New("too few columns")
	}
	var errs [5]error
	s.local, errs[0] = parseProcAddress(columns[1])
	s.remote, errs[1] = parseProcAddress(columns[2])
	s.state, errs[2] = strconv.ParseUint(columns[3], 16, 8)
	s.uid, errs[3] = strconv.Atoi(columns[7])
	s.inode, errs[4] = strconv.ParseUint(columns[9], 10, 64)
	return s, errors.Join(errs[:]...)
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
	addr, _ := netip.AddrFromSlice(b) // an IPv4 one may be in the table for IPv6
	n, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), err
}
