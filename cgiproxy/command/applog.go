package command

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// followPause is the time between two looks at the log.
const followPause = 250 * time.Millisecond

// showLog prints the app's log.
func showLog(t *terminal, path string, follow bool) error {
	l, err := openLog(t.out, path)
	if err != nil {
		return err
	}
	defer func() { l.file.Close() }()
	for {
		if _, err := io.Copy(l, l.file); err != nil || !follow {
			return err
		}
		time.Sleep(followPause)
		if err := l.find(); err != nil {
			return err
		}
	}
}

// A logReader shows a log that goes on.
type logReader struct {
	out  io.Writer
	path string
	file *os.File
	last []byte // the end of what was shown
}

const maxLast = 4 << 10 // bytes

func openLog(out io.Writer, path string) (*logReader, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would hold it up
	if err != nil {
		return nil, fmt.Errorf("%w: has the app been started, or the log deleted since?", err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return &logReader{out: out, path: path, file: file}, nil
}

func (l *logReader) Write(text []byte) (int, error) {
	l.last = append(l.last, text...)
	l.last = l.last[max(0, len(l.last)-maxLast):]
	return l.out.Write(text)
}

// find finds the place where what is new begins: the older half may have been taken
// away (ondemand.App), or another file be there.
func (l *logReader) find() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Stat(l.path); err == nil && !os.SameFile(info, now) {
		next, err := openLog(l.out, l.path)
		if err == nil {
			l.file.Close()
			*l = *next
		}
		return err
	}
	at, err := l.file.Seek(0, io.SeekCurrent)
	if err != nil || info.Size() >= at {
		return err
	}
	kept, err := io.ReadAll(io.NewSectionReader(l.file, 0, info.Size()))
	if err != nil {
		return err
	}
	at = 0
	if shown := bytes.LastIndex(kept, l.last); shown >= 0 {
		at = int64(shown + len(l.last))
	}
	_, err = l.file.Seek(at, io.SeekStart)
	return err
}
