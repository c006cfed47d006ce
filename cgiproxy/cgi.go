package cgiproxy

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ServeCGI answers the one request this process was started for (RFC 3875): it
// is in the environment and on stdin, and the answer goes to stdout. It returns
// the exit status: 0 where a whole answer was written, an error page included,
// and 1 where it was cut short.
//
// Neither SIGTERM nor SIGPIPE is handled: either ends the process, and with it
// the connection to the app, which is what they are sent for.
func ServeCGI() int {
	env := NewEnviron(os.Environ())
	if stdoutWasClosed() {
		(&logger{w: os.Stderr, id: requestID(env)}).errorf("stdout is closed: nobody would get the answer, so the app is not asked")
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stdoutClosed := func() bool { return hungUp(syscall.Stdout) }
	visitorGone := visitorConnection(env)
	stop := watchHangup(cancel, stdoutClosed, visitorGone)
	defer stop()

	h := &handler{folder: executableFolder(), log: os.Stderr}
	w := newCGIWriter(os.Stdout)
	// fcgiwrap ends stdin alike after a whole upload and in one that the visitor
	// has left.
	left := func() bool { return stdoutClosed() || visitorGone() }
	err := h.serve(ctx, w, env, os.Stdin, left)
	if flushErr := w.out.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		letRead(stdoutClosed)
		return 1
	}
	if env["CONTENT_LENGTH"] != "" || env["HTTP_TRANSFER_ENCODING"] != "" {
		drain(os.Stdin)
	}
	return 0
}

// letRead lets the web server pass on what it has of an answer that was cut
// short. Apache gives an answer that it reads to the end in one go the length
// it found, so that a short one looks whole; with the header already sent, the
// Content-Length there shows that something is missing.
func letRead(stdoutClosed func() bool) {
	for giveUp := time.Now().Add(readTime); unread(syscall.Stdout) && !stdoutClosed() && time.Now().Before(giveUp); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(cutPause)
}

const (
	readTime = 10 * time.Second // for a web server that is busy to read the rest
	cutPause = 50 * time.Millisecond
)

// stdoutWasClosed reports whether the process began without a stdout. Go's
// runtime opens the null device in its place, unlike a shell for reading and
// writing.
func stdoutWasClosed() bool {
	flags, err := unix.FcntlInt(uintptr(syscall.Stdout), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDWR {
		return false
	}
	info, err1 := os.Stdout.Stat()
	null, err2 := os.Stat(os.DevNull)
	return err1 == nil && err2 == nil && os.SameFile(info, null)
}

// executableFolder returns the folder of proxy.cgi. Without /proc it is the
// working directory, which every web server sets to it (RFC 3875, section 7.2).
func executableFolder() string {
	if file, err := os.Executable(); err == nil {
		return filepath.Dir(file)
	}
	folder, err := os.Getwd()
	if err != nil {
		return "."
	}
	return folder
}

// A cgiWriter writes a CGI response (RFC 3875, section 6). Unlike the one in
// net/http/cgi it keeps the app's reason phrase, guesses no Content-Type, and
// sends header and first piece together.
type cgiWriter struct {
	header  http.Header
	file    *os.File
	out     *bufio.Writer // to file
	started bool
}

func newCGIWriter(f *os.File) *cgiWriter {
	return &cgiWriter{header: http.Header{}, file: f, out: bufio.NewWriterSize(f, 32<<10)}
}

func (w *cgiWriter) Header() http.Header { return w.header }

func (w *cgiWriter) WriteHeader(code int) { w.WriteStatus(code, "") }

// WriteStatus implements answerWriter. An empty reason is the usual one of the
// status.
func (w *cgiWriter) WriteStatus(code int, reason string) {
	if w.started {
		return
	}
	w.started = true
	if reason == "" {
		reason = statusText(code)
	}
	w.out.WriteString("Status: " + strconv.Itoa(code) + " " + reason + "\r\n")
	for name, values := range w.header {
		for _, value := range values {
			w.out.WriteString(name + ": " + value + "\r\n")
		}
	}
	w.out.WriteString("\r\n")
}

func (w *cgiWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.out.Write(p)
}

func (w *cgiWriter) hasStarted() bool { return w.started }

// FlushError sends what has been written so far.
func (w *cgiWriter) FlushError() error { return w.out.Flush() }

// largePiece is what an answer of more than copyBuffer is copied in: with 64 KiB
// a download through mod_cgid is a third slower. It is memory of each process,
// and few of these are under way at once.
const largePiece = 1 << 20

// widen prepares for a large answer, and returns a buffer to copy it with.
func (w *cgiWriter) widen() []byte {
	_ = control(w.file, func(fd int) { widen(fd, largePiece) })
	return make([]byte, largePiece)
}
