package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"testing"
)

// Nothing listens until the page is asked for, and nothing is left at the end.
func TestOnDemand(t *testing.T) {
	command, err := ownCommand()
	if err != nil {
		t.Fatal(err)
	}
	d, err := openOnDemand(script, "127.0.0.1:0", "DEMO_MAIN=1 "+command)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.serve(ctx) }()
	status := func() error { return exec.Command(d.script, "app", "status", d.folder).Run() }
	if status() == nil {
		t.Error("the app runs before anybody has asked for it")
	}
	res := do(t, "http://"+d.public.Addr().String(), "GET", "/", nil, nil)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200", res.StatusCode)
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
