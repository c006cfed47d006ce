// MANUAL's configurations for those who move on to a reverse proxy, run for
// real: the app must see there what it saw behind proxy.cgi.

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// A gateway is a web server that MANUAL has a configuration for.
type gateway struct {
	name    string   // as in MANUAL's marker
	changes []string // pairs: what MANUAL says for a real host, and what a test says instead
	frame   string   // what stands around MANUAL's part
	command string   // "" for the Apache that all tests use
}

var gateways = []gateway{
	{"nginx", []string{"listen 80;", "listen {addr};", "listen [::]:80;", ""}, `
daemon off; user www-data; pid {folder}/pid; events {}
http {
	access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
	fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
	{config}
}`, "nginx -e stderr -c {folder}/config"},
	// Later versions than Debian's add a Via, which is no matter, but would
	// differ.
	{"Caddy", []string{"example.org {", "http://:{port} {\nbind 127.0.0.1", "X-Forwarded-Port 443", "X-Forwarded-Port {port}\nheader_up -Via"},
		"{\nadmin off\nauto_https off\n}\n{config}", "caddy run --adapter caddyfile --config {folder}/config"},
	// Its port is known only when it runs.
	{"Apache", []string{"<VirtualHost *:80>", "<VirtualHost *:*>\nUseCanonicalPhysicalPort On"},
		"MinSpareThreads 1\n<Directory {root}>\nRequire all granted\n</Directory>\n{config}", ""},
}

// start starts the gateway as MANUAL says, with that document root and app, and
// returns its address.
func (g gateway) start(t *testing.T, root, app string) (addr string) {
	t.Helper()
	folder, err1 := os.MkdirTemp("", "proxycgi-moveon-") // t.TempDir is closed to the server's user
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := errors.Join(err1, os.Chmod(folder, 0o755)); err != nil {
		t.Fatal(err)
	}
	port := testkit.FreePort(t)
	addr = "127.0.0.1:" + port
	fill := strings.NewReplacer("{addr}", addr, "{port}", port, "{folder}", folder, "{root}", root).Replace

	config := manualBlock(t, "<!-- move on: "+g.name+" -->")
	for pair := range slices.Chunk(append(g.changes, "127.0.0.1:6543", app, "/var/www/example", root), 2) {
		if n := strings.Count(config, pair[0]); n != 1 {
			t.Fatalf("MANUAL's configuration for %s has %q %d times, want once:\n%s", g.name, pair[0], n, config)
		}
		config = strings.Replace(config, pair[0], pair[1], 1)
	}
	config = fill(strings.Replace(g.frame, "{config}", config, 1))
	if g.command == "" {
		modules, _, _ := strings.Cut(modProxy("/", app), "ProxyPreserveHost")
		return webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: modules + config}).Addr
	}
	if err := os.WriteFile(filepath.Join(folder, "config"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	startServer(t, addr, folder, strings.Fields(fill(g.command)))
	return addr
}

// manualBlock returns the indented block that follows a line of MANUAL.
func manualBlock(t *testing.T, line string) string {
	t.Helper()
	return block(t, "MANUAL.md", line)
}

// block returns the indented block that follows a line of a document.
func block(t *testing.T, document, line string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + document)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`\n` + regexp.QuoteMeta(line) + `\n\n((?: {4}.*\n)+)`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s has no line %q with an empty line and an indented block after it", document, line)
	}
	return string(found[1])
}

// startServer starts a server for the length of a test, and for five minutes
// should the test be killed. It returns once the server listens.
func startServer(t *testing.T, addr, home string, command []string) {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin") // Debian has nginx there
	needPrograms(t, command[0])
	log := new(lockedLog)
	cmd := exec.CommandContext(t.Context(), "timeout", append([]string{"-k", "10", "300"}, command...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // which it hands on
	cmd.WaitDelay = 2 * patience
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Wait() // its status only says that it was ended
		if t.Failed() {
			t.Logf("%s says:\n%s", command[0], log)
		}
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v\n%s", command[0], err, log)
		}
	}
}

func TestMoveOn(t *testing.T) {
	app := newRecorder(t, func(conn net.Conn, _ received) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	})
	cgi := newSite(t, webserver.ApacheEvent, "CGIPROXY_UPSTREAM="+app.addr+"\n")
	cgi.WriteFile(t, cgi.folder[1:]+"/style.css", "static", 0o644)
	for _, g := range gateways {
		t.Run(g.name, func(t *testing.T) {
			t.Run("requests", func(t *testing.T) { g.testRequests(t, cgi, app) })
			t.Run("event stream", func(t *testing.T) {
				app, got := lockstepApp(t)
				t.Logf("%v an event", followStream(t, g.start(t, cgi.Root, app.addr), "/events", eventStream, got))
			})
			t.Run("upload", func(t *testing.T) { g.testSlowUpload(t, cgi.Root) })
			t.Run("websocket", func(t *testing.T) { g.testWebSocket(t, cgi.Root) })
		})
	}
}

