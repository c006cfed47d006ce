package cgiproxy

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// A handler forwards requests to the app: the four steps of this package, in
// order.
type handler struct {
	folder string    // where proxy.cgi and .htcgiproxy are
	log    io.Writer // the web server's error log
}

// serve answers one request. It returns nil where the visitor got a whole
// answer, be it an error page.
func (h *handler) serve(ctx context.Context, w http.ResponseWriter, env Environ, stdin io.Reader, left func() bool) error {
	log := &logger{w: h.log, id: requestID(env)}
	start := time.Now()
	cfg, unknown, err := loadConfig(env, h.folder)
	log.level = cfg.LogLevel
	for _, message := range unknown {
		log.warnf("%s", message)
	}
	if err != nil {
		return h.fail(w, env, cfg, err, log)
	}
	req, public, err := newRequest(env, cfg)
	if err != nil {
		return h.fail(w, env, cfg, err, log)
	}
	if req.ContentLength != 0 {
		req.Body = &requestBody{r: stdin, length: req.ContentLength, limit: cfg.MaxBody, left: left}
	}
	log.debugf("to %v: %s %s, Host %s, fields %s", &cfg.Upstream, req.Method, req.RequestURI, req.Host, slices.Sorted(maps.Keys(req.Header)))
	resp, err := (&client{cfg: cfg}).RoundTrip(req.WithContext(ctx))
	if err != nil {
		return h.fail(w, env, cfg, err, log)
	}
	err = writeAnswer(w, resp, mount{&cfg.Upstream, public}, log)
	h.logAnswer(log, req, resp, start, err)
	return err
}

// fail answers with an error page. A visitor who has left gets none.
func (h *handler) fail(w http.ResponseWriter, env Environ, cfg *Config, err error, log *logger) error {
	if errors.Is(err, context.Canceled) {
		log.infof("%s: the visitor left", env["REQUEST_METHOD"])
		return err
	}
	f := asFailure(err)
	level := LevelError
	if f.status < 500 || f.status == http.StatusNotImplemented {
		level = LevelWarn // the visitor's doing
	}
	log.printf(level, "%d %v", f.status, f)
	return writeErrorPage(w, env, cfg, h.folder, f, log)
}

func (h *handler) logAnswer(log *logger, req *http.Request, resp *http.Response, start time.Time, err error) {
	took := time.Since(start).Round(time.Millisecond / 10)
	switch {
	case err == nil:
		log.infof("%s %s: %d in %v", req.Method, req.RequestURI, resp.StatusCode, took)
	case errors.Is(err, context.Canceled):
		log.infof("%s %s: %d, the visitor left after %v", req.Method, req.RequestURI, resp.StatusCode, took)
	default:
		log.errorf("%s %s: %d cut short after %v: %v", req.Method, req.RequestURI, resp.StatusCode, took, err)
	}
}
