package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script is the real proxy.cgi, built for these tests.
var script string

func TestMain(m *testing.M) {
	if os.Getenv("DEMO_MAIN") != "" { // TestSignal runs the test binary as the demo
		main()
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "demo")
	if err == nil {
		script = filepath.Join(dir, "proxy.cgi")
		build := exec.Command("go", "build", "-tags", "nethttpomithttp2,netgo,osusergo", "-o", script, "../..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "build proxy.cgi:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// start runs the demo and returns the public address, as a URL.
func start(t *testing.T) string {
	t.Helper()
	d, err := open(script, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return "http://" + d.public.Addr().String()
}

// client shows responses as they are: nothing unpacked, no redirect followed.
var client = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       20 * time.Second,
}

// do sends a request to the target, which stays as it is.
func do(t *testing.T, base, method, target string, header http.Header, body io.Reader) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, base, body)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = target
	if header != nil {
		req.Header = header
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func echoed(t *testing.T, res *http.Response) received {
	t.Helper()
	var got received
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatalf("%s: %v", res.Status, err)
	}
	return got
}

func TestTarget(t *testing.T) {
	base := start(t)
	tests := []struct{ name, target string }{
		{"escapes and semicolons", "/echo/a%2Fb//c;d=1?x=%7E&y=a;b&empty=&?"},
		{"lower-case hex", "/echo/%c3%a4%2f"},
		{"escaped twice", "/echo/%2520%23%3F"},
		{"empty query", "/echo/x?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := echoed(t, do(t, base, "GET", tt.target, nil, nil)).Target; got != tt.target {
				t.Errorf("the app received %q, want %q", got, tt.target)
			}
		})
	}
}

func TestForwardedFields(t *testing.T) {
	base := start(t)
	got := echoed(t, do(t, base, "GET", "/echo/fields", http.Header{
		"X-Forwarded-For":   {"203.0.113.9"},
		"X-Forwarded-Proto": {"gopher"},
		"Authorization":     {"Bearer demo"},
		"Proxy":             {"http://forged.example"},
	}, nil))
	fields := map[string][]string{}
	for _, f := range got.Fields {
		fields[f[0]] = append(fields[f[0]], f[1])
	}
	host := strings.TrimPrefix(base, "http://")
	_, port, _ := net.SplitHostPort(host)
	for name, want := range map[string]string{
		"Host":              host,
		"X-Forwarded-For":   "127.0.0.1",
		"X-Forwarded-Host":  host,
		"X-Forwarded-Proto": "http",
		"X-Forwarded-Port":  port,
		"Authorization":     "Bearer demo",
		"Proxy":             "",
	} {
		if seen := strings.Join(fields[name], " | "); seen != want {
			t.Errorf("%s: got %q, want %q", name, seen, want)
		}
	}
}

func TestUpload(t *testing.T) {
	base := start(t)
	data := bytes.Repeat([]byte("0123456789abcde\n"), 2<<20/16)
	sum := sha256.Sum256(data)
	for _, tt := range []struct {
		name string
		body io.Reader
	}{
		{"length known", bytes.NewReader(data)},
		{"chunked", io.MultiReader(bytes.NewReader(data))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := echoed(t, do(t, base, "PUT", "/echo/upload", nil, tt.body))
			if got.SHA256 != hex.EncodeToString(sum[:]) || got.Error != "" {
				t.Errorf("the app received %d bytes, SHA-256 %s, error %q; want %d, %x", got.Size, got.SHA256, got.Error, len(data), sum)
			}
		})
	}
}

