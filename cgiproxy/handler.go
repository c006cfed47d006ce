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
)

// A handler forwards requests to the app: the four steps of this package, in
// order.
type handler struct {
	folder string     // where proxy.cgi and .htcgiproxy are
	log    io.Writer  // the web server's error log
	sites  *siteCache // of a process that answers many requests, nil for one
}

// withLog returns the handler for a request that has a log of its own.
func (h *handler) withLog(log io.Writer) *handler {
	return &handler{folder: h.folder, sites: h.sites, log: log}
}

// An answerWriter takes the answer for the web server.
type answerWriter interface {
	http.ResponseWriter
	// WriteStatus is WriteHeader with the app's own reason phrase.
	WriteStatus(code int, reason string)
	// hasStarted reports whether it is too late for another status.
	hasStarted() bool
}

// serve answers one request. It returns nil where the visitor got a whole
// answer, be it an error page.
func (h *handler) serve(ctx context.Context, w answerWriter, env Environ, stdin io.Reader, left func() bool) (err error) {
	log := &logger{w: h.log, id: requestID(env)}
	start := time.Now()
	site := h.site(env)
	cfg := site.cfg
	log.level = cfg.LogLevel
	for _, message := range site.warnings {
		log.warnf("%s", message)
	}
	defer func() {
		if p := recover(); p != nil {
			log.errorf("panic: %v: please report it: %s", p, debug.Stack())
			err = h.fail(w, env, cfg, fmt.Errorf("panic: %v", p), log)
		}
	}()
	if status := env.refusedStatus(); status != 0 {
		return h.fail(w, env, cfg, refused(status, env["REQUEST_URI"]), log)
	}
	if site.err != nil {
		return h.fail(w, env, cfg, site.err, log)
	}
	if loop := cfg.checkLoop(env); loop != nil {
		return h.fail(w, env, cfg, misconfigured(loop, env, h.folder), log)
	}
	req, mapping, err := newRequest(env, cfg)
	if err != nil {
		return h.fail(w, env, cfg, err, log)
	}
	if cfg.Secret != "" {
		sign(req, cfg.Secret, start)
	}
	if req.ContentLength != 0 {
		req.Body = &requestBody{r: stdin, length: req.ContentLength, limit: int64(cfg.MaxBody), left: left}
	}
	if log.level >= LevelDebug {
		log.debugf("to %v: %s %s, Host %s, fields %s", &cfg.Upstream, req.Method, req.RequestURI, req.Host, slices.Sorted(maps.Keys(req.Header)))
	}
	resp, err := site.client.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return h.fail(w, env, cfg, err, log)
	}
	err = writeAnswer(w, resp, mapping, log)
	h.logAnswer(log, req, resp, start, err)
	return err
}

func (h *handler) site(env Environ) *site {
	if h.sites == nil {
		return loadSite(env, h.folder)
	}
	return h.sites.site(env)
}

// fail answers with an error page. A visitor who has left gets none, and one
// who has a part of an answer no other.
func (h *handler) fail(w answerWriter, env Environ, cfg *Config, err error, log *logger) error {
	if w.hasStarted() {
		return err
	}
	if visitorLeft(err) {
		log.infof("%s: the visitor left", env["REQUEST_METHOD"])
		return err
	}
	f := asFailure(err)
	level := LevelError
	if f.status < 500 || f.status == http.StatusNotImplemented {
		level = LevelWarn // the visitor's doing
	}
	log.printf(level, "%d %v", f.status, f)
	return writeErrorPage(w, env, cfg, f, log)
}

func (h *handler) logAnswer(log *logger, req *http.Request, resp *http.Response, start time.Time, err error) {
	took := time.Since(start).Round(time.Millisecond / 10)
	switch {
	case err == nil:
		log.infof("%s %s: %d in %v", req.Method, req.RequestURI, resp.StatusCode, took)
	case visitorLeft(err):
		log.infof("%s %s: %d, the visitor left after %v", req.Method, req.RequestURI, resp.StatusCode, took)
	default:
		log.errorf("%s %s: %d cut short after %v: %v", req.Method, req.RequestURI, resp.StatusCode, took, err)
	}
}
