package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestPythonCGI has the CGI server of Python's library, which sets neither
// REQUEST_URI nor SCRIPT_FILENAME, and answers 200 whatever the status.
func TestPythonCGI(t *testing.T) {
	t.Parallel()
	app := newRecorder(t, func(conn net.Conn, _ received) {
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	addr := startPythonCGI(t, "CGIPROXY_UPSTREAM="+app.addr+"\n")
	// It passes on whatever name a visitor claims.
	visit(t, addr, "GET /cgi-bin/proxy.cgi HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+login+"\r\n")
	if user := app.request(t).header.Get("X-Forwarded-User"); user != "" {
		t.Errorf("X-Forwarded-User is %q, which nobody proved", user)
	}
	for _, c := range []struct{ name, request, want string }{
		{"path behind the script", "GET /cgi-bin/proxy.cgi/a%20b/c?d=e HTTP/1.1", "GET /cgi-bin/a%20b/c?d=e HTTP/1.1"},
		{"the script alone", "GET /cgi-bin/proxy.cgi HTTP/1.1", "GET /cgi-bin/ HTTP/1.1"},
		{"a query alone", "GET /cgi-bin/proxy.cgi?d HTTP/1.1", "GET /cgi-bin/?d HTTP/1.1"},
		{"POST", "POST /cgi-bin/proxy.cgi/x HTTP/1.1\r\nContent-Length: 0", "POST /cgi-bin/x HTTP/1.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := visit(t, addr, c.request+"\r\nHost: x\r\nConnection: close\r\n\r\n"); got.body != "ok" {
				t.Fatalf("the client got %s %q", got.Status, got.body)
			}
			if got := app.request(t); got.line != c.want {
				t.Errorf("the app got %q, want %q", got.line, c.want)
			}
		})
	}
}

// startPythonCGI starts the server with proxy.cgi in its cgi-bin and returns
// its address. Where root starts it, programs run as nobody.
func startPythonCGI(t *testing.T, settings string) (addr string) {
	t.Helper()
	needPrograms(t, "python3")
	help, err := exec.Command("python3", "-m", "http.server", "--help").CombinedOutput()
	if err != nil || !strings.Contains(string(help), "--cgi") {
		webserver.Need(t, fmt.Errorf("%w: this Python has no CGI server, as from 3.15 on", webserver.ErrUnavailable))
	}
	root := publicFolder(t)
	folder := filepath.Join(root, "cgi-bin")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	copyProgram(t, binary, filepath.Join(folder, "proxy.cgi"))
	if err := os.WriteFile(filepath.Join(folder, ".htcgiproxy"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-u", "-W", "ignore", "-m", "http.server", "--cgi", "--bind", "127.0.0.1", "--directory", root, "0")
	cmd.Dir = root
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	port := regexp.MustCompile(` port (\d+) `).FindStringSubmatch(line)
	if port == nil {
		t.Fatalf("Python said %q, not its port: %v", line, err)
	}
	return "127.0.0.1:" + port[1]
}
