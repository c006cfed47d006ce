package cgiproxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
)

// errorStatuses are those that we answer with ourselves.
var errorStatuses = []int{400, 411, 413, 500, 501, 502, 503, 504}

// showError answers a request with the variables env with the page for f.
func showError(t *testing.T, env Environ, cfg *settings.Config, f *failure) (page *recorder, logged string) {
	t.Helper()
	var b bytes.Buffer
	w := newRecorder()
	w.Header().Set("X-Of-The-Response", "left over")
	if err := writeErrorPage(w, env, cfg, f, logTo(&b)); err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("X-Of-The-Response"); got != "" {
		t.Errorf("a field of the response is left: %q", got)
	}
	return w, b.String()
}

func TestErrorPageForm(t *testing.T) {
	const (
		html = "text/html; charset=utf-8"
		json = "application/problem+json"
		text = "text/plain; charset=utf-8"
	)
	tests := []struct {
		name, accept, want string
	}{
		{"none", "", text},
		{"anything", "*/*", text},
		{"Firefox", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", html},
		{"Chrome", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7", html},
		{"axios", "application/json, text/plain, */*", json},
		{"jQuery", "application/json, text/javascript, */*; q=0.01", json},
		{"JSON", "application/json", json},
		{"problem details", "application/problem+json", json},
		{"another JSON", "application/vnd.api+json", json},
		{"text", "text/plain", text},
		{"an image", "image/png", text},
		{"an event stream", "text/event-stream", text},
		{"upper case", "TEXT/HTML", html},
		{"HTML as good as JSON", "application/json, text/html", html},
		{"HTML as good as text", "text/plain, text/html", html},
		{"JSON as good as text", "text/plain, application/json", json},
		{"JSON better than HTML", "text/html;q=0.8, application/json", json},
		{"HTML better than JSON", "application/json;q=0.8, text/html;q=0.9", html},
		{"text better than HTML", "text/html;q=0.5, text/plain;q=0.6", text},
		{"HTML refused", "text/html;q=0, application/json;q=0.1", json},
		{"parameters", "text/html;level=1;q=0.2, application/json;charset=utf-8;q=0.3", json},
		{"blanks", " text/html ; q=0.2 , application/json ; q=0.3 ", json},
		{"odd weights", "text/html;q=x, application/json;q=, text/plain;q=9", text},
		{"no list", ";;,,q=1", text},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := showError(t, visit("HTTP_ACCEPT="+tt.accept), configure(t), &failure{status: 502, cause: errors.New("x")})
			if got := w.Header().Get("Content-Type"); got != tt.want {
				t.Errorf("Accept %q: got %s, want %s", tt.accept, got, tt.want)
			}
			if w.Code != 502 {
				t.Errorf("status %d, want 502", w.Code)
			}
		})
	}
}

// Each status we answer with has a page in each form, which shows the id and
// nothing of what is behind.
func TestErrorPageContent(t *testing.T) {
	f := &failure{
		cause:  errors.New("connect 127.0.0.1:6543: no such file /home/me/app.sock"),
		remedy: "write CGIPROXY_UPSTREAM into /home/me/public_html/.htcgiproxy",
	}
	for _, status := range errorStatuses {
		if status != 500 && publicMessage(status) == publicMessage(500) {
			t.Errorf("status %d has no sentence of its own", status)
		}
		for _, accept := range []string{"text/html", "application/json", "text/plain"} {
			t.Run(strconv.Itoa(status)+" "+accept, func(t *testing.T) {
				f.status = status
				w, _ := showError(t, visit("HTTP_ACCEPT="+accept), configure(t), f)
				body := w.Body.String()
				for _, secret := range []string{"127.0.0.1", "6543", "/home", "app.sock", "CGIPROXY", "htcgiproxy", "example.com", "goroutine"} {
					if strings.Contains(body, secret) {
						t.Errorf("the client sees %q in\n%s", secret, body)
					}
				}
				testkit.WantText(t, body, publicMessage(status), strconv.Itoa(status), "test") // the id
				if got := w.Header().Get("Content-Length"); got != strconv.Itoa(len(body)) {
					t.Errorf("Content-Length is %s, want %d", got, len(body))
				}
				if got := w.Header().Get("Cache-Control"); got != "no-store" {
					t.Errorf("Cache-Control is %q, want no-store", got)
				}
				if got := w.Header().Get("Retry-After") != ""; got != (status == 503) {
					t.Errorf("Retry-After is there: %t, want it with 503 only", got)
				}
			})
		}
	}
}

