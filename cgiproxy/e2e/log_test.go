package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// Dates as Apache and we write them, and those of lighttpd and nginx.
var (
	ourDate = `\[\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{6} \d{4}\]`
	anyDate = regexp.MustCompile(ourDate + `|\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d`)
	ourLine = regexp.MustCompile(`^` + ourDate + ` proxy\.cgi: error: \[[\w@-]+\] 502 connect 127\.0\.0\.1:1: connection refused: is the app running\? If it listens elsewhere, write where into CGIPROXY_UPSTREAM$`)
)

// TestLogDate has lines of proxy.cgi in the error log of each web server: each
// has one date, either the server's or, where that adds none, ours.
func TestLogDate(t *testing.T) {
	for _, kind := range slices.Concat(webserver.CGI, webserver.FastCGI) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, "CGIPROXY_UPSTREAM=127.0.0.1:1\n")
			for range 3 {
				refuse(t, s)
			}
			want := 3
			lines := refusedLines(s.log())
			for deadline := time.Now().Add(patience); len(lines) < want && time.Now().Before(deadline); lines = refusedLines(s.log()) {
				time.Sleep(10 * time.Millisecond)
				if kind == nginx { // fcgiwrap now and then loses what a script writes to stderr last
					refuse(t, s)
				}
			}
			if len(lines) < want { // more are of other tests
				t.Errorf("%d lines, want %d, in\n%s", len(lines), want, s.log())
			}
			for _, line := range lines {
				if dates := anyDate.FindAllString(line, -1); len(dates) != 1 {
					t.Errorf("%d dates in %q", len(dates), line)
				}
			}
		})
	}
}

// refusedLines returns what proxy.cgi says about an app that is not running.
func refusedLines(log string) (lines []string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "proxy.cgi: ") && strings.Contains(line, "127.0.0.1:1: connection refused") {
			lines = append(lines, line)
		}
	}
	return lines
}

// refuse asks a site whose app is not running.
func refuse(t *testing.T, s site) {
	t.Helper()
	resp, err := http.Get(s.URL + s.folder + "/")
	if err != nil {
		t.Error(err)
		return
	}
	resp.Body.Close()
	if resp.StatusCode != 502 {
		t.Errorf("got %s, want 502", resp.Status)
	}
}

// TestLogFile has many processes at once write to a LOG_FILE that gets full.
func TestLogFile(t *testing.T) {
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, webserver.ApachePrefork, webserver.ApacheSuexec, webserver.ApacheFcgid} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			const name, limit, requests = ".htproxy.log", 1 << 20, 50
			s := newSite(t, kind, "CGIPROXY_UPSTREAM=127.0.0.1:1\nCGIPROXY_LOG_FILE="+name+"\n")
			file := filepath.Join(s.Root, s.folder, name)
			refuse(t, s)
			if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
				t.Fatalf("got %v, error %v, want a file with mode 600", info, err)
			}
			if lines := ourLines(t, file); len(lines) != 1 {
				t.Fatalf("got lines %q, want one", lines)
			}

			s.WriteFile(t, s.folder[1:]+"/"+name, strings.Repeat("x", limit-1500)+"\n", 0o600)
			var all sync.WaitGroup
			for range requests {
				all.Go(func() { refuse(t, s) })
			}
			all.Wait()
			lines := append(ourLines(t, file), ourLines(t, file+".1")...)
			slices.Sort(lines)
			if n := len(slices.Compact(lines)); n != requests {
				t.Errorf("%d lines of %d requests", n, requests)
			}
			for _, file := range []string{name, name + ".1"} {
				got := visit(t, s.Addr, fmt.Sprintf("GET %s/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", s.folder, file))
				if got.StatusCode != 403 {
					t.Errorf("%s: the client gets %s", file, got.Status)
				}
			}
		})
	}
}

// A host that runs scripts as its own user lets them write nowhere: the log says what
// helps there.
func TestLogOfAnotherUser(t *testing.T) {
	t.Parallel()
	folder := publicFolder(t)
	s := newSite(t, webserver.ApacheEvent, "CGIPROXY_UPSTREAM=auto\nCGIPROXY_START='exec true'\nCGIPROXY_START_DIR="+folder+"\nCGIPROXY_LOG_FILE="+folder+"/proxy.log\n")
	got := visit(t, s.Addr, "GET "+s.folder+"/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if got.StatusCode != 503 {
		t.Errorf("got %s, want 503", got.Status)
	}
	awaitLog(t, s, fmt.Sprintf("mkdir %s/.cgiproxy: permission denied: scripts run as user %d, who has to be able to write to START_DIR", folder, s.UID))
	awaitLog(t, s, fmt.Sprintf("LOG_FILE: open %s/proxy.log: permission denied: scripts run as user %d, who may not write there: upload an empty file", folder, s.UID))
}

// ourLines returns the lines of a LOG_FILE, and wants no other there but what
// has filled it.
func ourLines(t *testing.T, file string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil || len(text) > 1<<20+4000 { // several may see at once that it is not full
		t.Errorf("%d bytes, error %v", len(text), err)
	}
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case ourLine.MatchString(line):
			lines = append(lines, line)
		case strings.Trim(line, "x") != "":
			t.Errorf("%s has the line %q", filepath.Base(file), line)
		}
	}
	return lines
}
