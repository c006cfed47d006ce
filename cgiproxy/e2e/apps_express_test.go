package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

const expressApp = "testdata/express"

// TestExpress visits an app made with Express as a browser would: with cookies,
// and along redirects.
func TestExpress(t *testing.T) {
	t.Parallel()
	needPrograms(t, "node", "npm")
	modules := nodeModules(t, expressApp)
	for name, folder := range map[string]string{"document root": "/", "folder": "/shop/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := "CGIPROXY_UPSTREAM=" + startNode(t, expressApp+"/app.js", modules) + "\nCGIPROXY_STRIP_PREFIX=auto\n"
			front := newFront(t, map[string]string{folder[1:]: settings})
			b := newBrowser(t, &url.URL{Scheme: "http", Host: front.Addr, Path: folder})
			b.testSession()
			b.testUpload()
			b.testFile()
			b.testEvents()
			b.testHTTPS(front)
		})
	}
}

// A browser keeps cookies and follows redirects.
type browser struct {
	*testing.T
	http.Client
	site *url.URL // with a slash at its end
}

func newBrowser(t *testing.T, site *url.URL) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, http.Client{Jar: jar, Timeout: patience}, site}
}

// url returns the public URL of the app's target, which starts with a slash.
func (b *browser) url(target string) string { return b.site.String() + target[1:] }

// send sends a request with pairs of field names and values. It returns the
// last response of a chain of redirects, and its body.
func (b *browser) send(method, target string, body io.Reader, fields ...string) (*http.Response, string) {
	b.Helper()
	req, err := http.NewRequest(method, b.url(target), body)
	if err != nil {
		b.Fatal(err)
	}
	for pair := range slices.Chunk(fields, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := b.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Errorf("%s %s: %v", method, target, err)
	}
	return resp, string(content)
}

// expect demands that redirects have led to target, and to that content.
func (b *browser) expect(resp *http.Response, got, target, want string) {
	b.Helper()
	if at := resp.Request.URL.String(); at != b.url(target) || resp.StatusCode != http.StatusOK || got != want {
		b.Errorf("%s at %s: %.300q, want 200 at %s: %.300q", resp.Status, at, got, b.url(target), want)
	}
}

// page gets a page that redirects to target, or is there itself.
func (b *browser) page(from, target, want string) {
	b.Helper()
	resp, got := b.send("GET", from, nil)
	b.expect(resp, got, target, want)
}

// testSession logs in, is recognised, and logs out.
func (b *browser) testSession() {
	b.Helper()
	const form = "application/x-www-form-urlencoded"
	account := func(target string) string { return "Ada\n127.0.0.1\nhttp://" + b.site.Host + target }

	b.page("/account", "/login", "who are you?")
	resp, got := b.send("POST", "/login", strings.NewReader("user=Ada"), "Content-Type", form, "Referer", b.url("/account"))
	b.expect(resp, got, "/account", account("/account"))
	b.page("/moved", "/account?x=%2F", account("/account?x=%2F"))

	if cookies := b.Jar.Cookies(b.site); len(cookies) != 1 || cookies[0].Name != "connect.sid" {
		b.Errorf("cookies of the site: %v, want the session's", cookies)
	}
	if beside := b.site.JoinPath("../beside/"); b.site.Path != "/" && len(b.Jar.Cookies(beside)) > 0 {
		b.Errorf("another folder gets the cookies, too")
	}
	resp, got = b.send("POST", "/logout", nil)
	b.expect(resp, got, "/", "home")
	b.page("/account", "/login", "who are you?")
}

// testUpload sends a form with a file.
func (b *browser) testUpload() {
	b.Helper()
	const title = "Größe & \"mehr\""
	content := megabyte + "\x00\xff\r\n"
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "a b.bin")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.WriteString(file, content); err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(form.WriteField("title", title), form.Close()); err != nil {
		b.Fatal(err)
	}
	resp, got := b.send("POST", "/upload", &body, "Content-Type", form.FormDataContentType())
	b.expect(resp, got, "/upload", fmt.Sprintf("%s\na b.bin\n%x", title, sha256.Sum256([]byte(content))))
}