// RFC 9457, section 3
func TestErrorPageProblem(t *testing.T) {
	w, _ := showError(t, visit("HTTP_ACCEPT=application/json"), configure(t), notImplemented("x", `a "quoted" sentence`))
	var got struct {
		Type, Title, Detail, Instance string
		Status                        int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	if got.Title != "Not Implemented" || got.Status != 501 || got.Detail != `a "quoted" sentence` || !strings.Contains(got.Instance, "test") || got.Type != "" && got.Type != "about:blank" {
		t.Errorf("got %+v", got)
	}
}

func TestErrorPageHTML(t *testing.T) {
	w, _ := showError(t, visit("HTTP_ACCEPT=text/html"), configure(t), &failure{status: 502, cause: errors.New("x")})
	body := w.Body.String()
	testkit.WantText(t, body, "<!DOCTYPE html>", "502 Bad Gateway", "color-scheme", "light dark", "Request test")
	for _, outside := range []string{"http://", "https://", "src=", "@import", "url("} {
		if strings.Contains(body, outside) {
			t.Errorf("the page is not self-contained: %q in\n%s", outside, body)
		}
	}
	if strings.Contains(body, "{") && strings.Contains(body, "{title}") || strings.Contains(body, "{text}") || strings.Contains(body, "{id}") {
		t.Errorf("a placeholder is left in\n%s", body)
	}
}

func TestErrorPageHead(t *testing.T) {
	get, _ := showError(t, visit("HTTP_ACCEPT=text/html"), configure(t), tooLarge(1))
	head, _ := showError(t, visit("HTTP_ACCEPT=text/html", "REQUEST_METHOD=HEAD"), configure(t), tooLarge(1))
	if head.Body.Len() != 0 {
		t.Errorf("HEAD has the body %q", head.Body)
	}
	if head.Code != 413 || head.Header().Get("Content-Length") != strconv.Itoa(get.Body.Len()) {
		t.Errorf("HEAD has status %d and length %s, want 413 and %d", head.Code, head.Header().Get("Content-Length"), get.Body.Len())
	}
}

func TestErrorPageCustom(t *testing.T) {
	folder := t.TempDir()
	const custom = "<h1>Sorry {id}</h1>\n"
	absolute := testkit.WriteFile(t, folder, "sorry.html", custom)
	testkit.WriteFile(t, folder, "large.html", strings.Repeat("x", maxErrorPage+1))
	largest := strings.Repeat("x", maxErrorPage)
	testkit.WriteFile(t, folder, "largest.html", largest)
	writable := testkit.WriteFile(t, folder, "writable.html", custom)
	err := errors.Join(os.Mkdir(filepath.Join(folder, "folder"), 0o700), os.Chmod(writable, 0o666), unix.Mkfifo(filepath.Join(folder, "pipe"), 0o600))
	if err != nil {
		t.Fatal(err)
	}

	const builtin = "<!DOCTYPE html>"
	tests := []struct {
		name, page, accept string
		want               string // what the page starts with
		log                string
	}{
		{"absolute path", absolute, "text/html", custom, ""},
		{"beside proxy.cgi", "sorry.html", "text/html", custom, ""},
		{"as large as it may be", "largest.html", "text/html", largest, ""},
		{"JSON all the same", "sorry.html", "application/json", "{", ""},
		{"text all the same", "sorry.html", "text/plain", "502 Bad Gateway", ""},
		{"missing", "missing.html", "text/html", builtin, "no such file"},
		{"a folder", "folder", "text/html", builtin, "no regular file"},
		{"others may have written it", writable, "text/html", builtin, "others may write to it: set its permissions to 600"},
		{"a pipe that never ends", "pipe", "text/html", builtin, "no regular file"},
		{"too large", "large.html", "text/html", builtin, "over 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, _, err := settings.Load(Environ{"CGIPROXY_UPSTREAM": "6543", "CGIPROXY_ERROR_PAGE": tt.page}, folder)
			if err != nil {
				t.Fatal(err)
			}
			w, logged := showError(t, visit("HTTP_ACCEPT="+tt.accept), cfg, &failure{status: 502, cause: errors.New("x")})
			if w.Code != 502 {
				t.Errorf("status %d, want 502", w.Code)
			}
			if body := w.Body.String(); !strings.HasPrefix(body, tt.want) {
				t.Errorf("got %.200q, want %.200q", body, tt.want)
			}
			if got := w.Header().Get("Content-Length"); got != strconv.Itoa(w.Body.Len()) {
				t.Errorf("Content-Length is %s, want %d", got, w.Body.Len())
			}
			if tt.log == "" {
				if logged != "" {
					t.Errorf("logged %q, want nothing", logged)
				}
				return
			}
			testkit.WantText(t, logged, "CGIPROXY_ERROR_PAGE", tt.log)
		})
	}
}

func TestRequestID(t *testing.T) {
	for _, id := range []string{"YxA@k38AAQEAAB2-_a", "1", strings.Repeat("x", 64)} {
		if got := requestID(Environ{"UNIQUE_ID": id}); got != id {
			t.Errorf("UNIQUE_ID %q: got %q, want the same", id, got)
		}
	}
	for _, id := range []string{"", `"><script>`, "a b", "a\r\nb", "caf\xc3\xa9", strings.Repeat("x", 65)} {
		a, b := requestID(Environ{"UNIQUE_ID": id}), requestID(Environ{"UNIQUE_ID": id})
		if a == b || a == id || len(a) < 16 {
			t.Errorf("UNIQUE_ID %q: got %q and %q, want two random ones", id, a, b)
		}
	}
}
