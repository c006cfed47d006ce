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
)

// A Listener is a TCP socket that takes connections to an address of this
// machine.
type Listener struct {
	At    netip.AddrPort
	UID   int
	Inode uint64
}

// EachListener calls f for each TCP listener of this machine (proc_pid_net(5)).
func EachListener(f func(Listener)) error {
	if err := eachListener("/proc/net/tcp", f); err != nil {
		return err
	}
	err := eachListener("/proc/net/tcp6", f)
	if errors.Is(err, fs.ErrNotExist) { // without IPv6 nobody listens there
		return nil
	}
	return err
}

// listening is the state of a listener in the tables, TCP_LISTEN.
const listening = "0A"

// eachListener calls f for each listener of a table. They come first there, and
// the others may be many thousand.
func eachListener(table string, f func(Listener)) error {
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
		f(Listener{at, uid, inode})
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
