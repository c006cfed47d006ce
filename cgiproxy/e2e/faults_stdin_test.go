package e2e

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestFaultsOfStdin has uploads that end early on the web server's side. Behind
// real ones Apache's signal, or the client's end, mostly comes first.
func TestFaultsOfStdin(t *testing.T) {
	for _, c := range []struct {
		name      string
		variables []string
		stdin     string
		client    string
	}{
		{"length, nothing comes", []string{"CONTENT_LENGTH=8"}, "", "400, exit status 0"},
		{"length, a part comes", []string{"CONTENT_LENGTH=8"}, "half", "400, exit status 0"},
		{"length, all but a byte comes", []string{"CONTENT_LENGTH=8"}, "all but", "400, exit status 0"},
		{"chunked, and too much", []string{"HTTP_TRANSFER_ENCODING=chunked", "CGIPROXY_MAX_BODY=6"}, "too much", "413, exit status 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := newStagedApp(t, &stage{response: plainResponse})
			cmd := cgiCommand(t, app.addr, c.variables...)
			cmd.Stdin = strings.NewReader(c.stdin)
			if got, _ := runCGI(t, cmd); got != c.client {
				t.Errorf("the web server gets %s, want %s", got, c.client)
			}
			if got := app.view(); got != "cut" {
				t.Errorf("the app sees the request %q, want it cut", got)
			}
		})
	}
}

// TestFaultsOfBothPipes has a web server that goes away in a chunked upload. Of
// two pipes one ends first: the end of stdin looks like that of the body.
func TestFaultsOfBothPipes(t *testing.T) {
	t.Parallel()
	app := newStagedApp(t, &stage{response: plainResponse})
	cmd := cgiCommand(t, app.addr, "HTTP_TRANSFER_ENCODING=chunked")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	server, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = stdout
	err = cmd.Start()
	stdout.Close()
	if err != nil {
		t.Fatal(err)
	}
	stdin.Write([]byte(uploadMark))
	select {
	case <-app.reached:
	case <-time.After(patience):
		t.Error("the app did not get the request")
	}
	server.Close()
	stdin.Close()
	if got := app.view(); got != "cut" {
		t.Errorf("the app sees the request %q, want it cut", got)
	}
	cmd.Wait() // nobody takes its response: it ends by SIGPIPE
}
