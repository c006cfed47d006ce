package fastcgi

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"proxy.cgi/cgiproxy/upstream"
)

// A listener takes connections, and knows the requests on them.
type listener struct {
	net.Listener
	report reporter
	answer func(w *responseWriter, r *request)

	mu       sync.Mutex
	stopping bool
	ends     time.Time         // at the latest; zero while it is not told to
	conns    map[*conn]bool    // open
	requests map[*request]bool // under way
	last     uint64            // number of a request

	useMoreProcessors func() // called when there are two requests at once

	lastCall time.Duration // how long kept connections stay open after stop
}

// lastCall is a choice: web servers that keep connections use them again at once
// while there are clients, and nobody else is answered meanwhile.
const lastCall = 100 * time.Millisecond

func newListener(l net.Listener, report reporter) *listener {
	return &listener{
		Listener: l, report: report, conns: map[*conn]bool{}, requests: map[*request]bool{},
		useMoreProcessors: func() {}, lastCall: lastCall,
	}
}

// oneProcessor makes the Go scheduler use one processor until the function it
// returns is called. Under mod_fcgid a process has one request at a time, and a
// scheduler that looks for work on all processors costs a third of the requests
// per second.
func oneProcessor() (more func()) {
	more = func() {}
	if n := runtime.GOMAXPROCS(1); n > 1 {
		more = sync.OnceFunc(func() { runtime.GOMAXPROCS(min(n, upstream.MaxProcessors)) })
	}
	return more
}

// serveUntil answers requests until it is stopped, which end does, too, and those that
// are under way then. socket is the one that it is a duplicate of. An error is one of
// the listening socket.
func (l *listener) serveUntil(end context.Context, socket io.Closer) error {
	defer context.AfterFunc(end, func() { l.endWith(socket) })()
	err := l.serve()
	l.stop()
	l.awaitAll(l.lateTime())
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// endWith stops for good. Requests are taken on while those under way are being
// answered: lighttpd and service managers start another process only after the end of
// this one, which an event stream may hold up. Then the socket is given up: clients that
// still come would wait for the end, and spawn-fcgi starts nothing where one can connect.
func (l *listener) endWith(socket io.Closer) {
	l.mu.Lock()
	l.ends = time.Now().Add(finishTime + lastFinishTime)
	l.mu.Unlock()
	l.awaitCurrent(finishTime)
	socket.Close()
	l.stop()
}

// lateTime returns how long requests are awaited that have come late.
func (l *listener) lateTime() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends.IsZero() {
		return lateFinishTime
	}
	return min(lateFinishTime, time.Until(l.ends))
}

// serve answers requests until no connection can be accepted any more.
func (l *listener) serve() error {
	for {
		c, err := l.accept()
		if err != nil {
			return err
		}
		go c.serve()
	}
}

// accept takes a connection. Errors that pass are waited for: no descriptor
// left, a connection that is gone already.
func (l *listener) accept() (*conn, error) {
	said := false
	for {
		accepted, err := l.Listener.Accept()
		switch {
		case err == nil:
			return l.open(accepted), nil
		case errors.Is(err, net.ErrClosed), errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOTSOCK), errors.Is(err, syscall.EBADF):
			return nil, err
		}
		if !said {
			l.report("accept: %v: it is tried again", err)
			said = true
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stop accepts no more connections, and closes those that are kept for further
// requests; one that is under way ends with its request. The web server may just
// send another on a kept one, and would have no response: so for a moment each is
// taken that still comes.
func (l *listener) stop() {
	l.Close()
	l.mu.Lock()
	l.stopping = true
	l.mu.Unlock()
	waitWhile(l.lastCall, l.hasIdle)
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if c.idle() {
			c.end()
		}
	}
}

func (l *listener) hasIdle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if c.idle() {
			return true
		}
	}
	return false
}

// awaitCurrent waits until the requests that are under way now have been
// answered, but not longer than limit. Others are taken meanwhile: an event
// stream must not keep all clients waiting for its end.
func (l *listener) awaitCurrent(limit time.Duration) {
	l.mu.Lock()
	last := l.last
	l.mu.Unlock()
	waitWhile(limit, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for request := range l.requests {
			if request.number <= last {
				return true
			}
		}
		return false
	})
}

// awaitAll waits until all requests have been answered, but not longer than
// limit.
func (l *listener) awaitAll(limit time.Duration) {
	waitWhile(limit, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.conns) > 0
	})
}

// cutAll cuts the requests that are still under way when the process ends. Of others
// the last records may be on their way.
func (l *listener) cutAll() {
	l.mu.Lock()
	conns, requests := slices.Collect(maps.Keys(l.conns)), slices.Collect(maps.Keys(l.requests))
	l.mu.Unlock()
	for _, c := range conns {
		c.interrupt()
	}
	var cuts sync.WaitGroup
	for _, r := range requests {
		cuts.Go(r.cut)
	}
	cuts.Wait()
	for _, c := range conns {
		c.writing.Lock() // when what is being written has its end
		c.Close()
		c.writing.Unlock()
	}
}

func waitWhile(limit time.Duration, busy func() bool) {
	for giveUp := time.Now().Add(limit); busy() && time.Now().Before(giveUp); {
		time.Sleep(10 * time.Millisecond)
	}
}
