package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A stage is how far an exchange has come when it breaks. In its texts {site}
// and {host} stand for what they do in an exchangeCase, {large} for 30 MiB.
type stage struct {
	name     string
	request  string // what the client has sent
	rest     string // what it sends after that
	response string // what the app has said
	seen     string // what the client has got of its body
}

const (
	faultPage   = "GET {site}/page HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
	faultUpload = "PUT {site}/up HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
	status200   = "HTTP/1.1 200 OK\r\n"
	inChunks    = status200 + "Transfer-Encoding: chunked\r\n\r\n"
)

// uploadPart is what the app sees first of an upload: uploadMark. The rest is
// for fcgiwrap, which passes a body on in pieces of some kilobytes.
var uploadPart = uploadMark + megabyte[:64<<10-len(uploadMark)]

const uploadMark = "upload"

var (
	connecting = &stage{name: "connecting", request: faultPage}

	inUpload        = &stage{name: "in an upload", request: faultUpload + "Content-Length: 65540\r\n\r\n" + uploadPart, rest: "rest"}
	inChunkedUpload = &stage{name: "in a chunked upload", request: faultUpload + "Transfer-Encoding: chunked\r\n\r\n10000\r\n" + uploadPart + "\r\n", rest: "4\r\nrest\r\n0\r\n\r\n"}
	inLargeUpload   = &stage{name: "in a large upload", request: faultUpload + "Content-Length: 31457286\r\n\r\n" + uploadMark + "{large}"}

	beforeResponse = &stage{name: "before the response", request: faultPage}
	inHeader       = &stage{name: "in the header", request: faultPage, response: status200 + "Content-Le"}

	inBody          = &stage{name: "in the body", request: faultPage, response: status200 + "Content-Length: 8\r\n\r\nhalf", seen: "half"}
	inBodyUnseen    = &stage{name: "in the body, not passed on yet", request: faultPage, response: inBody.response}
	inLargeResponse = &stage{name: "in a large response", request: faultPage, response: status200 + "Content-Length: 99000000\r\n\r\nhalf{large}", seen: "half"}

	inChunkSize   = &stage{name: "in the size of a chunk", request: faultPage, response: inChunks + "4\r\nhalf\r\n4", seen: "half"}
	inChunk       = &stage{name: "in a chunk", request: faultPage, response: inChunks + "8\r\nhalf", seen: "half"}
	betweenChunks = &stage{name: "between chunks", request: faultPage, response: inChunks + "4\r\nhalf\r\n", seen: "half"}
	inLastChunk   = &stage{name: "in the last chunk", request: faultPage, response: inChunks + "4\r\nhalf\r\n0\r", seen: "half"}
	inTrailer     = &stage{name: "behind the last chunk", request: faultPage, response: inChunks + "4\r\nhalf\r\n0\r\n", seen: "half"}

	withoutLength  = &stage{name: "in a body without length", request: faultPage, response: status200 + "\r\nhalf", seen: "half"}
	inSilentStream = &stage{name: "in a silent event stream", request: faultPage, response: status200 + "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n", seen: "data: 1\n\n"}
)

// An incident is a fault on a site.
type incident struct {
	fault
	site
	stagedApp *stagedApp
	caller    *caller
}

// begin starts the app and the client.
func (f fault) begin(t *testing.T, s *webserver.Server, folder string) *incident {
	t.Helper()
	start := f.by.app
	if start == nil {
		start = newStagedApp
	}
	x := &incident{fault: f, stagedApp: start(t, f.at)}
	x.site = installSite(t, s, folder, "CGIPROXY_UPSTREAM="+x.stagedApp.addr+"\n"+f.by.settings)
	x.caller = call(t, s.Addr, enlarge(exchangeCase{}.fill(&x.site, x.stagedApp.addr, f.at.request, "")))
	return x
}

// enlarge fills in {large}.
func enlarge(text string) string {
	return strings.Replace(text, "{large}", strings.Repeat(megabyte, 30), 1)
}

// installSite is newSite for a server of the test's own.
func installSite(t *testing.T, s *webserver.Server, folder, settings string) site {
	t.Helper()
	rules := example(t)
	if scriptName(s.Kind) == "proxy.fcgi" {
		rules = fastCGIExample(t)
	}
	s.WriteFile(t, folder+"/.htcgiproxy", settings, 0o600)
	s.WriteFile(t, folder+"/.htaccess", rules, 0o644)
	if s.Kind != webserver.LighttpdFastCGI { // it has been installed, and runs
		s.Install(t, folder+"/"+scriptName(s.Kind), binary)
	}
	return site{s, "/" + folder, s.ErrorLog}
}

// await waits until the exchange is at its stage.
func (x *incident) await(t *testing.T) {
	t.Helper()
	if x.stagedApp.reached == nil {
		return
	}
	select {
	case <-x.stagedApp.reached:
	case <-time.After(patience):
		t.Fatal("the app did not get the request")
	}
	if part, err := x.caller.part(len(x.at.seen)); part != x.at.seen {
		t.Fatalf("the client has got %q (%v), want %q", part, err, x.at.seen)
	}
}

// check compares what is seen with what should be, and looks for what is left.
func (x *incident) check(t *testing.T) {
	t.Helper()
	want := x.client
	if other, ok := x.but[x.Kind]; ok {
		want = other
	}
	if got := x.caller.view(x.at.rest); !slices.Contains(strings.Split(want, "|"), got) {
		t.Errorf("the client sees %q, want %q", got, want)
	}
	if got := x.stagedApp.view(); x.app != "" && got != x.app {
		t.Errorf("the app sees the request %q, want %q", got, x.app)
	}
	x.checkLeft(t)
	if x.logged && x.Kind != nginx { // fcgiwrap now and then loses what a script writes to stderr last
		awaitLog(t, x.site, x.folder+"/page: 200 cut short")
	}
}

// checkLeft waits until nothing is left of the exchange.
func (x *incident) checkLeft(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(50 * time.Millisecond) {
		var processes []int
		if !slices.Contains(webserver.FastCGI, x.Kind) { // whose processes stay
			processes = scripts(t, x.site)
		}
		conns := x.stagedApp.open.Load()
		if len(processes) == 0 && conns == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("left: processes %v of proxy.cgi, %d connections of the app", processes, conns)
			return
		}
	}
	if n := len(x.stagedApp.saw); n > 0 {
		t.Errorf("the app was asked %d times more", n)
	}
}
