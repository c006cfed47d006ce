package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// atEachByte has responses whose body is "hello".
var atEachByte = []struct {
	name     string
	response string
	before   int    // bytes of framing before the data
	whole    int    // how much of what follows the header makes it whole
	cut      string // what the web server is told of one that is not
}{
	{"length", status200 + "Content-Length: 5\r\n\r\nhello", 0, 5, "200 cut, exit status 1"},
	{"chunked", inChunks + "5\r\nhello\r\n0\r\n\r\n", 3, 13, "200, exit status 1"},
	{"without length", status200 + "X: y\r\n\r\nhello", 0, 0, "200, exit status 1"},
}

// TestFaultsAtEachByte has an app that ends its response after each number of
// bytes, while proxy.cgi runs without a web server: until the header is
// complete nothing of it is passed on, and after that the exit status, beside
// the length, says that something is missing.
func TestFaultsAtEachByte(t *testing.T) {
	for _, c := range atEachByte {
		for name, end := range map[string]func(net.Conn) error{"closed": net.Conn.Close, "reset": reset} {
			whole := c.whole
			if whole == 0 && name == "reset" {
				whole = 1 << 10 // only a proper end of the connection would make it so
			}
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				header := strings.Index(c.response, "\r\n\r\n") + 4
				var processes sync.WaitGroup
				slots := make(chan bool, 16)
				for n := range len(c.response) + 1 {
					slots <- true
					processes.Go(func() {
						defer func() { <-slots }()
						want, data := "502, exit status 0", "hello"[:min(max(n-header-c.before, 0), 5)]
						switch {
						case n >= header+whole:
							want = "200, exit status 0"
						case n >= header:
							want = c.cut
						}
						app := newApp(t, func(conn net.Conn) {
							readRequest(conn)
							io.WriteString(conn, c.response[:n])
							end(conn)
						})
						got, body := runCGI(t, cgiCommand(t, app))
						if got != want || n >= header && body != data {
							t.Errorf("after %d bytes, %q: got %s, body %.100q; want %s, body %q", n, c.response[:n], got, body, want, data)
						}
					})
				}
				processes.Wait()
			})
		}
	}
}

// cgiCommand returns a proxy.cgi that has no web server, with further
// variables. It does not run for longer than the test waits for anything.
func cgiCommand(t *testing.T, app string, variables ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(variables,
		"CGIPROXY_UPSTREAM="+app, "REQUEST_METHOD=PUT", "REQUEST_URI=/", "SCRIPT_NAME=/proxy.cgi",
		"SERVER_PROTOCOL=HTTP/1.1", "SERVER_NAME=localhost", "SERVER_PORT=80", "HTTP_HOST=localhost")
	return cmd
}

// runCGI runs proxy.cgi. It returns what the response looks like to a web
// server, and its body.
func runCGI(t *testing.T, cmd *exec.Cmd) (view, body string) {
	var response bytes.Buffer
	cmd.Stdout = &response
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Error(err)
		return "", ""
	}
	http11 := strings.Replace(response.String(), "Status:", "HTTP/1.1", 1)
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(http11)), nil)
	if err != nil {
		return fmt.Sprintf("%q, %s", response.String(), cmd.ProcessState), ""
	}
	text, err := io.ReadAll(resp.Body)
	view = fmt.Sprint(resp.StatusCode)
	if err != nil {
		view += " cut"
	}
	return fmt.Sprintf("%s, %s", view, cmd.ProcessState), string(text)
}
