package main

// The demo app. It answers at any path it knows by the first segment, and tells
// in each response what of the request has reached it.

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// An app is the state of the demo app.
type app struct {
	addr   string // where it listens; what it puts into its own redirects
	routes map[string]http.HandlerFunc
	left   departures
}

// newApp gives the app's server, to be run on a [headListener].
func newApp(addr string) *http.Server {
	a := &app{addr: addr}
	a.routes = map[string]http.HandlerFunc{
		"":          a.page,
		"echo":      a.echo,
		"events":    events,
		"slow":      slow,
		"cookies":   cookies,
		"away":      a.redirectAbsolute,
		"aside":     redirectRelative,
		"missing":   missing,
		"file":      file,
		"empty":     empty,
		"untyped":   untyped,
		"gzip":      compressed,
		"cut":       cut,
		"websocket": websocket,
		"hold":      a.left.hold,
		"held":      a.left.held,
	}
	srv := &http.Server{Handler: a, ConnContext: withHead, ReadHeaderTimeout: time.Minute}
	// One request a connection, so that its head is what was read first.
	srv.SetKeepAlivesEnabled(false)
	return srv
}

// ServeHTTP does what http.ServeMux would, but for its redirects to a cleaned
// path: here "//" and "%2F" are the point.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, _, _ := strings.Cut(strings.TrimLeft(r.URL.Path, "/"), "/")
	handle, ok := a.routes[first]
	if !ok {
		handle = missing
	}
	w.Header().Set("Cache-Control", "no-store")
	handle(w, r)
}

// received is what of a request has reached the app.
type received struct {
	Method string      `json:"method"`
	Target string      `json:"target"` // as it stood in the request line
	Proto  string      `json:"proto"`
	Fields [][2]string `json:"fields"` // in the order they came in
	Size   int64       `json:"size"`   // of the body, in bytes
	SHA256 string      `json:"sha256"` // of the body, in hex
	Parts  []part      `json:"parts"`  // of a multipart form
	Error  string      `json:"error"`  // why the body ended early, if it did
}

// A part is one field or file of a form.
type part struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// receive reads the whole request, however large, without keeping its body.
func receive(r *http.Request) received {
	got := received{Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Fields: headFields(r)}
	whole := sha256.New()
	size := &counter{}
	body := io.TeeReader(r.Body, io.MultiWriter(whole, size))
	var err error
	if kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		got.Parts, err = receiveParts(multipart.NewReader(body, params["boundary"]))
	}
	// What follows the last part belongs to the body too.
	if _, copyErr := io.Copy(io.Discard, body); err == nil {
		err = copyErr
	}
	if err != nil {
		got.Error = err.Error()
	}
	got.Size, got.SHA256 = size.n, hex.EncodeToString(whole.Sum(nil))
	return got
}

func receiveParts(form *multipart.Reader) ([]part, error) {
	var parts []part
	for {
		p, err := form.NextRawPart()
		if err == io.EOF {
			return parts, nil
		}
		if err != nil {
			return parts, err
		}
		sum := sha256.New()
		n, err := io.Copy(sum, p)
		if err != nil {
			return parts, err
		}
		parts = append(parts, part{p.FormName(), p.FileName(), n, hex.EncodeToString(sum.Sum(nil))})
	}
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// echo answers what it received, as JSON.
func (a *app) echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(receive(r))
}

// page shows the same to people. Posting the form to it needs no JavaScript.
func (a *app) page(w http.ResponseWriter, r *http.Request) {
	// Rendered before it is sent, so that a mistake in the page is a 500.
	var out bytes.Buffer
	if err := page.Execute(&out, receive(r)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(out.Bytes())
}
