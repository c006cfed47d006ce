package cgiproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// visit returns the variables of a visit to http://example.com/ as Apache sets
// them for /home/me/public_html/proxy.cgi. Those in vars count first; one that
// is set to nothing there is removed.
func visit(vars ...string) Environ {
	env := NewEnviron(append(slices.Clone(vars),
		"REQUEST_METHOD=GET",
		"REQUEST_URI=/",
		"SERVER_PROTOCOL=HTTP/1.1",
		"SERVER_SOFTWARE=Apache/2.4.71 (Debian)",
		"SERVER_NAME=example.com",
		"SERVER_ADDR=192.0.2.80",
		"SERVER_PORT=80",
		"REMOTE_ADDR=198.51.100.7",
		"SCRIPT_NAME=/proxy.cgi",
		"SCRIPT_FILENAME=/home/me/public_html/proxy.cgi",
		"HTTP_HOST=example.com",
	))
	for _, v := range vars {
		if name, ok := strings.CutSuffix(v, "="); ok {
			delete(env, name)
		}
	}
	return env
}

// configure returns the settings "NAME=value", with an app on port 6543 unless
// they say otherwise.
func configure(t testing.TB, vars ...string) *Config {
	t.Helper()
	env := Environ{"CGIPROXY_UPSTREAM": "6543"}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		env["CGIPROXY_"+name] = value
	}
	cfg, unknown, err := loadConfig(env, t.TempDir())
	if err != nil || unknown != nil {
		t.Fatalf("loadConfig(%q): error %v, unknown names %q", vars, err, unknown)
	}
	return cfg
}

// wantFailure checks the status that the visitor gets for err.
func wantFailure(t *testing.T, err error, status int) {
	t.Helper()
	f, ok := errors.AsType[*failure](err)
	if !ok {
		t.Fatalf("got error %v, want a failure with status %d", err, status)
	}
	if f.status != status {
		t.Fatalf("got status %d (%v), want %d", f.status, f, status)
	}
}

// wantText checks that each part occurs in text.
func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("got %q, want %q in it", text, part)
		}
	}
}

// logTo returns a logger that logs everything to the buffer.
func logTo(b *bytes.Buffer) *logger {
	return &logger{w: b, level: LevelDebug, id: "test"}
}

func writeFile(t testing.TB, folder, name, text string) string {
	t.Helper()
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A cgiAnswer is what a web server reads from a CGI program.
type cgiAnswer struct {
	status string   // "Status: 200 OK"
	fields []string // the other lines, sorted by name; equal names in their order
	body   string
}

// values returns the values of the field, in their order.
func (a cgiAnswer) values(name string) []string {
	var values []string
	for _, line := range a.fields {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			values = append(values, value)
		}
	}
	return values
}

// readCGI runs write with the writer of a CGI process and returns what comes
// out at the other end of the pipe.
func readCGI(t testing.TB, write func(*cgiWriter) error) (answer cgiAnswer, err error) {
	t.Helper()
	r, w, pipeErr := os.Pipe()
	if pipeErr != nil {
		t.Fatal(pipeErr)
	}
	defer r.Close()
	written := make(chan error, 1)
	go func() {
		defer w.Close()
		cw := newCGIWriter(w)
		err := write(cw)
		if flushErr := cw.FlushError(); err == nil {
			err = flushErr
		}
		written <- err
	}()
	text, readErr := io.ReadAll(r)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return parseCGI(t, string(text)), <-written
}

// parseCGI splits what a CGI program has written.
func parseCGI(t testing.TB, text string) cgiAnswer {
	t.Helper()
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	if !ok && text != "" {
		t.Fatalf("no end of the header section in %.200q", text)
	}
	lines := strings.Split(head, "\r\n")
	answer := cgiAnswer{status: lines[0], fields: lines[1:], body: body}
	slices.SortStableFunc(answer.fields, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, ":")
		nameB, _, _ := strings.Cut(b, ":")
		return strings.Compare(nameA, nameB)
	})
	return answer
}

// An app is a listener whose every connection is handled by a test.
type app struct {
	net.Listener
}

// startApp handles each connection to a listener on the loopback interface,
// and closes it after that.
func startApp(t *testing.T, handle func(net.Conn)) *app {
	t.Helper()
	return serveApp(t, listen(t, "tcp", "127.0.0.1:0"), handle)
}

func serveApp(t *testing.T, l net.Listener, handle func(net.Conn)) *app {
	t.Helper()
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return &app{l}
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// upstream returns the setting that leads to the app.
func (a *app) upstream() string {
	if a.Addr().Network() == "unix" {
		return "UPSTREAM=unix:" + a.Addr().String()
	}
	return "UPSTREAM=" + a.Addr().String()
}

// readHeadBytes reads up to the end of a header section, and no further.
func readHeadBytes(r io.Reader) (string, error) {
	var head []byte
	b := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := io.ReadFull(r, b); err != nil {
			return string(head), err
		}
		head = append(head, b[0])
	}
	return string(head), nil
}

// roundTrip sends a request made of env, with the body, as the handler does.
func roundTrip(ctx context.Context, t *testing.T, cfg *Config, env Environ, body io.Reader) (*http.Response, error) {
	t.Helper()
	req, _, err := newRequest(env, cfg)
	if err != nil {
		t.Fatalf("newRequest: %v", err)
	}
	if req.ContentLength != 0 {
		req.Body = &requestBody{r: body, length: req.ContentLength, limit: int64(cfg.MaxBody)}
	}
	return (&client{cfg: cfg}).RoundTrip(req.WithContext(ctx))
}
