package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/scripts/deploy/internal/hosting"
)

// archive is a folder with what a person gets: this program, proxy.cgi and
// htaccess.example.
var archive string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "proxycgi-deploy-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	archive = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, args := range [][]string{
		{"make", "-s", "-C", "../..", "build", "OUT=" + filepath.Join(dir, "proxy.cgi")},
		{"go", "build", "-o", filepath.Join(dir, "proxycgi-deploy"), "."},
		{"cp", "../../htaccess.example", dir},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%q: %v\n%s", args, err, out)
			return 1
		}
	}
	return m.Run()
}

// A host is a customer's account, with what the host runs for it.
type host struct {
	*hosting.Account
	web  *webserver.Server
	ftp  *hosting.Server
	home string // of the person who deploys
}

// newHost starts Apache with suEXEC for public_html, and a server that takes files.
func newHost(t *testing.T, k hosting.Kind) *host {
	t.Helper()
	return newHostWith(t, k, webserver.ApacheSuexec)
}

// newHostWith is newHost with another Apache: but by suEXEC, scripts run as the
// web server's user.
func newHostWith(t *testing.T, k hosting.Kind, web webserver.Kind) *host {
	t.Helper()
	h := &host{Account: hosting.NewAccount(t), home: t.TempDir()}
	h.web = webserver.Run(t, web, webserver.Options{Config: fmt.Sprintf(`
<VirtualHost *:*>
	DocumentRoot %[1]s/public_html
	<IfModule mod_suexec.c>
		SuexecUserGroup %[2]s %[2]s
	</IfModule>
	ErrorLog %[1]s/logs/error_log
	DirectoryIndex index.html
</VirtualHost>
<Directory %[1]s/public_html>
	AllowOverride All
	Options +ExecCGI +FollowSymLinks
	Require all granted
</Directory>
`, h.Home, h.Name)})
	h.ftp = hosting.Start(t, k, h.Account)
	if h.ftp.KnownHosts != "" {
		if err := os.Mkdir(filepath.Join(h.home, ".ssh"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(h.ftp.KnownHosts, filepath.Join(h.home, ".ssh", "known_hosts")); err != nil {
			t.Fatal(err)
		}
	}
	h.WriteFile(t, "public_html/index.html", "the old site", 0o644)
	return h
}

func (h *host) target() string {
	return h.ftp.Scheme + "://" + h.Name + "@" + h.ftp.Addr + "/public_html"
}

// deploy runs the program, and returns what it prints and its exit status.
func (h *host) deploy(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	return h.deployTo(t, h.target(), args...)
}

func (h *host) deployTo(t *testing.T, target string, args ...string) (out string, status int) {
	t.Helper()
	cmd := h.command(target, args...)
	text, err := cmd.CombinedOutput()
	if bytes.Contains(text, []byte(h.Password)) {
		t.Errorf("the password is printed: %s", text)
	}
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// command is the program, yet to be started.
func (h *host) command(target string, args ...string) *exec.Cmd {
	if strings.HasPrefix(target, "ftp:") {
		args = append(args, "--insecure")
	}
	args = append([]string{"--url", h.web.URL, target}, args...)
	cmd := exec.Command(filepath.Join(archive, "proxycgi-deploy"), args...)
	cmd.Env = []string{"HOME=" + h.home, "PROXYCGI_PASSWORD=" + h.Password, "SSL_CERT_FILE=" + h.ftp.CA, "PATH=" + os.Getenv("PATH")}
	if !strings.Contains(target, "://") { // the customer, on the host itself
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(h.UID), Gid: uint32(h.GID)}}
	}
	return cmd
}

// mustDeploy is deploy that has to succeed.
func (h *host) mustDeploy(t *testing.T, args ...string) (out string) {
	t.Helper()
	return h.mustDeployTo(t, h.target(), args...)
}

// mustDeployTo is mustDeploy to another folder; the site's address is in args.
func (h *host) mustDeployTo(t *testing.T, target string, args ...string) (out string) {
	t.Helper()
	out, status := h.deployTo(t, target, args...)
	if status != 0 {
		t.Fatalf("%q: exit status %d:\n%s\nerror log:\n%s", args, status, out, h.errorLog())
	}
	return out
}

func (h *host) errorLog() string {
	text, _ := os.ReadFile(filepath.Join(h.Home, "logs/error_log"))
	return string(text) + h.web.ErrorLog()
}

// page asks for a page of the site.
func (h *host) page(t *testing.T, path string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(h.web.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (h *host) wantPage(t *testing.T, want string) {
	t.Helper()
	if status, body := h.page(t, "/"); status != 200 || strings.TrimSpace(body) != want {
		t.Errorf("the first page is %d %.200q, want %q", status, body, want)
	}
}

// watch asks the site all the time, until the test ends or stop is called: no
// visitor may ever get the program, settings, or an error, nor a page that is
// none of pages.
func (h *host) watch(t *testing.T, pages ...string) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var wait sync.WaitGroup
	for _, pattern := range []string{"/", "/proxy.cgi", "/.htcgiproxy", "/" + tempPrefix + "*/" + tempFile + "[0-4]"} {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(2 * time.Millisecond):
				}
				path := pattern
				if files, _ := filepath.Glob(filepath.Join(h.Home, "public_html", pattern)); strings.Contains(pattern, "*") && files != nil {
					path = strings.TrimPrefix(files[len(files)-1], filepath.Join(h.Home, "public_html"))
				}
				resp, err := http.Get(h.web.URL + path)
				if err != nil {
					t.Errorf("%s: %v", path, err)
					return
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				switch text := strings.TrimSpace(string(body)); {
				case bytes.HasPrefix(body, []byte("\x7fELF")), strings.Contains(text, "CGIPROXY_"):
					t.Errorf("%s is a download: %.60q", path, body)
				case path == "/" && resp.StatusCode >= 500:
					t.Errorf("%s is %s: %.200s", path, resp.Status, body)
				case path == "/" && !contains(pages, text):
					t.Errorf("%s is %s %.100q, want one of %q", path, resp.Status, body, pages)
				default:
					continue
				}
				return
			}
		})
	}
	stop = sync.OnceFunc(func() { close(done); wait.Wait() })
	t.Cleanup(stop)
	return stop
}

func contains(list []string, text string) bool {
	for _, s := range list {
		if s == text {
			return true
		}
	}
	return false
}

// files returns the files of a folder of the account, with their content.
func (h *host) files(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(h.Home, folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(h.Home, folder, e.Name()))
		if err == nil {
			files[e.Name()] = string(text)
		}
	}
	return files
}
