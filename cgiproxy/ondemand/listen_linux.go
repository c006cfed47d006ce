package ondemand

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"proxy.cgi/cgiproxy/descriptor"
)

// listeners returns the sockets that processes listen on, each for all that have it:
// a server's first process shares it with its workers. The tables in /proc/net name
// a socket by its inode, and so does /proc/PID/fd.
func listeners(of []process) []listener {
	sockets := map[string][]process{} // by inode
	for _, p := range of {
		folder := "/proc/" + strconv.Itoa(p.pid) + "/fd/"
		names, _ := readNames(folder)
		for _, name := range names {
			target, _ := os.Readlink(folder + name)
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				inode = strings.TrimSuffix(inode, "]")
				sockets[inode] = append(sockets[inode], p)
			}
		}
	}
	if len(sockets) == 0 {
		return nil
	}
	var found []listener
	add := func(inode, network, address string) {
		for _, p := range sockets[inode] {
			found = append(found, listener{p, network, address})
		}
	}
	_ = descriptor.EachListener(func(l descriptor.Listener) { // whom it does not show is not found
		add(strconv.FormatUint(l.Inode, 10), "tcp", l.At.String())
	})
	eachLine("/proc/net/unix", func(columns []string) {
		const accepts = "00010000" // __SO_ACCEPTCON
		if len(columns) < 8 || columns[3] != accepts {
			return
		}
		add(columns[6], "unix", strings.Join(columns[7:], " "))
	})
	return found
}

func eachLine(table string, do func(columns []string)) {
	file, err := os.Open(table)
	if err != nil {
		return
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		do(strings.Fields(lines.Text()))
	}
}

// at reports whether a listener takes the connections to one of the addresses.
func (l listener) at(network string, addresses []string) bool {
	if network != l.network {
		return false
	}
	if network == "unix" {
		path := l.address
		if !filepath.IsAbs(path) { // as the app gave it to bind(2), and other sites have an app.sock, too
			folder, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", l.process.pid))
			path = filepath.Join(folder, path)
		}
		id := fileID(path) // with links in it, it may have another name
		return slices.ContainsFunc(addresses, func(a string) bool { return a == path || id != "" && id == fileID(a) })
	}
	listens, err := netip.ParseAddrPort(l.address)
	return err == nil && slices.ContainsFunc(addresses, func(a string) bool {
		to, err := netip.ParseAddrPort(a)
		return err == nil && to.Port() == listens.Port() && (to.Addr() == listens.Addr() || listens.Addr().IsUnspecified())
	})
}
