package cgiproxy

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestBegin(t *testing.T) {
	const date = "Sat, 28 Nov 2026 13:00:00 GMT"
	for _, tt := range []struct {
		name        string
		header      http.Header
		want, byCGI bool
	}{
		{"nothing said", http.Header{"Content-Type": {"text/html"}}, false, true},
		{"a length", http.Header{"Content-Length": {"5"}}, false, false},
		{"a time to live", http.Header{"Cache-Control": {"public, max-age=60"}}, true, true},
		{"one for shared caches", http.Header{"Cache-Control": {"max-age=0", "s-maxage=60"}}, true, true},
		{"Expires", http.Header{"Expires": {date}}, true, true},
		{"Last-Modified", http.Header{"Last-Modified": {date}}, true, true},
		{"an entity tag", http.Header{"Etag": {`"a"`}}, true, true},
		{"to be asked about", http.Header{"Cache-Control": {"no-cache"}, "Etag": {`"a"`}}, true, true},
		{"for nobody", http.Header{"Cache-Control": {"No-Store"}, "Etag": {`"a"`}}, false, false},
		{"for the client's cache", http.Header{"Cache-Control": {"max-age=60, Private"}, "Etag": {`"a"`}}, false, false},
		{"fields for the client's cache", http.Header{"Cache-Control": {`private="set-cookie", max-age=60`}}, true, true},
		{"event stream", http.Header{"Content-Type": {"text/event-stream"}, "Cache-Control": {"no-cache, max-age=0"}, "Last-Modified": {date}}, false, false},
		{"event stream in UTF-8", http.Header{"Content-Type": {"Text/Event-Stream ; charset=utf-8"}, "Etag": {`"a"`}}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var fast CacheCopy
			once := &newCGIWriter(nil).cacheCopy
			fast.Begin(tt.header)
			once.Begin(tt.header)
			if fast.IsMade() != tt.want || once.IsMade() != tt.byCGI {
				t.Errorf("a cache may keep %v: FastCGI %t, CGI %t, want %t and %t", tt.header, fast.IsMade(), once.IsMade(), tt.want, tt.byCGI)
			}
		})
	}
}

// A response goes on for a cache as long as the app does.
func TestCacheCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var copied, alone CacheCopy
		want := func(when string, made, growing bool) {
			t.Helper()
			if copied.IsMade() != made || copied.IsGrowing() != growing {
				t.Errorf("%s: made %t, growing %t, want %t and %t", when, copied.IsMade(), copied.IsGrowing(), made, growing)
			}
			if alone.IsMade() || alone.IsGrowing() {
				t.Errorf("%s: one that no cache may keep is copied", when)
			}
		}
		want("before the header", false, false)
		copied.Begin(http.Header{"Etag": {`"a"`}})
		alone.Begin(http.Header{})
		want("after it", true, true)
		time.Sleep(standstill)
		want("in silence", true, false)
		copied.Grow()
		alone.Grow()
		want("after a piece", true, true)
		time.Sleep(standstill)
		want("in silence again", true, false)
		copied.grown.Store(time.Now().Add(time.Hour).UnixNano())
		want("after the clock was set back", true, false)
	})
}
