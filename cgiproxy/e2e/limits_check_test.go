package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// check compares what the web server got.
func (c limitCase) check(t *testing.T, r limitRequest, got limitRun) {
	t.Helper()
	words := c.dies + c.mayDie
	switch {
	case c.diesSilent, words != "" && strings.Contains(got.stderr, words):
		checkDead(t, got)
		return
	case c.dies != "":
		t.Errorf("want it to die with %q; %s", c.dies, got)
		return
	}
	checkTrace(t, got)
	want := c.outcome(r)
	switch status, body, err := parseResponse(got.stdout); {
	case want.status == "" && got.stdout != "":
		t.Errorf("want no response; %s", got)
	case want.status == "":
	case err != nil:
		t.Errorf("%v; %s", err, got)
	case status != want.status || !strings.Contains(body, want.body):
		t.Errorf("want %q with %q in it; %s", want.status, want.body, got)
	}
	if got.exit != want.exit {
		t.Errorf("want exit status %d; %s", want.exit, got)
	}
	if !strings.Contains(got.stderr, want.log) || want.log == "" && got.stderr != "" {
		t.Errorf("want %q on stderr; %s", want.log, got)
	}
}

// outcome returns what a request must come to.
func (c limitCase) outcome(r limitRequest) outcome {
	want, ok := c.want[r.name]
	if !ok {
		want = r.usual
	}
	if c.noLog {
		want.log = ""
	}
	return want
}

// checkDead checks a run that Go's runtime has ended: for the web server it is
// a script that failed.
func checkDead(t *testing.T, got limitRun) {
	t.Helper()
	if got.exit == 0 {
		t.Errorf("want another exit status; %s", got)
	}
	if _, _, err := parseResponse(got.stdout); err != nil && got.stdout != "" {
		t.Errorf("want no response or a whole one: %v; %s", err, got)
	}
}

// checkTrace checks that nothing has crashed.
func checkTrace(t *testing.T, got limitRun) {
	t.Helper()
	for _, word := range []string{"goroutine ", "panic:", "fatal error:"} {
		if strings.Contains(got.stdout+got.stderr, word) {
			t.Errorf("a stack trace (%q); %s", word, got)
		}
	}
}

// parseResponse returns the status and the body of a CGI response (RFC 3875,
// section 6), with an error unless it is one, whole, and nothing besides.
func parseResponse(stdout string) (status, body string, err error) {
	response, ok := strings.CutPrefix(stdout, "Status: ")
	if !ok {
		return "", "", fmt.Errorf("no Status line first")
	}
	r := bufio.NewReader(strings.NewReader("HTTP/1.1 " + response))
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return "", "", err
	}
	if resp.ContentLength < 0 {
		return "", "", fmt.Errorf("no Content-Length")
	}
	content, err := io.ReadAll(resp.Body)
	if rest := r.Buffered(); rest > 0 && err == nil {
		err = fmt.Errorf("%d bytes after the response", rest)
	}
	return resp.Status, string(content), err
}

// checkApp checks what the app got: one request, and nothing that was meant for
// the client or for the log.
func (c limitCase) checkApp(t *testing.T, r limitRequest, got limitRun, app limitApp) {
	t.Helper()
	want := c.outcome(r)
	if r.upstream != "" || want.notAsked || c.diesSilent || c.dies+c.mayDie != "" && got.exit != 0 {
		return
	}
	request := app.request(t)
	if (request.err != nil) != want.cut {
		t.Errorf("the app got a request with %d bytes of a body, and %v; want it cut: %v", len(request.body), request.err, want.cut)
	}
	select {
	case rest := <-app.rest:
		if rest != "" {
			t.Errorf("the app got %.300q after the request", rest)
		}
	case <-time.After(patience):
		t.Error("the app's connection is still open")
	}
}
