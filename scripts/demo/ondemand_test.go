package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestOnDemand(t *testing.T) {
	command, err := ownCommand()
	if err != nil {
		t.Fatal(err)
	}
	testOnDemand(t, demoApp("DEMO_MAIN=1 "+command), func(string) string { return "proxy.cgi demo" })
}

func TestExample(t *testing.T) {
	testOnDemand(t, example(t.Context(), "go"), func(base string) string { return "<dd>" + base + "/</dd>" })
}

func TestExampleErrors(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for name, want := range map[string]string{
		"rust": `no example "rust"; there are django, express, flask, go, next, php, sinatra`,
		"php":  "php: missing here: php: run scripts/webservers, or apt-get install php-cli",
	} {
		d, err := openOnDemand(script, "127.0.0.1:0", example(t.Context(), name))
		if err == nil {
			d.close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
}

// testOnDemand demands that nothing listens until the page is asked for, that
// the page has a text, and that nothing is left at the end.
func testOnDemand(t *testing.T, app source, want func(base string) string) {
	t.Helper()
	d, err := openOnDemand(script, "127.0.0.1:0", app)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.serve(ctx) }()
	status := func() error { return exec.Command(d.script(), "app", "status", d.site).Run() }
	if status() == nil {
		t.Error("the app runs before anybody has asked for it")
	}
	base := "http://" + d.public.Addr().String()
	res := do(t, base, "GET", "/", nil, nil)
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(page), want(base)) {
		t.Errorf("%s %.500q %v, want 200 and %q", res.Status, page, err, want(base))
	}
	if err := status(); err != nil {
		t.Errorf("the app does not run: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
	if _, err := os.Stat(d.folder); !os.IsNotExist(err) {
		t.Errorf("its folder is left: %v", err)
	}
}
