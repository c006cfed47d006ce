package cgiproxy

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/descriptor"
	"proxy.cgi/cgiproxy/upstream"
)

// ServeCGI answers the one request this process was started for (RFC 3875): it
// is in the environment and on stdin, and the response goes to stdout. It
// returns the exit status: 0 where a whole response was written, an error page
// included, and 1 where it was cut short. status is for requests of the owner.
//
// Neither SIGTERM nor SIGPIPE is handled: either ends the process, and with it
// the connection to the app, which is what they are sent for.
func ServeCGI(status StatusPage) int {
	env := RequestEnviron(variables())
	if stdoutWasClosed() {
		(&Logger{W: os.Stderr, ID: requestID(env)}).Errorf("stdout is closed: nobody would get the answer, so the app is not asked")
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stdoutClosed := func() bool { return descriptor.HungUp(syscall.Stdout) }
	w := newCGIWriter(os.Stdout)
	clientGone := ClientGone(env)
	clientGone() // only a client that has been seen can be missed, and it may leave at once
	stop := WatchClient(cancel, stdoutClosed, func() bool { return clientGone() && !w.cacheCopy.IsGrowing() })
	defer stop()

	if length, err := strconv.ParseInt(env["CONTENT_LENGTH"], 10, 64); err == nil && length > largePiece {
		descriptor.GrowBuffer(syscall.Stdin, largePiece)
	}
	// The end of stdin does not tell whether an upload is whole: fcgiwrap closes
	// stdin in the same way when the client has left in the middle of it.
	gone := func() bool { return stdoutClosed() || clientGone() }
	if behindFcgiwrap(env) {
		gone = soon(gone)
	}
	load := func() *Site { return LoadSite(env, ExecutableFolder()) }
	in := &Request{Env: env, Body: os.Stdin, Gone: gone, Log: os.Stderr, Way: "CGI", StatusPage: status, Reload: load}
	err := Serve(ctx, w, in, load())
	if flushErr := w.out.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		waitUntilRead(stdoutClosed)
		return 1
	}
	if env["CONTENT_LENGTH"] != "" || env["HTTP_TRANSFER_ENCODING"] != "" {
		upstream.Drain(os.Stdin)
	}
	return 0
}

// behindFcgiwrap reports whether the web server that has started this process is
// nginx, by way of fcgiwrap.
func behindFcgiwrap(env Environ) bool { return BehindNginx(env["SERVER_SOFTWARE"]) }

// soon returns a look that is repeated for a moment until it says yes: where an
// upload breaks off, fcgiwrap ends stdin before nginx closes the client's connection.
func soon(look func() bool) func() bool {
	return func() bool {
		for range 10 {
			if look() {
				return true
			}
			time.Sleep(10 * time.Millisecond)
		}
		return look()
	}
}

// variables returns those of the process, also where a name occurs twice: a field
// may, or two whose names differ in CGI no more. os.Environ has only the first; it
// makes room for all, so that most requests need not look further.
func variables() []string {
	vars := os.Environ()
	if len(vars) < cap(vars) {
		if all, err := os.ReadFile("/proc/self/environ"); err == nil {
			return strings.Split(string(all), "\x00")
		}
	}
	return vars
}

// waitUntilRead lets the web server pass on what it has of a response that was
// cut short. Apache gives a response that it reads to the end in one go the
// length it found, so that a short one looks whole; with the header already
// sent, the Content-Length there shows that something is missing.
func waitUntilRead(stdoutClosed func() bool) {
	for giveUp := time.Now().Add(readTime); descriptor.HasUnread(syscall.Stdout) && !stdoutClosed() && time.Now().Before(giveUp); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(cutPause)
}

const (
	// readTime bounds the wait for a web server that is too busy to read the
	// rest. It is a choice: one that reads nothing for so long is taken for stuck.
	readTime = 10 * time.Second

	// cutPause is for the web server to send on what it has read, for which it
	// needs a processor, and the only wait on systems without HasUnread. It is a
	// choice, which costs only responses that were cut short.
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

// ExecutableFolder returns the folder of proxy.cgi, where .htcgiproxy is.
// Without /proc it is the working directory, which every web server sets to it
// (RFC 3875, section 7.2).
func ExecutableFolder() string {
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
	header    http.Header
	file      *os.File
	out       *bufio.Writer // to file
	started   bool
	cacheCopy CacheCopy
}

// headerBuffer is room for a header and the first pieces of a small response,
// so that these are one write: bytes. The size is a choice. It bounds no
// header, which may take several writes, and is memory of each process.
const headerBuffer = 32 << 10

func newCGIWriter(f *os.File) *cgiWriter {
	return &cgiWriter{header: http.Header{}, file: f, out: bufio.NewWriterSize(f, headerBuffer), cacheCopy: CacheCopy{AnyPage: true}}
}

func (w *cgiWriter) Header() http.Header { return w.header }

func (w *cgiWriter) WriteHeader(code int) { w.WriteStatus(code, StatusText(code)) }

func (w *cgiWriter) WriteStatus(code int, reason string) {
	if w.started {
		return
	}
	w.started = true
	w.cacheCopy.Begin(w.header)
	w.out.Write(AppendHeader(w.out.AvailableBuffer(), code, reason, w.header))
}

// AppendHeader appends the header of a CGI response (RFC 3875, section 6.3) to
// b.
func AppendHeader(b []byte, code int, reason string, header http.Header) []byte {
	b = append(b, "Status: "+strconv.Itoa(code)+" "+reason+"\r\n"...)
	for name, values := range header {
		for _, value := range values {
			b = append(b, name+": "+value+"\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

func (w *cgiWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.cacheCopy.Grow()
	return w.out.Write(p)
}

func (w *cgiWriter) HasStarted() bool { return w.started }

// FlushError sends what has been written so far.
func (w *cgiWriter) FlushError() error { return w.out.Flush() }

// FlushLast implements ResponseWriter: the end of a CGI response is that of the
// process.
func (w *cgiWriter) FlushLast() error { return w.FlushError() }

// largePiece is what a response of more than copyBuffer is copied in: with 64
// KiB a download through mod_cgid is a third slower. It is memory of each
// process, and few of these are under way at once. It is also the room of stdin
// for a large upload, where that is a pipe, as under mod_cgi.
const largePiece = 1 << 20

func (w *cgiWriter) LargeBuffer() []byte {
	_ = descriptor.Control(w.file, func(fd int) { descriptor.GrowBuffer(fd, largePiece) })
	return make([]byte, largePiece)
}
