package e2e

import (
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// exampleClient is the address that visits come from: that of proxy.cgi itself
// would be right by chance.
const exampleClient = "127.0.0.2"

// checkExample visits the app of an https site as a browser does.
func (a appSite) checkExample(t *testing.T) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(exampleClient)}}
	client := &http.Client{Jar: jar, Timeout: 3 * patience, Transport: endOfTLS{&http.Transport{DialContext: from.DialContext}}}
	defer client.CloseIdleConnections()
	public := "https://" + a.Addr + a.folder + "/"

	page := a.readExample(t, client, newRequest(t, "GET", public, nil))
	for name, want := range map[string]string{
		"address": public,
		"client":  exampleClient,
		"prefix":  a.folder,
		"hello":   "Hello, stranger!",
	} {
		if got := page.fact(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}

	page.checkScripts(t, client)

	const visitor = `Ada & <b>`
	page = a.readExample(t, client, page.fillIn(t, visitor))
	if got, want := page.fact("hello"), "Hello, "+visitor+"!"; got != want {
		t.Errorf("after the form: %q, want %q", got, want)
	}
	a.checkRedirect(t, page.Request.Response)
}

// endOfTLS stands for the host that ends TLS before Apache.
type endOfTLS struct{ *http.Transport }

func (e endOfTLS) RoundTrip(r *http.Request) (*http.Response, error) {
	plain := r.Clone(r.Context())
	plain.URL.Scheme = "http"
	resp, err := e.Transport.RoundTrip(plain)
	if err == nil {
		resp.Request = r
	}
	return resp, err
}

func newRequest(t *testing.T, method, target string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// An examplePage is the one page that all examples have.
type examplePage struct {
	*http.Response
	html string
}

// readExample demands the page, be it behind redirects.
func (a appSite) readExample(t *testing.T, client *http.Client, r *http.Request) examplePage {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	at := resp.Request.URL
	if err != nil || resp.StatusCode != http.StatusOK || at.Scheme != "https" || strings.TrimSuffix(at.Path, "/") != a.folder {
		t.Fatalf("%s %s: %s at %s, %v\n%.2000s\nthe error log ends\n%.2000s", r.Method, r.URL, resp.Status, at, err, content, a.log())
	}
	return examplePage{resp, string(content)}
}

// fact returns what the page says of the address, the client or the prefix, or
// its greeting.
func (p examplePage) fact(name string) string {
	pattern := "<dt>" + name + "</dt> *<dd>(.*?)</dd>"
	if name == "hello" {
		pattern = "<h1>(.*?)</h1>"
	}
	found := regexp.MustCompile(pattern).FindStringSubmatch(p.html)
	if found == nil {
		return "nothing in " + p.html
	}
	return html.UnescapeString(found[1])
}

// checkScripts demands that what the page loads is there: an app that does not
// know its folder asks for it elsewhere.
func (p examplePage) checkScripts(t *testing.T, client *http.Client) {
	t.Helper()
	for _, script := range scriptSource.FindAllStringSubmatch(p.html, -1) {
		target, err := p.Request.URL.Parse(html.UnescapeString(script[1]))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Get(target.String())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", target, resp.Status)
		}
	}
}

var (
	scriptSource = regexp.MustCompile(`<script src="([^"]*)"`)

	formAction  = regexp.MustCompile(`<form [^>]*action="([^"]*)"`)
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// fillIn returns the request of a browser that sends the page's form.
func (p examplePage) fillIn(t *testing.T, name string) *http.Request {
	t.Helper()
	action := p.Request.URL
	if found := formAction.FindStringSubmatch(p.html); found != nil {
		var err error
		if action, err = action.Parse(html.UnescapeString(found[1])); err != nil {
			t.Fatal(err)
		}
	}
	fields := url.Values{"name": {name}}
	for _, input := range hiddenInput.FindAllStringSubmatch(p.html, -1) {
		fields.Set(input[1], input[2])
	}
	r := newRequest(t, "POST", action.String(), strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://"+r.Host) // frameworks compare both with Host
	r.Header.Set("Referer", p.Request.URL.String())
	return r
}

// checkRedirect demands a cookie of the response to the form that goes to this
// folder alone, and over https.
func (a appSite) checkRedirect(t *testing.T, resp *http.Response) {
	t.Helper()
	for resp != nil && resp.Request.Method != http.MethodPost {
		resp = resp.Request.Response
	}
	if resp == nil {
		t.Fatal("the form was answered without a redirect")
	}
	for _, cookie := range resp.Cookies() {
		if cookie.Name == "name" {
			if strings.TrimSuffix(cookie.Path, "/") != a.folder || !cookie.Secure || !cookie.HttpOnly {
				t.Errorf("cookie %q, want it for %s, Secure and HttpOnly", cookie.Raw, a.folder)
			}
			return
		}
	}
	t.Errorf("%s with cookies %q, want one with the name", resp.Status, resp.Header["Set-Cookie"])
}