// testSlowUpload has a client that sends the rest of an upload only when the
// app has most of the start: a gateway that collects it first would hold up
// both for ever.
func (g gateway) testSlowUpload(t *testing.T, root string) {
	came := make(chan error, 1)
	addr := g.start(t, root, newDeafApp(t, func(conn net.Conn) {
		_, err := io.CopyN(io.Discard, conn, 64<<10)
		came <- err
	}))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /up HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", addr, len(megabyte), megabyte[:100_000])
	select {
	case err := <-came:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the app did not get the start of an upload before its end was sent")
	}
}

// testWebSocket shakes hands (RFC 6455, section 1.3), speaks, and waits for the
// app to say the same.
func (g gateway) testWebSocket(t *testing.T, root string) {
	const agreed, frame = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "\x81\x02hi"
	app := newRecorder(t, func(conn net.Conn, r received) {
		if hasLine(r.header, "Upgrade: websocket") && strings.EqualFold(r.header.Get("Connection"), "upgrade") {
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+agreed+"\r\n")
			io.Copy(conn, conn)
		}
	})
	conn, err := net.Dial("tcp", g.start(t, root, app.addr))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, "GET /chat HTTP/1.1\r\nHost: example.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(conn)
	head, err := readLines(r)
	if err != nil || !strings.HasPrefix(head[0], "HTTP/1.1 101 ") || !strings.Contains(strings.ToLower(lines(parseFields(head[1:]))), strings.ToLower(agreed)) {
		t.Fatalf("the handshake got %q, %v", head, err)
	}
	io.WriteString(conn, frame)
	echo := make([]byte, len(frame))
	if _, err := io.ReadFull(r, echo); err != nil || string(echo) != frame {
		t.Fatalf("%q came back as %q, %v", frame, echo, err)
	}
	conn.(*net.TCPConn).CloseWrite() // the app sees the end, and ends too
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("after the client's end came %q, %v", rest, err)
	}
}

// movedCases are the requests beside those of TestMatrix.
var movedCases = []exchangeCase{
	{name: "field with an underscore", request: "GET {site}/ HTTP/1.1\r\nclient_id: 1\r\n{}"},
	{name: "forged with one underscore", request: "GET {site}/ HTTP/1.1\r\nX-FORWARDED_user: root\r\n{}"},
	{name: "3 MiB", request: "PUT {site}/ HTTP/1.1\r\nContent-Length: 3145728\r\nHost: {host}\r\nConnection: close\r\n\r\n" + strings.Repeat(megabyte, 3)},
	{name: "static file", request: "GET {site}/style.css?x HTTP/1.1\r\n{}"},
	{name: "hidden file", request: "GET {site}/.htcgiproxy HTTP/1.1\r\n{}"},
}

// testRequests sends requests through proxy.cgi and through the gateway. What
// the app gets must be the same, but for the rows of moves. Each of those must
// occur.
func (g gateway) testRequests(t *testing.T, cgi site, app *recorder) {
	addr := g.start(t, cgi.Root, app.addr)
	used, left := make([]bool, len(moves)), false
	for _, c := range slices.Concat(targetCases, fieldCases, bodyCases, movedCases) {
		if c.settings != "" || c.noApp || strings.Contains(c.request, "{script}") {
			continue // of proxy.cgi alone
		}
		run := false // -run may leave it out
		t.Run(c.name, func(t *testing.T) {
			run = true
			x := new(crossing)
			x.want.request = c.seenBehind(t, cgi.Addr, cgi.folder, app)
			x.got.request = c.seenBehind(t, addr, cgi.folder, app)
			for i, m := range moves {
				if strings.Contains(m.by, g.name) && m.apply(&x.want.request, &x.got.request) {
					used[i] = true
				}
			}
			sortFields(x)
			if err := x.compare(); err != nil {
				t.Error(err)
			}
		})
		left = left || !run
	}
	for i, m := range moves {
		if strings.Contains(m.by, g.name) && !used[i] && !left && !t.Failed() {
			t.Errorf("no difference any more: %+v", m)
		}
	}
}

// seenBehind returns the request that the app gets from a server, less what is
// of this run; or, where the app is not asked, what the client gets.
func (c exchangeCase) seenBehind(t *testing.T, addr, folder string, app *recorder) message {
	t.Helper()
	request := strings.Replace(c.request, "{}", "Host: {host}\r\nConnection: close\r\n\r\n", 1)
	response := visit(t, addr, strings.NewReplacer("{site}", folder, "{host}", addr).Replace(request))
	if len(app.got) == 0 {
		m := message{start: response.Status + " to " + c.name}
		if response.StatusCode == 200 {
			m.body = []byte(response.body)
		}
		return m
	}
	r := <-app.got
	if r.err != nil {
		t.Errorf("the app got a broken request: %v", r.err)
	}
	general := strings.NewReplacer(addr, "{host}", app.addr, "{app}", folder+"/", "{site}/").Replace
	m := message{start: general(r.line), body: r.body}
	_, port, _ := net.SplitHostPort(addr)
	for _, f := range parseFields(r.lines) {
		if f.value == port {
			f.value = "{port}"
		}
		m.add(f.name, general(f.value))
	}
	return m
}
