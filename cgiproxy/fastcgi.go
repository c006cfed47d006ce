package cgiproxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// IsFastCGI reports whether descriptor 0 is a listening socket, as a web server
// hands it to a FastCGI program. net.FileListener takes a connected one, too,
// and then fails to accept.
func IsFastCGI() bool {
	listening, err := unix.GetsockoptInt(0, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && listening == 1
}

const (
	// finishTime bounds the requests under way when the process is told to end,
	// or finds that it has been replaced.
	finishTime = 30 * time.Second

	// lateFinishTime bounds those that have come after that. Visitors wait for
	// their end, for the old proxy.cgi takes nothing new any more.
	lateFinishTime = 10 * time.Second
)

// ServeFastCGI answers requests from the socket that is descriptor 0, until
// SIGTERM or SIGUSR1, or until proxy.cgi has been replaced; then it answers
// those under way and returns the exit status 0. It returns 1 where it cannot
// serve.
//
// A new proxy.cgi takes over in this same process: the socket stays open,
// so that no request is lost, and it works under servers that start a FastCGI
// program only once.
func ServeFastCGI() int {
	debug.SetGCPercent(200) // of a heap that stays at some megabytes
	log := &logger{w: os.Stderr, id: "fastcgi"}
	inherited, err := net.FileListener(os.Stdin)
	if err != nil {
		log.errorf("descriptor 0: %v", err)
		return 1
	}
	signal.Ignore(syscall.SIGPIPE) // from an error log that nobody reads any more
	end, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGUSR1)
	defer cancel()
	l := newFCGIListener(inherited, log)
	l.useMoreProcessors = oneProcessor()
	context.AfterFunc(end, l.stop)

	program := startedFrom(log)
	folder := executableFolder()
	h := &handler{folder: folder, sites: newSites(folder, os.Environ())}
	err = fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serveFastCGI(h, w, r, l)
		if program.lookIsDue() {
			go program.whenReplaced(func() { // beside, for it takes time, and the answer ends here
				l.settle(finishTime)
				l.stop()
			})
		}
	}))
	l.stop()
	if end.Err() == nil {
		l.finish(lateFinishTime)
	} else {
		l.finish(finishTime)
	}
	h.sites.close()
	switch {
	case !errors.Is(err, net.ErrClosed):
		log.errorf("accept: %v", err)
		return 1
	case end.Err() == nil:
		log.errorf("run the new %s: %v", program.path, program.takeOver())
		return 1
	}
	return 0
}

// serveFastCGI answers one request. What net/http/fcgi says about it is not
// used: it comes from variables that the library reads otherwise than we do.
func serveFastCGI(h *handler, w http.ResponseWriter, r *http.Request, l *fcgiListener) {
	growStack()
	request := l.request(r)
	if request == nil {
		http.Error(w, "bad FastCGI parameters", http.StatusBadRequest)
		return
	}
	defer func() { // the handler has its own; this is for what is around it
		if p := recover(); p != nil {
			l.log.errorf("panic: %v: please report it: %s", p, debug.Stack())
			request.cut()
		}
	}()
	ctx, cancel := context.WithCancel(request.ctx)
	defer cancel()
	stop := watchHangup(cancel, visitorConnection(request.env), request.conn.hungUp)
	defer stop()
	left := func() bool { return request.ctx.Err() != nil }
	if err := h.withLog(request).serve(ctx, &fcgiWriter{ResponseWriter: w, request: request}, request.env, r.Body, left); err != nil {
		request.cut() // with a proper end the web server would take the answer for whole
	}
}

// growStack gives the goroutine, a new one for each request, the stack it will
// need. Without it the stack grows in several steps, each of which copies it:
// that costs 3 % of the requests per second.
//
//go:noinline
func growStack() {
	var room [6 << 10]byte
	runtime.KeepAlive(&room)
}

// A fcgiWriter writes a FastCGI answer. net/http/fcgi has reason phrases of
// its own.
type fcgiWriter struct {
	http.ResponseWriter
	request       *fcgiRequest
	started, sent bool
}

func (w *fcgiWriter) WriteStatus(code int, _ string) { w.WriteHeader(code) }

func (w *fcgiWriter) WriteHeader(code int) {
	w.started = true
	if http.StatusText(code) == "" {
		w.request.reason = statusText(code)
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *fcgiWriter) Write(p []byte) (int, error) {
	w.started, w.sent = true, true
	return w.ResponseWriter.Write(p)
}

// FlushError sends the header, too: the library holds it back until there is
// some body.
func (w *fcgiWriter) FlushError() error {
	if !w.sent {
		if _, err := w.Write(nil); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *fcgiWriter) hasStarted() bool { return w.started }

// A fcgiListener hands out connections that know their requests.
type fcgiListener struct {
	net.Listener
	log *logger

	mu       sync.Mutex
	stopping bool
	conns    map[*fcgiConn]bool      // open
	requests map[string]*fcgiRequest // under way, by their keys
	last     uint64                  // number of a request

	useMoreProcessors func() // called when there are two requests at once
}

func newFCGIListener(l net.Listener, log *logger) *fcgiListener {
	return &fcgiListener{
		Listener: l, log: log, conns: map[*fcgiConn]bool{}, requests: map[string]*fcgiRequest{},
		useMoreProcessors: func() {},
	}
}

// oneProcessor makes the Go scheduler use one processor until the function it
// returns is called. Under mod_fcgid a process has one request at a time, and a
// scheduler that looks for work on all processors costs a third of the requests
// per second.
func oneProcessor() (more func()) {
	more = func() {}
	if n := runtime.GOMAXPROCS(1); n > 1 {
		more = sync.OnceFunc(func() { runtime.GOMAXPROCS(min(n, maxProcessors)) })
	}
	return more
}

// maxProcessors is for hosts that count threads, often to 100 or less for all
// that a customer runs: Go's garbage collector starts one for each processor.
const maxProcessors = 4

// Accept implements net.Listener. Any error ends fcgi.Serve, so those that pass
// are waited for: no descriptor left, a connection that is gone already.
func (l *fcgiListener) Accept() (net.Conn, error) {
	said := false
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil:
			return l.open(conn), nil
		case errors.Is(err, net.ErrClosed), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOTSOCK), errors.Is(err, syscall.EBADF):
			return nil, err
		}
		if !said {
			l.log.errorf("accept: %v: it is tried again", err)
			said = true
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// request returns the request that the library calls r, or nil.
func (l *fcgiListener) request(r *http.Request) *fcgiRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests[fcgi.ProcessEnv(r)[keyParam]]
}

// stop accepts no more connections, and closes those that are kept for further
// requests; one that is under way ends with its request.
func (l *fcgiListener) stop() {
	l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	for c := range l.conns {
		if c.idle() && !readable(c.Conn) {
			c.Conn.Close()
		}
	}
}

// settle waits until the requests that are under way now have been answered,
// but not longer than limit. Others are taken meanwhile: an event stream must
// not keep all visitors waiting for its end.
func (l *fcgiListener) settle(limit time.Duration) {
	l.mu.Lock()
	last := l.last
	l.mu.Unlock()
	waitWhile(limit, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, request := range l.requests {
			if request.number <= last {
				return true
			}
		}
		return false
	})
}

// finish waits until the requests under way have been answered, but not longer
// than limit.
func (l *fcgiListener) finish(limit time.Duration) {
	waitWhile(limit, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.conns) > 0
	})
}

func waitWhile(limit time.Duration, busy func() bool) {
	for giveUp := time.Now().Add(limit); busy() && time.Now().Before(giveUp); {
		time.Sleep(10 * time.Millisecond)
	}
}
