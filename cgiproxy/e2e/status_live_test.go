package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestStatusLive has a client in the place of the status page's script: what it
// brings back has to lead to what `check --url` says of the same servers.
func TestStatusLive(t *testing.T) {
	const held = "warning: held back"
	fastcgi := findings{"way": "ok: FastCGI"}
	known := map[webserver.Kind]findings{
		webserver.LighttpdFastCGI: fastcgi,
		webserver.NginxFastCGI:    fastcgi,
		webserver.ApacheFcgid:     {"way": "ok: FastCGI", "upload": "fault: 500", "streaming": held, "event stream": held, "cut response": "ok: becomes 500"},
	}
	for _, kind := range []webserver.Kind{
		webserver.ApacheSuexec, webserver.ApacheEvent, webserver.ApacheFcgid, webserver.NginxFcgiwrap, webserver.NginxFastCGI, webserver.LighttpdCGI, webserver.LighttpdFastCGI,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, "")
			path := s.folder + "/my-status"
			s.WriteFile(t, s.folder[1:]+"/.htcgiproxy", liveSettings+"STATUS_PATH="+path+"\nSTATUS_TOKEN="+statusToken+"\n", 0o600)
			b := &pageScript{t: t, site: s, page: s.URL + path}
			page := b.post(url.Values{"token": {statusToken}}, "text/html")
			_, form, _ := strings.Cut(page, `data-form="`)
			b.form, _, _ = strings.Cut(form, `"`)

			want := maps.Clone(known[kind])
			if want == nil {
				want = findings{"way": "ok: CGI"}
			}
			want["reach"] = "ok: proxy.cgi answers, behind "
			want["chunked upload"] = "ok: no browser sends"
			want["client address"] = "ok: 127.0.0.1"
			want["app"] = "fault: it gives no first page: connect 127.0.0.1:1"
			for _, f := range b.check() {
				outcome, text := check.OK.String(), ""
				if w, ok := want[f.Check]; ok {
					outcome, text, _ = strings.Cut(w, ": ")
					delete(want, f.Check)
				}
				if f.Level != outcome || !strings.Contains(f.Text, text) {
					t.Errorf("%s: got %s: %s\nwant %s: %s", f.Check, f.Level, f.Text, outcome, text)
				}
			}
			for name := range want {
				t.Errorf("no row %s", name)
			}
		})
	}
}

// A pageScript does what the page's script does.
type pageScript struct {
	t      *testing.T
	site   site
	page   string // its URL
	cookie string
	form   string
}

func (b *pageScript) post(fields url.Values, accept string) string {
	b.t.Helper()
	req, err := http.NewRequest("POST", b.page, strings.NewReader(fields.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": accept, "Sec-Fetch-Site": "same-origin", "Cookie": b.cookie} {
		req.Header.Set(name, value)
	}
	client := http.Client{Timeout: 6 * patience}
	resp, err := client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		b.t.Fatalf("%v: %s %v\n%.500s\n%.2000s", fields["action"], resp.Status, err, text, b.site.log())
	}
	if cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";"); cookie != "" {
		b.cookie = cookie
	}
	return string(text)
}

type judged struct{ Check, Level, Text, Remedy string }

func (b *pageScript) check() (found []judged) {
	b.t.Helper()
	type question struct {
		Method, Target string
		Size           int
		Fields         [][2]string
	}
	var questions []question
	fields := url.Values{"form": {b.form}, "origin": {b.site.URL}, "action": {"questions"}}
	if err := json.Unmarshal([]byte(b.post(fields, "application/json")), &questions); err != nil || len(questions) < 20 {
		b.t.Fatalf("%d questions: %v", len(questions), err)
	}
	fields.Set("action", "judge")
	for i, q := range questions {
		for name, value := range b.ask(q.Method, q.Target, q.Size, q.Fields) {
			fields.Set(strconv.Itoa(i)+"."+name, value)
		}
	}
	if size := len(fields.Encode()); size > 120<<10 {
		b.t.Errorf("what the browser brings back has %d bytes: mod_fcgid takes 128 KiB", size)
	}
	text := b.post(fields, "application/json")
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		b.t.Fatalf("%v in %s", err, text)
	}
	return found
}

// ask sends a question and tells what comes back, as page.js does.
func (b *pageScript) ask(method, target string, size int, fields [][2]string) map[string]string {
	ctx, cancel := context.WithTimeout(b.t.Context(), 8*time.Second)
	defer cancel()
	base, err := url.Parse(b.site.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	req := &http.Request{Method: method, URL: &url.URL{Scheme: base.Scheme, Host: base.Host, Opaque: "//" + base.Host + path, RawQuery: query}, Host: base.Host, Header: http.Header{}}
	if size > 0 {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("0123456789", size/10))), int64(size)
	} else if slices.Contains([]string{"POST", "PUT", "PATCH"}, method) {
		req.Body = http.NoBody
	}
	for _, field := range fields {
		req.Header.Set(field[0], field[1])
	}
	begun := time.Now()
	resp, err := http.DefaultTransport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	defer resp.Body.Close()
	seen := map[string]string{"status": strconv.Itoa(resp.StatusCode), "reason": http.StatusText(resp.StatusCode)}
	var header strings.Builder
	for name := range resp.Header {
		fmt.Fprintf(&header, "%s: %s\n", strings.ToLower(name), resp.Header.Get(name))
	}
	seen["header"] = header.String()
	var body []byte
	var pieces []string
	for piece := make([]byte, 4096); err == nil; {
		var n int
		n, err = resp.Body.Read(piece)
		body = append(body, piece[:n]...)
		pieces = append(pieces, fmt.Sprintf("%d:%d", time.Since(begun).Milliseconds(), len(body)))
	}
	if err != io.EOF {
		seen["cut"] = err.Error()
	}
	sum := sha256.Sum256(body)
	seen["text"], seen["sum"], seen["size"], seen["pieces"] = string(body[:min(len(body), 2000)]), hex.EncodeToString(sum[:]), strconv.Itoa(len(body)), strings.Join(pieces, ",")
	return seen
}
