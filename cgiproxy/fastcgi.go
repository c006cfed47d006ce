package cgiproxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"os/signal"
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

// finishTime bounds the requests under way when the process is told to end.
const finishTime = 30 * time.Second

// ServeFastCGI answers requests from the socket that is descriptor 0, until
// SIGTERM or SIGUSR1, or until proxy.cgi has been replaced; then it answers
// those under way and returns the exit status 0. It returns 1 where it cannot
// serve at all.
//
// A replaced proxy.cgi takes over in this same process: the socket stays open,
// so that no request is lost, and it works under servers that start a FastCGI
// program only once.
func ServeFastCGI() int {
	folder := executableFolder()
	log := &logger{w: os.Stderr, id: "fastcgi"}
	inherited, err := net.FileListener(os.Stdin)
	if err != nil {
		log.errorf("descriptor 0: %v", err)
		return 1
	}
	end, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGUSR1)
	defer cancel()
	l := newFCGIListener(inherited)
	context.AfterFunc(end, func() { l.Close() })

	program := startedFrom(log)
	h := &handler{folder: folder, sites: newSites(folder)}
	err = fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serveFastCGI(h, w, r, l)
		if program.replaced() {
			l.Close()
		}
	}))
	if !errors.Is(err, net.ErrClosed) {
		log.errorf("accept: %v", err)
	}
	l.finish(finishTime)
	h.sites.close()
	if end.Err() == nil && program.replaced() {
		log.errorf("run the new %s: %v", program.path, program.takeOver())
		return 1
	}
	return 0
}

// serveFastCGI answers one request. What net/http/fcgi says about it is not
// used: it comes from variables that the library reads otherwise than we do.
func serveFastCGI(h *handler, w http.ResponseWriter, r *http.Request, l *fcgiListener) {
	request := l.request(r)
	if request == nil {
		http.Error(w, "bad FastCGI parameters", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithCancel(request.ctx)
	defer cancel()
	stop := watchHangup(cancel, visitorConnection(request.env))
	defer stop()
	left := func() bool { return request.ctx.Err() != nil }
	if err := h.withLog(request).serve(ctx, &fcgiWriter{ResponseWriter: w}, request.env, r.Body, left); err != nil {
		request.cut() // with a proper end the web server would take the answer for whole
	}
}

// A fcgiWriter writes a FastCGI answer. net/http/fcgi has reason phrases of
// its own.
type fcgiWriter struct {
	http.ResponseWriter
	started, sent bool
}

func (w *fcgiWriter) WriteStatus(code int, _ string) { w.WriteHeader(code) }

func (w *fcgiWriter) WriteHeader(code int) {
	w.started = true
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
