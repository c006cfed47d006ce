package cgiproxy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"time"
)

const (
	// startPatience is how long a browser waits for an app that is being started
	// before it gets a page that reloads itself. It is a choice: waiting requests
	// hold the few processes that a host allows.
	startPatience = 2 * time.Second

	// startReload is the pause before the page reloads itself.
	startReload = 1 * time.Second
)

var errStarting = errors.New("the app is still being started")

// whileStarting returns a context that ends with errStarting where there is no
// connection to the app after startPatience, for a request that can be answered
// with the starting page. The app goes on to start.
func (c *call) whileStarting(ctx context.Context) (_ context.Context, stop func()) {
	if c.site.transport.App == nil || !c.cfg.StartPage || !takesStartingPage(c.in.Env) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(startPatience, func() { cancel(errStarting) })
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { timer.Stop() },
	})
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// takesStartingPage reports whether a request is that of a browser for a page,
// rather than for a part of one: Fetch Metadata, "document", which older browsers
// do not send.
func takesStartingPage(env Environ) bool {
	dest := env["HTTP_SEC_FETCH_DEST"]
	return env["REQUEST_METHOD"] == http.MethodGet && (dest == "" || dest == "document") && negotiate(env["HTTP_ACCEPT"]) == "html"
}

func (c *call) writeStartingPage() error {
	c.log.Infof("the app is still being started: the visitor gets the page that says so")
	page := errorPage{
		heading: "Starting",
		text:    "The application behind this site is being started. This page reloads itself.",
		id:      c.log.ID,
		reload:  int(startReload.Seconds()),
	}
	contentType, body := page.html()
	return writePage(c.w, c.in.Env, http.StatusServiceUnavailable, startReload, contentType, body)
}