func TestResponses(t *testing.T) {
	base := start(t)
	tests := []struct {
		name, method, target, status, field string
		want                                []string
		cut                                 bool
	}{
		{name: "cookies", method: "GET", target: "/cookies?value=v", status: "200 OK", field: "Set-Cookie", want: []string{
			"demo-one=v; Path=/; Expires=Wed, 31 Dec 2036 23:59:59 GMT; SameSite=Lax",
			"demo-two=v; Path=/; Max-Age=3600; SameSite=Lax",
		}},
		{name: "redirect to the app", method: "GET", target: "/away", status: "302 Found", field: "Location", want: []string{base + "/echo/arrived?from=away"}},
		{name: "relative redirect", method: "GET", target: "/aside/x", status: "302 Found", field: "Location", want: []string{"../echo/arrived?from=aside"}},
		{name: "own reason phrase", method: "GET", target: "/missing", status: "404 No Such Demo", field: "Content-Length", want: []string{"22"}},
		{name: "HEAD", method: "HEAD", target: "/file", status: "200 OK", field: "Content-Length", want: []string{"12345"}},
		{name: "gzip", method: "GET", target: "/gzip", status: "200 OK", field: "Content-Encoding", want: []string{"gzip"}},
		{name: "no Content-Type", method: "GET", target: "/untyped", status: "200 OK", field: "Content-Type"},
		{name: "cut, length announced", method: "GET", target: "/cut/length", status: "200 OK", cut: true},
		{name: "cut, chunked", method: "GET", target: "/cut/chunks", status: "200 OK", cut: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := do(t, base, tt.method, tt.target, nil, nil)
			if res.Status != tt.status {
				t.Errorf("status %q, want %q", res.Status, tt.status)
			}
			if got := res.Header[tt.field]; strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("%s: got %q, want %q", tt.field, got, tt.want)
			}
			if _, err := io.ReadAll(res.Body); (err != nil) != tt.cut {
				t.Errorf("reading the body: %v, want an error: %v", err, tt.cut)
			}
		})
	}
}

func TestEventsAreNotHeldBack(t *testing.T) {
	lines := bufio.NewScanner(do(t, start(t), "GET", "/events", nil, nil).Body)
	var times []time.Time
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") {
			times = append(times, time.Now())
		}
	}
	if len(times) != 10 {
		t.Fatalf("%d events, want 10", len(times))
	}
	if spread := times[9].Sub(times[0]); spread < 1500*time.Millisecond {
		t.Errorf("ten events within %v, want them 200 ms apart", spread)
	}
}

func TestAppLearnsThatTheClientLeft(t *testing.T) {
	base := start(t)
	res := do(t, base, "GET", "/hold?test", nil, nil)
	io.ReadFull(res.Body, make([]byte, 1))
	res.Body.Close()
	if got, _ := io.ReadAll(do(t, base, "GET", "/held?test", nil, nil).Body); string(got) != "left" {
		t.Errorf("the app says %q, want \"left\"", got)
	}
}

func TestOpenErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct{ name, script, app, public, want string }{
		{"app port in use", script, taken.Addr().String(), "127.0.0.1:0", taken.Addr().String() + " is in use by another program: stop that one, or choose another port with -app"},
		{"public port in use", script, "127.0.0.1:0", taken.Addr().String(), "make run LISTEN="},
		{"no proxy.cgi", filepath.Join(t.TempDir(), "proxy.cgi"), "127.0.0.1:0", "127.0.0.1:0", `build it with "make build"`},
		{"not a program", "page.html", "127.0.0.1:0", "127.0.0.1:0", "page.html is not a program"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := open(tt.script, tt.app, tt.public); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

// After Ctrl-C, or SIGTERM, nothing is left: not even a proxy.cgi whose client
// and app are both silent.
func TestSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-app", "127.0.0.1:0", "-listen", "127.0.0.1:0", script)
			cmd.Env = append(os.Environ(), "DEMO_MAIN=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // to find what is left of it
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			greeting := make([]byte, 512)
			n, _ := out.Read(greeting)
			base := regexp.MustCompile(`http://[0-9.:]+`).FindString(string(greeting[:n]))
			res := do(t, base, "GET", "/hold?signal", nil, nil)
			io.ReadFull(res.Body, make([]byte, 1))

			cmd.Process.Signal(sig)
			timer := time.AfterFunc(8*time.Second, func() { cmd.Process.Kill() })
			defer timer.Stop()
			if err := cmd.Wait(); err != nil {
				t.Errorf("exit: %v, want status 0", err)
			}
			if err := syscall.Kill(-cmd.Process.Pid, 0); err != syscall.ESRCH {
				t.Errorf("processes are left: %v", err)
			}
		})
	}
}
