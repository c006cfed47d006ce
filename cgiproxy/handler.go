package cgiproxy

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
)

// A Request is what the web server hands over.
type Request struct {
	Env  Environ
	Body io.Reader   // as long as Env says, or to its end
	Gone func() bool // reports whether the client has left; nil where nobody knows
	Log  io.Writer   // the web server's error log
	Way  string      // "CGI" or "FastCGI"

	StatusPage StatusPage // nil for none

	// Reload reads the settings as LoadSite does, where they have changed while the
	// request waited for the app; nil for never.
	Reload func() *Site
}

// A ResponseWriter takes the response for the web server.
type ResponseWriter interface {
	http.ResponseWriter

	// WriteStatus is WriteHeader with a reason phrase, which is not empty.
	WriteStatus(code int, reason string)

	// FlushLast sends the last piece of a response, unless that goes out with the
	// end, which is about to be written.
	FlushLast() error

	// HasStarted reports whether it is too late for another status.
	HasStarted() bool

	// LargeBuffer prepares for a large response and returns a buffer to copy it
	// with, or nil to go on with a usual one.
	LargeBuffer() []byte
}

// Serve answers one request: it sends it to the app of the site and copies the
// response. It returns nil where the client got a whole response, be it an
// error page. The end of ctx, where the client has left, ends both.
func Serve(ctx context.Context, w ResponseWriter, in *Request, site *Site) (err error) {
	c := newCall(w, in, site)
	defer func() {
		if p := recover(); p != nil {
			c.log.Errorf("panic: %v: please report it: %s", p, debug.Stack())
			err = c.fail(fmt.Errorf("panic: %v", p))
		}
	}()
	if p, ok := c.probe(); ok {
		return c.answerProbe(ctx, p)
	}
	if c.asksForStatus() {
		if answered, err := c.status(ctx); answered {
			return err
		}
	}
	req, mapping, err := c.request()
	if err == nil {
		err = c.checkEnd(req)
	}
	if err == nil {
		err = c.awaitNoBody(ctx, req)
	}
	if err != nil {
		return c.fail(err)
	}
	next, err := c.forward(ctx, req, mapping)
	if next != nil {
		return Serve(ctx, w, in, next)
	}
	return err
}

// forward has the app answer, or returns the site that is to, where the settings have
// changed before there was an app to send the request to.
func (c *call) forward(ctx context.Context, req *http.Request, mapping reverseMapping) (next *Site, err error) {
	ctx, leave, err := c.enter(ctx)
	defer leave()
	defer c.logNotes()
	var resp *http.Response
	if err == nil {
		resp, err = c.site.transport.RoundTrip(req.WithContext(ctx))
	}
	if err != nil {
		if context.Cause(ctx) == errStarting {
			return nil, c.writeStartingPage()
		}
		if next := c.reload(err); next != nil {
			return next, nil
		}
		return nil, c.fail(err)
	}
	err = writeResponse(c.w, resp, mapping, &c.log)
	c.logResponse(req, resp, err)
	return nil, err
}

// reload returns the site of the settings as they are now, where err says that those
// of the call are no longer. A file that is just being uploaded may be there in part.
func (c *call) reload(err error) *Site {
	if !ondemand.IsOutdated(err) || c.in.Reload == nil {
		return nil
	}
	next := c.in.Reload()
	if next.err != nil || next.App() != nil && next.App().SettingsChanged.Equal(c.site.App().SettingsChanged) {
		return nil
	}
	return next
}

// A call is one request on its way.
type call struct {
	w     ResponseWriter
	in    *Request
	site  *Site
	cfg   *settings.Config
	log   Logger
	start time.Time
}

func newCall(w ResponseWriter, in *Request, site *Site) *call {
	c := &call{w: w, in: in, site: site, cfg: site.cfg, start: time.Now()}
	c.log = Logger{W: in.Log, Level: c.cfg.LogLevel, ID: requestID(in.Env)}
	if c.cfg.LogFile != "" {
		c.log.W = &logFile{errorLog: c.log, cfg: c.cfg}
	}
	c.logNotes()
	return c
}

func (c *call) logNotes() {
	for _, note := range c.site.takeNotes() {
		c.log.Printf(note.Level, "%s", note.Text)
	}
}

// request returns the request to send to the app, and how the app's URLs and
// the public ones relate.
func (c *call) request() (*http.Request, reverseMapping, error) {
	if status := c.in.Env.refusedStatus(); status != 0 {
		return nil, reverseMapping{}, refused(status, c.in.Env["REQUEST_URI"])
	}
	if c.site.err != nil {
		return nil, reverseMapping{}, c.site.err
	}
	if err := c.site.checkLink(c.in.Env["SCRIPT_FILENAME"]); err != nil {
		return nil, reverseMapping{}, err
	}
	req, mapping, err := newRequest(c.in.Env, c.cfg, c.site.mark)
	if err != nil {
		return nil, reverseMapping{}, err
	}
	if err := c.site.checkLoop(c.in.Env, req); err != nil {
		return nil, reverseMapping{}, err
	}
	mapping.chosen = c.site.transport.ChosenAddress
	if req.ContentLength != 0 {
		req.Body = &requestBody{r: c.in.Body, length: req.ContentLength, limit: int64(c.cfg.MaxBody), gone: c.in.Gone}
	}
	if c.log.Level >= settings.LevelDebug {
		names := slices.Sorted(maps.Keys(req.Header))
		if c.cfg.Secret != "" {
			names = append(names, signatureField) // once it is sent
		}
		c.log.Debugf("to %v: %s %s, Host %s, fields %s", &c.cfg.Upstream, req.Method, req.RequestURI, req.Host, names)
	}
	return req, mapping, nil
}

// fail answers with an error page. A client that has left gets none, and one
// that has a part of a response no other.
func (c *call) fail(err error) error {
	if c.w.HasStarted() {
		return err
	}
	if ClientLeft(err) {
		c.log.Infof("%s: the visitor left", c.in.Env["REQUEST_METHOD"])
		return err
	}
	f := asFailure(err)
	level := settings.LevelError
	if f.status < 500 || f.status == http.StatusNotImplemented {
		level = settings.LevelWarn // the request's fault, not the site's
	}
	c.log.Printf(level, "%d %v", f.status, f)
	return writeErrorPage(c.w, c.in.Env, c.cfg, f, &c.log)
}

func (c *call) logResponse(req *http.Request, resp *http.Response, err error) {
	took := time.Since(c.start).Round(time.Millisecond / 10)
	switch {
	case err == nil:
		c.log.Infof("%s %s: %d in %v", req.Method, req.RequestURI, resp.StatusCode, took)
	case ClientLeft(err):
		c.log.Infof("%s %s: %d, the visitor left after %v", req.Method, req.RequestURI, resp.StatusCode, took)
	default:
		c.log.Errorf("%s %s: %d cut short after %v: %v", req.Method, req.RequestURI, resp.StatusCode, took, asFailure(err))
	}
}
