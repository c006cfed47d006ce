package upstream

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/ondemand"
)

// A request that is under way while an app replaces another on another port gives
// its connection back late: no other goes to the old app over it.
func TestPoolOfReplacedApp(t *testing.T) {
	response := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	before, after := newCountingApp(t, true, response("before")), newCountingApp(t, true, response("after"))
	dir := t.TempDir()
	c := pooled(t, before.App)
	c.App = &ondemand.App{Command: "true", Dir: dir, Auto: true}
	runsAt(t, dir, before.App)
	slow, err := c.RoundTrip(newRequest(c.Config))
	if err != nil {
		t.Fatal(err)
	}
	runsAt(t, dir, after.App)
	for range 2 {
		if body, err := ask(t, c); err != nil || body != "after" {
			t.Errorf("after the old app was replaced: %q, %v", body, err)
		}
		if _, err := io.Copy(io.Discard, slow.Body); err != nil {
			t.Fatal(err)
		}
		slow.Body.Close()
	}
	if n := after.conns.Load(); n != 1 {
		t.Errorf("%d connections to the new app, want 1", n)
	}
}

// runsAt writes the state of an app that runs, as this process, on the port of another.
func runsAt(t *testing.T, dir string, app *testkit.App) {
	t.Helper()
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if err := os.MkdirAll(filepath.Join(dir, ".cgiproxy"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, address, _ := strings.Cut(app.Upstream(), "=")
	testkit.WriteFile(t, filepath.Join(dir, ".cgiproxy"), "state",
		fmt.Sprintf("phase \"running\"\npid \"%d\"\nstart \"%s\"\nnetwork \"tcp\"\naddress %q\n", os.Getpid(), fields[22-3], address))
}
