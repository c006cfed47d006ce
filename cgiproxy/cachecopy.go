package cgiproxy

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"proxy.cgi/cgiproxy/syntax"
)

// A CacheCopy is the copy that a cache in the web server may make of a response. The
// response has to be whole then, or look cut, though its client has left: the server
// may go on for the cache. Its methods may be called at any time, Begin and Grow by
// one goroutine.
type CacheCopy struct {
	// AnyPage says that the server may give a page a time to live of its own, as
	// mod_expires does, and that nothing shows it a page without a length to be cut.
	AnyPage bool

	grown atomic.Int64 // when the last piece came, in Unix nanoseconds; 0 where there is no copy
}

// standstill is the silence of the app after which a copy is given up: a cache gains
// nothing by it, and who leaves such pages one after the other would use up the few
// processes that a host allows. It is a choice.
const standstill = 10 * time.Second

// Begin tells of the header. A cache for all visitors may keep a response (RFC 9111,
// section 3) unless the app forbids it, where the app says how long, or how to ask for
// it again: mod_cache keeps none else. An event stream has no end that a cache could
// wait for, and Last-Modified only because frameworks take that for a reason to leave
// it as it is (Rack::ETag).
func (c *CacheCopy) Begin(h http.Header) {
	control := strings.ToLower(strings.Join(h["Cache-Control"], ","))
	forbidden := strings.Contains(control, "no-store") || syntax.HasToken(control, "private")
	lasts := strings.Contains(control, "max") || h["Expires"] != nil || h["Last-Modified"] != nil || h["Etag"] != nil
	if (lasts || c.AnyPage && h["Content-Length"] == nil) && !forbidden && !isEventStream(h) {
		c.grown.Store(time.Now().UnixNano())
	}
}

// Grow tells of a piece of the body.
func (c *CacheCopy) Grow() {
	if c.IsMade() {
		c.grown.Store(time.Now().UnixNano())
	}
}

// IsMade reports whether a cache may keep the response.
func (c *CacheCopy) IsMade() bool { return c.grown.Load() != 0 }

// IsGrowing reports whether the response has to go on for a cache.
func (c *CacheCopy) IsGrowing() bool {
	return c.IsMade() && time.Since(time.Unix(0, c.grown.Load())).Abs() < standstill
}

func isEventStream(h http.Header) bool {
	mediaType, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.Trim(mediaType, " \t"), "text/event-stream")
}
