package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// exampleApp starts an app on port 6543, the one in htaccess.example, that says
// what it was asked.
func exampleApp(t *testing.T) {
	t.Helper()
	app := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, r.Header.Get("Authorization"))
	})}
	go app.Serve(listenExample(t))
	t.Cleanup(func() { app.Close() })
}

// exampleFolders are those that have a proxy.cgi, a .htaccess and a static
// file.
var exampleFolders = []string{"", "sub/", "sub/deep/"}

// checkExample visits a server with exampleFolders in front of exampleApp.
func checkExample(t *testing.T, s *webserver.Server) {
	t.Helper()
	for _, c := range []struct{ path, status, want string }{
		{"/", "200 OK", "GET / Basic dTpw"},
		{"/page?x=1", "200 OK", "GET /page?x=1 Basic dTpw"},
		{"/style.css", "200 OK", "static in /"},
		{"/sub/", "200 OK", "GET /sub/ Basic dTpw"},
		{"/sub/a/b%20c", "200 OK", "GET /sub/a/b%20c Basic dTpw"},
		{"/sub/style.css", "200 OK", "static in /sub/"},
		{"/sub/deep/x", "200 OK", "GET /sub/deep/x Basic dTpw"},
		{"/sub/deep/style.css", "200 OK", "static in /sub/deep/"},
		{"/.htcgiproxy", "403 Forbidden", ""},
		{"/sub/.htaccess", "403 Forbidden", ""},
	} {
		got := visit(t, s.Addr, "GET "+c.path+" HTTP/1.1\r\nHost: "+s.Addr+"\r\nAuthorization: Basic dTpw\r\nConnection: close\r\n\r\n")
		if got.Status != c.status || c.want != "" && got.body != c.want {
			t.Errorf("%s: %s %.300q, want %s %q", c.path, got.Status, got.body, c.status, c.want)
		}
	}
}

// TestExampleUnedited copies htaccess.example as it is, as README tells, into
// the document root and folders, with an app on port 6543.
func TestExampleUnedited(t *testing.T) {
	exampleApp(t)
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, webserver.ApachePrefork, webserver.ApacheSuexec} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, kind, webserver.Options{})
			for _, folder := range exampleFolders {
				s.Install(t, folder+"proxy.cgi", binary)
				s.WriteFile(t, folder+".htaccess", example(t), 0o644)
				if kind == webserver.ApacheSuexec { // it drops SetEnv
					s.WriteFile(t, folder+".htcgiproxy", "CGIPROXY_UPSTREAM=6543\n", 0o600)
				}
				s.WriteFile(t, folder+"style.css", "static in /"+folder, 0o644)
			}
			checkExample(t, s)
			if kind == webserver.ApacheSuexec {
				checkOwner(t, s)
			}
		})
	}
}

// checkOwner makes sure that the suEXEC test runs scripts as another user than
// the web server.
func checkOwner(t *testing.T, s *webserver.Server) {
	t.Helper()
	s.WriteFile(t, "who/proxy.cgi", "#!/bin/sh\nprintf 'Status: 200 OK\\n\\n'\nid -u\n", 0o755)
	s.WriteFile(t, "who/.htaccess", example(t), 0o644)
	got := visit(t, s.Addr, "GET /who/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if want := fmt.Sprintln(s.UID); got.body != want {
		t.Errorf("scripts run as user %q, want %q", got.body, want)
	}
}

// TestPythonFileServer has an app nobody wrote for this, Python's http.server,
// and a client nobody wrote for this, curl.
func TestPythonFileServer(t *testing.T) {
	for _, program := range []string{"python3", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			webserver.Need(t, fmt.Errorf("%w: %s is missing: run scripts/webservers", webserver.ErrUnavailable, program))
		}
	}
	files := t.TempDir()
	page := strings.Repeat("line of the page\n", 20000)
	if err := os.WriteFile(filepath.Join(files, "page.txt"), []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	port := startPython(t, files)
	for _, kind := range webserver.CGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, "CGIPROXY_UPSTREAM="+port+"\nCGIPROXY_STRIP_PREFIX=auto\n")
			url := s.URL + s.folder
			if got := curl(t, url+"/page.txt"); got != page {
				t.Errorf("a page of %d bytes, want %d", len(got), len(page))
			}
			if got := curl(t, "-r", "10-19", url+"/page.txt"); got != page && got != page[10:20] {
				t.Errorf("range 10-19: %d bytes %.40q", len(got), got) // http.server knows no ranges, lighttpd cuts itself
			}
			head := curl(t, "-I", url+"/page.txt")
			if want := fmt.Sprintf("content-length: %d\r\n", len(page)); !strings.Contains(strings.ToLower(head), want) {
				t.Errorf("HEAD: no %q in %q", want, head)
			}
			if got := curl(t, "-L", "-o", "/dev/null", "-w", "%{http_code} %{num_redirects}", url+"/missing"); got != "404 0" {
				t.Errorf("a missing page: %s, want 404 0", got)
			}
			if list := curl(t, url+"/"); !strings.Contains(list, "page.txt") {
				t.Errorf("no page.txt in the list %.300q", list)
			}
		})
	}
}

// startPython serves a folder and returns the port.
func startPython(t *testing.T, folder string) string {
	t.Helper()
	port := testkit.FreePort(t)
	cmd := exec.Command("python3", "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", folder)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return port
		} else if time.Now().After(deadline) {
			t.Fatalf("python3 -m http.server does not listen: %v", err)
		}
	}
}

// TestCurlUpload uploads 2 MiB as curl does by itself, with Expect:
// 100-continue, with a length and chunked.
func TestCurlUpload(t *testing.T) {
	upload := filepath.Join(t.TempDir(), "upload")
	if err := os.WriteFile(upload, []byte(megabyte+megabyte), 0o644); err != nil {
		t.Fatal(err)
	}
	app := httptest.NewServer(hashBody)
	t.Cleanup(app.Close)
	for _, kind := range webserver.CGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, "CGIPROXY_UPSTREAM="+strings.TrimPrefix(app.URL, "http://")+"\n")
			want := hashed("PUT", s.folder+"/up", megabyte+megabyte)
			for name, args := range map[string][]string{
				"length":  {"-T", upload, "-H", "Expect: 100-continue"},
				"chunked": {"-T", upload, "-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked"},
			} {
				if got := curl(t, append(args, s.URL+s.folder+"/up")...); got != want {
					t.Errorf("%s: the app got %s, want %s", name, got, want)
				}
			}
		})
	}
}

// curl returns what curl prints.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	return curlFrom(t, os.DevNull, args...)
}

// curlFrom returns what curl prints with a file for its input.
func curlFrom(t *testing.T, file string, args ...string) string {
	t.Helper()
	stdin, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	cmd := exec.Command("curl", append([]string{"-sS", "--max-time", "30"}, args...)...)
	cmd.Stdin = stdin
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("curl %s: %v %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
