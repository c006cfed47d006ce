package ondemand

import (
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const maxLog = 1 << 20 // bytes

// openLog opens the app's log to append. A pipe without a reader would hold up
// open, or be one that never ends.
func openLog(path string) (*os.File, error) {
	trimLog(path)
	log, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	// The app shall have it as everybody expects a log.
	if err := syscall.SetNonblock(int(log.Fd()), false); err != nil {
		log.Close()
		return nil, err
	}
	return log, nil
}

func logSize(log *os.File) int64 {
	info, err := log.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// trimLog takes the older half out of a log that is too long, for one system call
// where it is not: each request does. It stays the same file, for the app has it
// open; as this appends, it goes on at the new end. What is written between the
// last read and the cut is lost.
func trimLog(path string) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size <= maxLog {
		return
	}
	log, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer log.Close()
	// Of two at once the second would cut off what the first has kept.
	if unix.Flock(int(log.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		if size := logSize(log); size > maxLog {
			cutLog(log, size)
		}
	}
}

// cutLog keeps the last lines of a log.
func cutLog(log *os.File, size int64) {
	var kept int64
	buf := make([]byte, 64<<10)
	for from := size - maxLog/2; ; {
		n, err := log.ReadAt(buf, from)
		from += int64(n)
		piece := buf[:n]
		if kept == 0 { // begin with a whole line
			if i := bytes.IndexByte(piece, '\n'); i >= 0 && i+1 < n {
				piece = piece[i+1:]
			}
		}
		if _, err := log.WriteAt(piece, kept); err != nil {
			return
		}
		kept += int64(len(piece))
		if err != nil || kept > maxLog {
			break
		}
	}
	_ = log.Truncate(kept)
}

// lastLines returns the end of what the log has got since it had a size: at
// most ten lines and 2000 bytes.
func lastLines(path string, since int64) string {
	log, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer log.Close()
	size := logSize(log)
	text, _ := io.ReadAll(io.NewSectionReader(log, max(since, size-2000), 2000))
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(text), "?")), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
