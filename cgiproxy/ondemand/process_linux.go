package ondemand

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bootID tells this boot of the machine from others (random(4)).
func bootID() string {
	id, _ := readFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}

// born returns when a file was made, "" is not known (statx(2)).
func born(path string) string {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return ""
	}
	return fmt.Sprintf(" %d.%09d", st.Btime.Sec, st.Btime.Nsec)
}

// readProcess reads /proc/PID/stat (proc_pid_stat(5)), uid excepted.
func readProcess(pid int) (process, error) {
	text, err := readFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return hiddenProcess(pid, err)
	}
	// The name is in brackets and may contain any byte, brackets too.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 22 {
		return process{}, fmt.Errorf("/proc/%d/stat: cannot read %.80q", pid, text)
	}
	number := func(field int) int64 { // as the manual counts
		n, _ := strconv.ParseInt(fields[field-3], 10, 64)
		return n
	}
	// A process whose first thread has ended while others go on is shown as a
	// zombie, too; field 20 counts threads.
	return process{
		pid:     pid,
		group:   int(number(5)),
		session: int(number(6)),
		start:   uint64(number(22)),
		ended:   fields[0] == "X" || fields[0] == "Z" && number(20) <= 1,
		memory:  number(24) * int64(os.Getpagesize()),
	}, nil
}

// hiddenProcess returns one of ours that /proc does not show: with hidepid (proc(5))
// one that may not be traced, as its program has capabilities or may be run and not
// read. Such a one may have the pid of another that has ended: it has to lead a
// session, as who runs a command does.
func hiddenProcess(pid int, err error) (process, error) {
	if session, _ := unix.Getsid(pid); session != pid || unix.Kill(pid, 0) != nil {
		return process{}, err
	}
	return process{pid: pid, group: pid, session: pid, hidden: true}, nil
}

// ownProcesses returns our user's that have not ended.
func ownProcesses() []process {
	names, err := readNames("/proc")
	if err != nil {
		return nil
	}
	var own []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		// The owner of its folder is no help: root's where it may not be traced.
		p, err := readProcess(pid)
		if err != nil || p.ended || p.session == 0 || effectiveUser(pid) != os.Geteuid() {
			continue
		}
		p.uid = os.Geteuid()
		own = append(own, p)
	}
	return own
}

func effectiveUser(pid int) int {
	text, err := readFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return -1
	}
	_, rest, _ := strings.Cut(string(text), "\nUid:")
	if uids := strings.Fields(rest); len(uids) >= 4 {
		if uid, err := strconv.Atoi(uids[1]); err == nil {
			return uid
		}
	}
	return -1
}

// findsStrays says that an app that has left its session is known.
const findsStrays = true

// environmentOf returns the environment that a process was started with.
func environmentOf(pid int) []string {
	text, _ := readFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return strings.Split(string(text), "\x00")
}

// isClosed reports whether a process may not be traced, and keeps its environment.
func isClosed(pid int) bool {
	_, err := readFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return errors.Is(err, fs.ErrPermission)
}

func readNames(folder string) ([]string, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// closeOnExec keeps descriptors from first on from programs that we start: a
// web server's pipe held by the app would hold up the visitor's response.
func closeOnExec(first int) {
	if unix.CloseRange(uint(first), ^uint(0)>>1&(1<<32-1), unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	names, _ := readNames("/proc/self/fd") // before Linux 5.11
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
}

// sigCancel is the C library's own. Its posix_spawn(3), which GNU make uses, leaves
// it ignored, and Go's os/signal does not know it.
const sigCancel unix.Signal = 32

// resetSignals undoes what exec would keep and os/signal does not reach: sigCancel,
// and the calling thread's mask, for a thread of a web server that starts scripts
// may have all blocked.
func resetSignals() error {
	if err := setHandler(sigCancel, 0); err != nil {
		return err
	}
	return unix.PthreadSigmask(unix.SIG_SETMASK, new(unix.Sigset_t), nil)
}

// setHandler sets what a signal does: 0 is its default, 1 to ignore it.
func setHandler(signal unix.Signal, handler uintptr) error {
	// Handler, flags, restorer and mask, on some architectures in another order: 0
	// in all but the first (rt_sigaction(2), struct kernel_sigaction).
	action := [4]uint64{uint64(handler)}
	_, _, err := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if err != 0 {
		return err
	}
	return nil
}

// adoptOrphans makes processes that lose their parent below us our children.
func adoptOrphans() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }
