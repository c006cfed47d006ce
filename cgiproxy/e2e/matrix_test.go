package e2e

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// An exchangeCase is one request and its response. In its texts {site} is the
// folder the site is in ("/s1"), {app} the app's address, {host} the
// server's, {script} the name of proxy.cgi there, and {seen} what the server
// says that the client's Host was.
type exchangeCase struct {
	name     string
	settings string // further lines of .htcgiproxy
	socket   bool   // the app listens on a unix socket

	request string   // without a final "Host" and "Connection" if it ends in "{}"
	line    string   // the request line the app must get
	fields  []string // field lines the app must get
	without []string // field names it must not get
	body    string   // the request body it must get

	response string                    // what the app says; "" for a plain 200
	reply    func(net.Conn, received)  // or what it does
	status   string                    // what the client must get; "" for 200 OK
	gets     []string                  // field lines it must get
	hidden   []string                  // field names it must not get
	page     string                    // the body it must get; "*" for any
	cut      bool                      // it must see that the response is not whole
	noApp    bool                      // the app must not be asked
	log      string                    // what the error log must hold
	except   map[webserver.Kind]string // servers that answer by themselves, and why
}

const plainResponse = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestMatrix(t *testing.T) {
	for _, kind := range slices.Concat(webserver.CGI, webserver.FastCGI, []webserver.Kind{goCGI, demo}) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			for _, table := range [][]exchangeCase{targetCases, fieldCases, bodyCases, responseCases, rewriteCases, failureCases} {
				for _, c := range table {
					t.Run(c.name, func(t *testing.T) { c.run(t, kind) })
				}
			}
		})
	}
}

func (c exchangeCase) run(t *testing.T, kind webserver.Kind) {
	if reason, ok := c.except[kind]; ok {
		t.Skip(reason)
	}
	t.Parallel()
	app := c.app(t)
	upstream := app.addr
	if c.socket {
		upstream = "unix:" + app.addr
	}
	c.check(t, newSite(t, kind, "CGIPROXY_UPSTREAM="+upstream+"\n"+c.fill(nil, app.addr, c.settings, "")), app)
}

// app starts the app of this case.
func (c exchangeCase) app(t *testing.T) *recorder {
	t.Helper()
	reply := c.reply
	if reply == nil {
		reply = func(conn net.Conn, _ received) {
			io.WriteString(conn, c.fill(nil, conn.LocalAddr().String(), c.response, plainResponse))
		}
	}
	if c.socket {
		return recordOn(t, listenSocket(t), reply)
	}
	return newRecorder(t, reply)
}

// check visits the site and compares what the app and the client got.
func (c exchangeCase) check(t *testing.T, s site, app *recorder) {
	t.Helper()
	fill := func(text string) string { return c.fill(&s, app.addr, text, "") }

	got := visit(t, s.Addr, fill(strings.Replace(c.request, "{}", "Host: {host}\r\nConnection: close\r\n\r\n", 1)))
	if !c.noApp {
		defer func() {
			if t.Failed() {
				t.Logf("response: %s %v %.300q", got.Status, got.Header, got.body)
			}
		}()
		c.checkRequest(t, app.request(t), fill)
	} else if len(app.got) > 0 {
		t.Errorf("the app was asked: %+v", <-app.got)
	}
	c.checkResponse(t, s.Kind, got, fill)
	if s.Kind != nginx { // fcgiwrap now and then loses what a script writes to stderr last
		awaitLog(t, s, fill(c.log))
	}
}

// awaitLog waits for a text in the server's error log: it may come after the
// response.
func awaitLog(t *testing.T, s site, text string) {
	t.Helper()
	log := s.log()
	for deadline := time.Now().Add(patience / 4); !strings.Contains(log, text); log = s.log() {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in the error log, which ends\n%s", text, log[max(0, len(log)-1000):])
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// fill puts the addresses of this run into a text of the table.
func (c exchangeCase) fill(s *site, app, text, standard string) string {
	if text == "" {
		text = standard
	}
	pairs := []string{"{app}", app}
	if s != nil {
		pairs = append(pairs, "{site}", s.folder, "{host}", s.Addr, "{seen}", seenHost(s), "{script}", scriptName(s.Kind))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// seenHost returns the Host that the server passes on for its own address:
// Debian's fastcgi_params have it without the port.
func seenHost(s *site) string {
	if slices.Contains(nginxes, s.Kind) {
		return strings.Split(s.Addr, ":")[0]
	}
	return s.Addr
}

func (c exchangeCase) checkRequest(t *testing.T, got received, fill func(string) string) {
	t.Helper()
	if got.err != nil {
		t.Errorf("the app got a broken request: %v", got.err)
	}
	if want := fill(c.line); c.line != "" && got.line != want {
		t.Errorf("request line\n got %q\nwant %q", got.line, want)
	}
	for _, line := range c.fields {
		if !hasLine(got.header, fill(line)) {
			t.Errorf("the app did not get %q; it got\n%s", fill(line), strings.Join(got.lines, "\n"))
		}
	}
	for _, name := range c.without {
		if values := got.header.Values(name); values != nil {
			t.Errorf("the app got %s: %q", name, values)
		}
	}
	if string(got.body) != c.body {
		t.Errorf("the app got a body of %d bytes %.100q, want %d bytes %.100q", len(got.body), got.body, len(c.body), c.body)
	}
}

func (c exchangeCase) checkResponse(t *testing.T, kind webserver.Kind, got visited, fill func(string) string) {
	t.Helper()
	want := c.status
	if want == "" {
		want = "200 OK"
	}
	status := got.Status
	if kind == lighttpd || kind == goCGI || slices.Contains(webserver.FastCGI, kind) && kind != webserver.ApacheFcgid { // reason phrases of their own
		want, status = want[:3], status[:3]
	}
	if status != want {
		t.Errorf("status %q, want %q; body %.200q", got.Status, want, got.body)
	}
	if len(got.Status) < len("200 ") {
		t.Errorf("status line %q has no blank behind the code (RFC 9112, section 4)", got.Status)
	}
	for _, line := range c.gets {
		if !hasLine(got.Header, fill(line)) {
			t.Errorf("the client did not get %q; it got %v", fill(line), got.Header)
		}
	}
	for _, name := range c.hidden {
		if values := got.Header.Values(name); values != nil {
			t.Errorf("the client got %s: %q", name, values)
		}
	}
	switch page := c.page; {
	case page == "" && c.response == "" && c.reply == nil && !c.noApp && !strings.HasPrefix(c.request, "HEAD "):
		page = "ok"
		fallthrough
	case page != "*":
		if got.body != page {
			t.Errorf("the client got a body of %d bytes %.200q, want %d bytes %.200q", len(got.body), got.body, len(page), page)
		}
	}
	if c.cut != (got.err != nil) {
		t.Errorf("reading the response: %v, want it cut: %v", got.err, c.cut)
	}
}

// methods are sent on as they are, also those that no RFC has.
func init() {
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"} {
		body := ""
		if method == "PUT" || method == "PATCH" || method == "REPORT" {
			body = "body of " + method
		}
		bodyCases = append(bodyCases, exchangeCase{
			name:    "method " + method,
			request: fmt.Sprintf("%s {site}/m HTTP/1.1\r\nContent-Length: %d\r\nHost: {host}\r\nConnection: close\r\n\r\n%s", method, len(body), body),
			line:    method + " {site}/m HTTP/1.1",
			body:    body,
		})
	}
}
