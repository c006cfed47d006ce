package ondemand

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const maxLog = 1 << 20 // bytes

// openLog opens the app's log to append.
func (f folder) openLog(path string) (*os.File, error) {
	f.trimLog(path)
	log, err := openOwn(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE)
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

// openOwn opens a log that no other user of the machine has put there: in a
// folder that others may write to, a link could lead to any file of the owner's.
// A pipe without a reader would hold up open, or be one that never ends.
func openOwn(path string, flag int) (*os.File, error) {
	log, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) { // EMLINK is FreeBSD's
		return nil, fmt.Errorf("the app's log %s is a symbolic link, which others may have made: set START_LOG to what it leads to", path)
	}
	if err != nil {
		return nil, err
	}
	info, err := log.Stat()
	if err == nil {
		if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != os.Geteuid() && owner != 0 {
			err = fmt.Errorf("the app's log %s belongs to user %d and this process to user %d: delete it, or set START_LOG to another", path, owner, os.Geteuid())
		}
	}
	if err != nil {
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
// where it is not: each request does, when it comes and when it leaves. The app
// writes to the file itself, for a pipe would need a process to read it, so while
// nobody visits the log grows, but for an app with IdleStop.
//
// It stays the same file, for the app has it open; as this appends, it goes on at
// the new end. What is written between the last read and the cut is lost. Of two at
// once the second would cut off what the first has kept: one of them has a lock,
// which is not the log's own, for whoever may read that can hold it.
func (f folder) trimLog(path string) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size <= maxLog {
		return
	}
	log, err := openOwn(path, os.O_RDWR)
	if err != nil {
		return
	}
	defer log.Close()
	lock, err := f.take("log")
	if err != nil {
		return
	}
	defer lock.Close()
	if size := logSize(log); size > maxLog {
		cutLog(log, size)
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
	log, err := openOwn(path, os.O_RDONLY)
	if err != nil {
		return ""
	}
	defer log.Close()
	size := logSize(log)
	if size < since {
		since = 0 // it was made shorter meanwhile
	}
	text, _ := io.ReadAll(io.NewSectionReader(log, max(since, size-2000), 2000))
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(text), "?")), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
