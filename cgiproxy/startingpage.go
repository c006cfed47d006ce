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

// enter is Site.enter with the context to go on with. For a request that can be
// answered with the starting page, that ends with errStarting where there is no
// connection to the app after startPatience; the next request goes on with what
// this one does for the app. Where an old app serves while a new one is started,
// Site.enter returns in time, for what belongs to a page, too.
func (c *call) enter(ctx context.Context) (_ context.Context, done func(), err error) {
	isPage := takesStartingPage(c.in.Env)
	if c.site.transport.App == nil || !c.cfg.StartPage || !isPage && c.in.Env["HTTP_SEC_FETCH_DEST"] == "" {
		done, err = c.site.enter(ctx)
		return ctx, done, err
	}
	limit := time.Now().Add(startPatience)
	entering, cancel := context.WithDeadlineCause(ctx, limit, errStarting)
	leave, err := c.site.enter(entering)
	cancel()
	isLate := context.Cause(entering) == errStarting
	switch {
	case isLate && err != nil && !isPage: // there is no old app
		leave, err = c.site.enter(ctx)
		return ctx, leave, err
	case err != nil:
		return entering, leave, err
	case isLate, !isPage:
		return ctx, leave, nil
	}
	ctx, end := context.WithCancelCause(ctx)
	// Site.enter may have been late, and the old app needs a moment.
	timer := time.AfterFunc(max(time.Until(limit), startPatience/2), func() { end(errStarting) })
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { timer.Stop() },
	})
	return ctx, func() {
		timer.Stop()
		end(nil)
		leave()
	}, nil
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
