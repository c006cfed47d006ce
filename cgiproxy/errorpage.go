package cgiproxy

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
)

// publicMessage is what the client's user reads: what can be done, and nothing
// of what is behind.
func publicMessage(status int) string {
	switch status { // not a map, which every process would have to fill
	case http.StatusBadRequest:
		return "The browser sent a request that this site cannot pass on."
	case http.StatusUnauthorized:
		return "This page asks for a name and a password."
	case http.StatusForbidden:
		return "This page may not be seen from here."
	case http.StatusNotFound:
		return "There is no such page on this site."
	case http.StatusLengthRequired:
		return "This site takes an upload only where its length is sent before it."
	case http.StatusRequestEntityTooLarge:
		return "What was sent is larger than this site accepts."
	case http.StatusNotImplemented:
		return "This site cannot do what the request asks for."
	case http.StatusBadGateway:
		return "The application behind this site is not running or did not answer properly. Please try again in a minute."
	case http.StatusServiceUnavailable:
		return "The application behind this site is not available at the moment. Please try again shortly."
	case http.StatusGatewayTimeout:
		return "The application behind this site took too long to answer. Please try again in a minute."
	case http.StatusInternalServerError:
		return "This site is not set up correctly. Its owner finds the reason in the error log."
	default: // one of the web server's own
		return "This site's web server did not accept the request."
	}
}

// maxErrorPage bounds the owner's ERROR_PAGE, in bytes. It is a choice: each
// request that fails reads the whole file into memory.
const maxErrorPage = 1 << 20

// An errorPage is what the client gets in place of a response.
type errorPage struct {
	status  int
	heading string // of the built-in page; "" for the status
	text    string // one or two sentences
	id      string // the same as in the log
	custom  []byte // the owner's HTML, nil for the built-in page
	reload  int    // seconds after which the built-in page does; 0 is never
}

// writeErrorPage answers a request that has failed, in the form its Accept
// asks for.
func writeErrorPage(w ResponseWriter, env Environ, cfg *settings.Config, f *failure, log *Logger) error {
	page := errorPage{status: f.status, text: f.advice, id: log.ID}
	if page.text == "" {
		page.text = publicMessage(f.status)
	}
	if cfg.ErrorPage != "" {
		custom, err := cfg.ReadOwn(cfg.ErrorPage, maxErrorPage)
		if err != nil {
			log.Errorf("%sERROR_PAGE: %v: %s: the built-in page is shown", settings.Prefix, err, settings.FileRemedy(err, "name a readable HTML file"))
		}
		page.custom = custom
	}
	contentType, body := page.html()
	switch negotiate(env["HTTP_ACCEPT"]) {
	case "json":
		contentType, body = page.problem()
	case "text":
		contentType, body = page.plain()
	}
	retryAfter := 5 * time.Second // a choice: most apps restart in less
	if f.retryAfter > 0 {
		retryAfter = f.retryAfter
	}
	return writePage(w, env, f.status, retryAfter, contentType, body)
}

// writePage writes a page of ours. retryAfter is for 503 (RFC 9110, section
// 10.2.3).
func writePage(w ResponseWriter, env Environ, status int, retryAfter time.Duration, contentType, body string) error {
	h := w.Header()
	clear(h)
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
	}
	w.WriteStatus(status, StatusText(status))
	if env["REQUEST_METHOD"] == http.MethodHead {
		return nil
	}
	_, err := io.WriteString(w, body)
	return err
}

func (p errorPage) title() string {
	if p.heading != "" {
		return p.heading
	}
	return fmt.Sprintf("%d %s", p.status, http.StatusText(p.status))
}

func (p errorPage) html() (contentType, body string) {
	contentType = "text/html; charset=utf-8"
	if p.custom != nil {
		return contentType, string(p.custom)
	}
	reload := ""
	if p.reload > 0 {
		reload = fmt.Sprintf("<meta http-equiv=\"refresh\" content=\"%d\">\n", p.reload)
	}
	// Nothing to escape: title and text are constants of ours, and requestID lets
	// no markup through.
	return contentType, strings.NewReplacer("{reload}", reload, "{title}", p.title(), "{text}", p.text, "{id}", p.id).Replace(builtinPage)
}

const builtinPage = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{reload}<title>{title}</title>
<style>
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto; padding: 0 1.5rem; overflow-wrap: anywhere }
h1 { font-size: 1.6rem; font-weight: 600 }
small { opacity: .65 }
</style>
<h1>{title}</h1>
<p>{text}</p>
<p><small>Request {id}</small></p>
</html>
`

// problem is problem details (RFC 9457). The type is left out, so it is
// about:blank, whose title has to be the status's (section 4.2.1).
func (p errorPage) problem() (contentType, body string) {
	return "application/problem+json", fmt.Sprintf(`{"title":%q,"status":%d,"detail":%q,"instance":"urn:request:%s"}`+"\n",
		http.StatusText(p.status), p.status, p.text, p.id)
}

func (p errorPage) plain() (contentType, body string) {
	return "text/plain; charset=utf-8", fmt.Sprintf("%s\n\n%s\n\nRequest %s\n", p.title(), p.text, p.id)
}

// negotiate returns "html", "json" or "text", whichever the Accept field (RFC
// 9110, section 12.5.1) weighs most; of equals the first of this order. A
// client that takes anything is no browser: plain text is what a terminal shows
// best.
func negotiate(accept string) string {
	var html, json, text float64
	for item := range strings.SplitSeq(strings.ToLower(accept), ",") {
		mediaType, params, _ := strings.Cut(item, ";")
		weight := quality(params)
		switch mediaType = strings.TrimSpace(mediaType); {
		case mediaType == "text/html", mediaType == "application/xhtml+xml":
			html = max(html, weight)
		case mediaType == "application/json", strings.HasSuffix(mediaType, "+json"):
			json = max(json, weight)
		case mediaType == "text/plain":
			text = max(text, weight)
		}
	}
	switch {
	case html > 0 && html >= json && html >= text:
		return "html"
	case json > 0 && json >= text:
		return "json"
	}
	return "text"
}

func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		if q, ok := strings.CutPrefix(strings.TrimSpace(param), "q="); ok {
			if weight, err := strconv.ParseFloat(q, 64); err == nil {
				return weight
			}
		}
	}
	return 1
}

// requestID returns the id that joins the client's page and the owner's log:
// the web server's (mod_unique_id) or a random one.
func requestID(env Environ) string {
	id := env["UNIQUE_ID"]
	for i := 0; i < len(id); i++ {
		if !syntax.IsAlphanumeric(id[i]) && strings.IndexByte("@-_", id[i]) < 0 {
			id = ""
		}
	}
	if id == "" || len(id) > 64 {
		id = fmt.Sprintf("%016x", rand.Uint64())
	}
	return id
}
