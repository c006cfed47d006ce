//go:build freebsd || darwin

package ondemand

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// bootID tells this boot of the machine from others, as long as nobody sets the
// clock by hand.
func bootID() string {
	began, _ := unix.SysctlRaw("kern.boottime")
	return hex.EncodeToString(began[:min(8, len(began))])
}

// born returns when a file was made, "" is not known (stat(2)).
func born(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return ""
	}
	return fmt.Sprintf(" %d.%09d", st.Btim.Sec, st.Btim.Nsec)
}

// listeners: who has a socket is not to be found out here without a privilege.
func listeners([]process) []listener { return nil }

func (l listener) at(string, []string) bool { return false }

// closeOnExec keeps descriptors from first on from programs that we start: a
// web server's pipe held by the app would hold up the visitor's response.
func closeOnExec(first int) {
	folder, err := os.Open("/dev/fd")
	if err != nil {
		return
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	// Without fdescfs /dev/fd shows three.
	for fd := first; fd < 256; fd++ {
		unix.CloseOnExec(fd)
	}
}

// resetSignals does nothing: the mask is as the web server had it.
func resetSignals() error { return nil }

func adoptOrphans() error { return errors.ErrUnsupported }

// findsStrays: an app that has left its session is not known here.
const findsStrays = false

// environmentOf is not known here: a command that puts the app into the
// background while nobody waits for it counts as failed.
func environmentOf(int) []string { return nil }

func isClosed(int) bool { return false }