// testFile gets a file, a part of it, and the news that it has not changed.
func (b *browser) testFile() {
	b.Helper()
	file, err := os.ReadFile(expressApp + "/package-lock.json")
	if err != nil {
		b.Fatal(err)
	}
	resp, got := b.send("GET", "/file", nil)
	b.expect(resp, got, "/file", string(file))
	length, etag := resp.ContentLength, resp.Header.Get("ETag")
	if length != int64(len(file)) || etag == "" {
		b.Errorf("GET: length %d, ETag %q", length, etag)
	}
	if resp, _ := b.send("HEAD", "/file", nil); resp.ContentLength != length || resp.Header.Get("ETag") != etag {
		b.Errorf("HEAD: %s %v, want the fields of GET", resp.Status, resp.Header)
	}
	if resp, got := b.send("GET", "/file", nil, "If-None-Match", etag); resp.StatusCode != http.StatusNotModified || got != "" {
		b.Errorf("If-None-Match: %s %.100q, want 304", resp.Status, got)
	}
	resp, got = b.send("GET", "/file", nil, "Range", "bytes=100-199", "If-Range", etag)
	want := fmt.Sprintf("bytes 100-199/%d", len(file))
	if resp.StatusCode != http.StatusPartialContent || resp.Header.Get("Content-Range") != want || got != string(file[100:200]) {
		b.Errorf("Range: %s %q %.200q", resp.Status, resp.Header.Get("Content-Range"), got)
	}
	if resp, _ := b.send("GET", "/file", nil, "Range", "bytes=999999-"); resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		b.Errorf("a range behind the end: %s, want 416", resp.Status)
	}
}

// testEvents listens, and says something when it has heard the last thing: no
// event may wait for the next. When it leaves, so does the app's listener.
func (b *browser) testEvents() {
	b.Helper()
	post := func(text string) string {
		_, listeners := b.send("POST", "/events", strings.NewReader(text), "Content-Type", "text/plain")
		return listeners
	}
	req, err := http.NewRequest("GET", b.url("/events"), nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := b.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewReader(resp.Body)
	for _, text := range []string{"first", "second", "third"} {
		if listeners := post(text); listeners != "1" {
			b.Errorf("%s listeners, want 1", listeners)
		}
		got, err := lines.ReadString('\n')
		if _, blank := lines.ReadString('\n'); got != "data: "+text+"\n" || err != nil || blank != nil {
			b.Fatalf("event %q: got %q %v", text, got, errors.Join(err, blank))
		}
	}
	resp.Body.Close()
	// Apache sees that the client has left when it cannot pass on an event.
	for deadline := time.Now().Add(patience); post("anybody there?") != "0"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatal("the app still has its listener")
		}
	}
}

// testHTTPS visits a host that ends TLS before Apache, and says so.
func (b *browser) testHTTPS(front *webserver.Server) {
	b.Helper()
	htaccess := filepath.Join(b.site.Path[1:], ".htaccess")
	rules, err := os.ReadFile(filepath.Join(front.Root, htaccess))
	if err != nil {
		b.Fatal(err)
	}
	front.WriteFile(b.T, htaccess, string(rules)+"SetEnv HTTPS on\n", 0o644)
	direct := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := direct.Get(b.url("/moved"))
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	if got, want := resp.Header.Get("Location"), "https"+strings.TrimPrefix(b.url("/account?x=%2F"), "http"); got != want {
		b.Errorf("redirect to %q, want %q", got, want)
	}
	resp, err = direct.PostForm(b.url("/login"), url.Values{"user": {"Ada"}})
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	path := strings.TrimSuffix(b.site.Path, "/")
	cookie, err := http.ParseSetCookie(resp.Header.Get("Set-Cookie"))
	if err != nil || !cookie.Secure || !cookie.HttpOnly || strings.TrimSuffix(cookie.Path, "/") != path {
		b.Errorf("cookie %q (%v), want it Secure, HttpOnly and for %q", resp.Header.Get("Set-Cookie"), err, path)
	}
}
