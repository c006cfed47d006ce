package cgiproxy

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/ondemand"
)

// The app is started by way of this program.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "app" && ondemand.Hidden(os.Args[2:]) {
		os.Exit(ondemand.RunStarter(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// Only a browser's page gets the starting page: a script, an image or a form's
// POST could not be repeated by it.
func TestTakesStartingPage(t *testing.T) {
	const html = "HTTP_ACCEPT=text/html,application/xhtml+xml,*/*;q=0.8"
	tests := []struct {
		name string
		vars []string
		want bool
	}{
		{"browser", []string{html, "HTTP_SEC_FETCH_DEST=document"}, true},
		{"older browser", []string{html}, true},
		{"image", []string{html, "HTTP_SEC_FETCH_DEST=image"}, false},
		{"fetch", []string{html, "HTTP_SEC_FETCH_DEST=empty"}, false},
		{"frame", []string{html, "HTTP_SEC_FETCH_DEST=iframe"}, false},
		{"JSON", []string{"HTTP_ACCEPT=application/json"}, false},
		{"anything", []string{"HTTP_ACCEPT=*/*"}, false},
		{"no Accept", nil, false},
		{"POST", []string{html, "REQUEST_METHOD=POST"}, false},
		{"HEAD", []string{html, "REQUEST_METHOD=HEAD"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := takesStartingPage(visit(tt.vars...)); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

// A browser gets the page while the app is still being started, and nothing is
// kept from the app's start.
func TestStartingPage(t *testing.T) {
	const html = "HTTP_ACCEPT=text/html"
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=auto\nSTART='echo started >> starts; exec sleep 60'\n")
	t.Cleanup(func() {
		if err := LoadSite(nil, folder).App().Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	response, _, err := handle(t, t.Context(), folder, visit(html), nil)
	if err != nil || response.Status != "Status: 503 Service Unavailable" {
		t.Fatalf("got %q, error %v, want 503", response.Status, err)
	}
	testkit.WantText(t, response.Body, `<meta http-equiv="refresh" content="1">`, "<title>Starting</title>")
	for name, want := range map[string]string{"Retry-After": "1", "Cache-Control": "no-store"} {
		if got := response.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	st, err := LoadSite(nil, folder).App().Status()
	if err != nil || st.Phase != "starting" || st.PID == 0 {
		t.Errorf("the app is %+v, error %v, want it to go on to start", st, err)
	}
}

// What the owner reads of a start that failed is not for visitors.
func TestNotStarted(t *testing.T) {
	tests := []struct {
		name       string
		err        *ondemand.Error
		status     int
		retryAfter time.Duration
		log        string
	}{
		{"failed", &ondemand.Error{Kind: ondemand.Failed, Cause: errors.New("status 3"), Remedy: "see the app's log", Output: "a\nb", RetryAfter: 2 * time.Second}, 503, 2 * time.Second, "status 3: see the app's log; its last lines: a | b"},
		{"too slow", &ondemand.Error{Kind: ondemand.TimedOut, Cause: errors.New("not within 30s"), Remedy: "raise it"}, 503, 0, "not within 30s: raise it"},
		{"a folder of another site", &ondemand.Error{Kind: ondemand.Shared, Cause: errors.New("of another site"), Remedy: "give each its own"}, 500, 0, "of another site: give each its own"},
		{"full disk", &ondemand.Error{Kind: ondemand.NoState, Cause: errors.New("no space"), Remedy: "delete something"}, 503, 0, "no space: delete something"},
		{"stranger", ondemand.NotOurs("127.0.0.1:1", errors.New("belongs to user 7")), 502, 0, "belongs to user 7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := asFailure(tt.err)
			if f.status != tt.status || f.retryAfter != tt.retryAfter {
				t.Errorf("got %d, again after %v; want %d after %v", f.status, f.retryAfter, tt.status, tt.retryAfter)
			}
			testkit.WantText(t, f.Error(), tt.log)
			if f.advice != "" {
				t.Errorf("the visitor reads %q, want the usual sentence", f.advice)
			}
		})
	}
}
