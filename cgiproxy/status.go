package cgiproxy

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// The status page is for the owner alone, at STATUS_PATH; anybody else finds
// there what the app has. What is on it is in package statuspage, which looks at
// the site as the commands do. So main hands it over: imports go one way.

// A StatusPage answers a request for STATUS_PATH. It reports false where the
// request is not the owner's: nothing has been written then, and the body has
// the same bytes as before.
type StatusPage func(ctx context.Context, r *StatusRequest) (answered bool, err error)

// A StatusRequest is a request for STATUS_PATH.
type StatusRequest struct {
	*Request
	W     ResponseWriter
	Site  *Site
	Log   *Logger
	Begun time.Time

	ToApp  *http.Request // as the app would get it
	Scheme string        // "http" or "https", as the client sees it
	Host   string        // as the client sees it
	Folder string        // public path of the folder of proxy.cgi, percent-encoded, with a slash at the end
}

// asksForStatus reports whether a request is for STATUS_PATH, to the byte and
// without a query, which would be in access logs.
func (c *call) asksForStatus() bool {
	if c.cfg.StatusPath == "" || c.in.StatusPage == nil || c.in.Env.refusedStatus() != 0 {
		return false
	}
	target := c.in.Env["REQUEST_URI"]
	if target == "" {
		target = pathFromInfo(c.in.Env, false)
		if c.in.Env["QUERY_STRING"] != "" {
			return false
		}
	}
	path, query, err := splitTarget(target)
	return err == nil && path == c.cfg.StatusPath && query == ""
}

// status has the status page answer, where the request is the owner's.
func (c *call) status(ctx context.Context) (answered bool, err error) {
	req, mapping, err := newRequest(c.in.Env, c.cfg, c.site.mark)
	if err != nil {
		return false, nil // it is answered as any request that cannot be
	}
	if c.cfg.Secret != "" {
		sign(req, c.cfg.Secret, c.start)
	}
	return c.in.StatusPage(ctx, &StatusRequest{
		Request: c.in, W: c.w, Site: c.site, Log: &c.log, Begun: c.start,
		ToApp: req, Scheme: mapping.public.scheme, Host: mapping.public.host, Folder: c.publicFolder(),
	})
}

// publicFolder returns the folder that all paths begin with which lead here, as
// far as the web server tells: else that of STATUS_PATH.
func (c *call) publicFolder() string {
	folder, name := c.in.Env.scriptFolder()
	if name == "" {
		return c.cfg.StatusPath[:strings.LastIndexByte(c.cfg.StatusPath, '/')+1]
	}
	return escapePath(strings.TrimRight(folder, "/") + "/")
}

// IsPrivate reports whether nobody on the way can have read the request: it has
// come by https, or from this very machine and by no proxy in front of the web
// server.
func (r *StatusRequest) IsPrivate() bool {
	if r.Scheme == "https" {
		return true
	}
	for name := range r.Env {
		if field, ok := strings.CutPrefix(name, "HTTP_"); ok && tellsOfProxy(http.CanonicalHeaderKey(strings.ReplaceAll(field, "_", "-"))) {
			return false
		}
	}
	addr, err := netip.ParseAddr(r.Env["REMOTE_ADDR"])
	return err == nil && addr.Unmap().IsLoopback()
}

// Accepts returns "html", "json" or "text", whichever the client likes most.
func (r *StatusRequest) Accepts() string { return negotiate(r.Env["HTTP_ACCEPT"]) }
