package fastcgi

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy"
)

// IsListening reports whether descriptor 0 is a listening socket, as a web
// server hands it to a FastCGI program. net.FileListener takes a connected one,
// too, and then fails to accept.
func IsListening() bool {
	listening, err := unix.GetsockoptInt(0, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && listening == 1
}

const (
	// finishTime bounds the requests under way when the process is told to end,
	// or finds that it has been replaced. It is a choice: long enough for a page,
	// not for every download or event stream. With lastFinishTime it is no more than
	// the 30 s after which many an init script sends SIGKILL.
	finishTime = 28 * time.Second

	// lateFinishTime bounds those that have come after that. Clients wait for
	// their end, for the old proxy.cgi takes nothing new any more, or are refused
	// until there is another process.
	lateFinishTime = 10 * time.Second

	// lastFinishTime is what is left of that where a process ends for good and those
	// of before have taken all of finishTime, as event streams do.
	lastFinishTime = time.Second

	// keepTime is how long a connection to the app is used. An app that has been
	// told to end answers on it all the same, its new version gets nothing, and one
	// that serves a connection at a time lets everybody else wait. A new connection
	// each second costs nothing that could be measured. Node.js closes idle
	// connections after 5 s: few requests meet one that is being closed (RFC 9112,
	// section 9.5).
	keepTime = time.Second

	// bodyLinger is short, for a FastCGI response ends only after the request's
	// body, and nginx sends no more of that once the response has begun.
	bodyLinger = time.Second
)

// Serve answers requests from the socket that is descriptor 0, until
// SIGTERM or SIGUSR1, or until proxy.cgi has been replaced, and until those
// that are under way then have been answered; it returns the exit status 0. It
// returns 1 where it cannot serve.
//
// A new proxy.cgi takes over in this same process: the socket stays open,
// so that no request is lost, and it works under servers that start a FastCGI
// program only once.
func Serve(status cgiproxy.StatusPage) int {
	log := &cgiproxy.Logger{W: os.Stderr, ID: "fastcgi"}
	signal.Ignore(syscall.SIGPIPE) // from an error log that nobody reads any more
	end, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGUSR1)
	defer cancel()
	useMoreProcessors := oneProcessor()
	awaitInherited()
	sites := newSites(cgiproxy.ExecutableFolder(), os.Environ())
	report := func(format string, args ...any) {
		log.Errorf(format, args...)
		sites.report(format, args...) // for spawn-fcgi leads stderr to /dev/null, and so does lighttpd
	}
	program := startedFrom(report)
	for {
		inherited, err := net.FileListener(os.Stdin)
		if err != nil {
			log.Errorf("descriptor 0: %v", err)
			return 1
		}
		l := newListener(inherited, report)
		l.useMoreProcessors = useMoreProcessors
		l.answer = func(w *responseWriter, r *request) {
			serveRequest(sites, status, w, r)
			if program.checkDue() {
				// Beside, for it takes time, and the response ends here.
				go program.whenReplaced(func() { l.awaitCurrent(finishTime) }, l.stop)
			}
		}
		if err := l.serveUntil(end, os.Stdin); err != nil {
			log.Errorf("accept: %v", err)
			return 1
		}
		sites.close()
		if end.Err() == nil {
			program.takeOver(end, l.cutAll)
		}
		if end.Err() != nil {
			l.cutAll()
			return 0
		}
	}
}

// serveRequest answers one request.
func serveRequest(sites *siteCache, status cgiproxy.StatusPage, w *responseWriter, r *request) {
	growStack()
	defer func() { // cgiproxy.Serve has its own; this is for what is around it
		if p := recover(); p != nil {
			(&cgiproxy.Logger{W: r, ID: "fastcgi"}).Errorf("panic: %v: please report it: %s", p, debug.Stack())
			r.cut()
		}
	}()
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	stop := cgiproxy.WatchClient(cancel, r.clientGone(w), r.conn.left)
	defer stop()
	load := func() *cgiproxy.Site { return sites.site(r.env) }
	in := &cgiproxy.Request{
		Env:  r.env,
		Body: r.body,
		Gone: func() bool { return r.ctx.Err() != nil },
		Log:  r,
		Way:  "FastCGI",

		StatusPage: status,
		Reload:     load,
	}
	switch err := cgiproxy.Serve(ctx, w, in, load()); {
	case err == nil:
	case !w.HasStarted():
		answerNobody(w)
	case cgiproxy.ClientLeft(err) && !w.cacheCopy.IsMade():
		// Nobody takes it for whole. For each connection that is cut mod_fcgid ends
		// a process, and after some it starts none for a while.
	case cgiproxy.BehindNginx(r.env["SERVER_SOFTWARE"]) && w.header["Content-Length"] != nil:
		// At the end of the records nginx minds what is missing, and passes on what is
		// there.
	default:
		r.cut() // with a proper end the web server would take the response for whole
	}
}

// clientGone returns a look for a client that has left, of which the first is taken
// here: only a client that has been seen can be missed. nginx looks itself, and where
// it goes on all the same (fastcgi_cache, fastcgi_ignore_client_abort) it wants the
// whole response.
func (r *request) clientGone(w *responseWriter) func() bool {
	if cgiproxy.BehindNginx(r.env["SERVER_SOFTWARE"]) {
		return func() bool { return false }
	}
	gone := cgiproxy.ClientGone(r.env)
	gone()
	return func() bool { return gone() && !w.cacheCopy.IsGrowing() }
}

// answerNobody ends a request whose client has left before any response. For a
// cut connection mod_fcgid would end the process and all its other requests,
// and start the next ones more slowly.
func answerNobody(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
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
