package main

// The responses that tend to break behind a bad proxy, one handler each.

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// events is a live stream: ten events, 200 ms apart.
func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := 1; i <= 10; i++ {
		fmt.Fprintf(w, "id: %d\ndata: %d\n\n", i, i)
		http.NewResponseController(w).Flush()
		if !pause(r, 200*time.Millisecond) {
			return
		}
	}
}

// pause waits, and reports whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

// slow lets the client wait for the header.
func slow(w http.ResponseWriter, r *http.Request) {
	if pause(r, 3*time.Second) {
		io.WriteString(w, "at last")
	}
}

// cookies sets two. The comma in the first makes one that was joined with the
// second unreadable.
func cookies(w http.ResponseWriter, r *http.Request) {
	value := r.URL.Query().Get("value")
	w.Header().Add("Set-Cookie", "demo-one="+value+"; Path=/; Expires=Wed, 31 Dec 2036 23:59:59 GMT; SameSite=Lax")
	w.Header().Add("Set-Cookie", "demo-two="+value+"; Path=/; Max-Age=3600; SameSite=Lax")
	io.WriteString(w, "two cookies")
}

// redirectAbsolute names the app's own address, as apps do that do not know of
// the proxy.
func (a *app) redirectAbsolute(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Location", "http://"+a.addr+"/echo/arrived?from=away")
	w.WriteHeader(http.StatusFound)
}

func redirectRelative(w http.ResponseWriter, r *http.Request) {
	// Not http.Redirect, which makes the path absolute.
	w.Header().Set("Location", "../echo/arrived?from=aside")
	w.WriteHeader(http.StatusFound)
}

// missing has a reason phrase of its own, which net/http does not write.
func missing(w http.ResponseWriter, r *http.Request) {
	const body = "there is no such demo\n"
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, body, http.StatusNotFound)
		return
	}
	defer conn.Close()
	fmt.Fprintf(out, "HTTP/1.1 404 No Such Demo\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len(body))
	if r.Method != http.MethodHead {
		out.WriteString(body)
	}
	out.Flush()
}

// file is 12345 bytes long; it answers HEAD, Range and If-None-Match.
func file(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("ETag", `"demo"`)
	text := strings.Repeat("0123456789", 1235)[:12345]
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
}

func empty(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }

// untyped has no Content-Type; no one may guess one.
func untyped(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = nil
	io.WriteString(w, "<p>not declared to be HTML")
}

// compressed sends gzip whether asked for or not, with its length.
func compressed(w http.ResponseWriter, r *http.Request) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	io.WriteString(zip, strings.Repeat("the same again, ", 4096))
	zip.Close()
	h := w.Header()
	h.Set("Content-Type", "text/plain")
	h.Set("Content-Encoding", "gzip")
	h.Set("Content-Length", strconv.Itoa(out.Len()))
	h.Set("X-Sent-Length", strconv.Itoa(out.Len()))
	w.Write(out.Bytes())
}

// cut closes the connection in the middle: of an announced length at
// /cut/length, of a chunked body elsewhere.
func cut(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/cut/length" {
		w.Header().Set("Content-Length", "1000")
	}
	io.WriteString(w, "this is half of it")
	http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// websocket is never to be reached by an upgrade, so it keeps one waiting.
func websocket(w http.ResponseWriter, r *http.Request) {
	if pause(r, 5*time.Second) {
		http.Error(w, "this app speaks no websocket", http.StatusBadRequest)
	}
}

// departures notes which clients have left.
type departures struct{ seen sync.Map } // query -> chan struct{}, filled when the client left

func (d *departures) of(r *http.Request) chan struct{} {
	gone, _ := d.seen.LoadOrStore(r.URL.RawQuery, make(chan struct{}, 1))
	return gone.(chan struct{})
}

// hold begins a response and then is silent until the client leaves.
func (d *departures) hold(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "waiting")
	http.NewResponseController(w).Flush()
	select {
	case <-r.Context().Done():
		select {
		case d.of(r) <- struct{}{}:
		default: // the same query twice
		}
	case <-time.After(20 * time.Second):
	}
}

// held tells within five seconds whether the client of hold has left.
func (d *departures) held(w http.ResponseWriter, r *http.Request) {
	defer d.seen.Delete(r.URL.RawQuery)
	select {
	case <-d.of(r):
		io.WriteString(w, "left")
	case <-time.After(5 * time.Second):
		io.WriteString(w, "still there")
	case <-r.Context().Done():
	}
}
