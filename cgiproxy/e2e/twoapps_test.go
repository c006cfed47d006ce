package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestTwoApps has a second app in the same account, as README tells: a folder
// with its own three files, below that of the first app, whose SetEnv is
// inherited.
func TestTwoApps(t *testing.T) {
	exampleApp(t)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "shop: %s %s", r.Method, r.RequestURI)
	}))
	t.Cleanup(shop.Close)
	for _, kind := range apacheKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := site{Server: webserver.Run(t, kind, webserver.Options{})}
			s.log = s.ErrorLog
			for _, folder := range []string{"", "shop/", "forgotten/"} {
				s.Install(t, folder+scriptName(kind), binary)
				s.WriteFile(t, folder+".htaccess", exampleFor(t, kind), 0o644)
			}
			inherits := kind != webserver.ApacheSuexec // which drops SetEnv
			if !inherits {
				s.WriteFile(t, ".htcgiproxy", "CGIPROXY_UPSTREAM=6543\n", 0o600)
			}
			own := "CGIPROXY_UPSTREAM=" + strings.TrimPrefix(shop.URL, "http://") + "\nCGIPROXY_LOG_LEVEL=info\n"
			s.WriteFile(t, "shop/.htcgiproxy", own, 0o600)
			for request, want := range map[string]string{
				"GET /":            "GET / ",
				"GET /shopping":    "GET /shopping ",
				"GET /x/shop/cart": "GET /x/shop/cart ",
				"GET /shop/":       "shop: GET /shop/",
				"POST /shop":       "shop: POST /shop",
				"GET /shop/cart?a": "shop: GET /shop/cart?a",
				"PUT /shop/shop/x": "shop: PUT /shop/shop/x",
			} {
				got := visit(t, s.Addr, request+" HTTP/1.1\r\nHost: "+s.Addr+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				if got.StatusCode != 200 || got.body != want {
					t.Errorf("%s: %s %.200q, want %q", request, got.Status, got.body, want)
				}
			}
			counts := "CGIPROXY_UPSTREAM counts as " + filepath.Join(s.Root, "shop/.htcgiproxy") + " has it, not as SetEnv has it"
			if inherits {
				awaitLog(t, s, counts)
			}
			checkForgotten(t, s, inherits)
			if !inherits && strings.Contains(s.log(), "not as SetEnv") {
				t.Errorf("SetEnv gets through suEXEC:\n%s", s.log())
			}
		})
	}
}

// checkForgotten has a second proxy.cgi without a .htcgiproxy.
func checkForgotten(t *testing.T, s site, inherits bool) {
	t.Helper()
	got := visit(t, s.Addr, "GET /forgotten/x HTTP/1.1\r\nHost: "+s.Addr+"\r\nConnection: close\r\n\r\n")
	if inherits {
		if got.body != "GET /forgotten/x " {
			t.Errorf("without a .htcgiproxy: %s %.200q, want a page of the first app", got.Status, got.body)
		}
		return
	}
	if got.StatusCode != 500 {
		t.Errorf("without a .htcgiproxy: %s %.200q, want 500", got.Status, got.body)
	}
	awaitLog(t, s, "CGIPROXY_UPSTREAM")
}

// TestReadmeShell runs what README has for those with a shell, as the user of
// the account.
func TestReadmeShell(t *testing.T) {
	app := tellTarget(t)
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, webserver.ApacheSuexec} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			needPrograms(t, "sh", "curl")
			s := webserver.Run(t, kind, webserver.Options{})
			home := publicFolder(t)
			copyProgram(t, binary, filepath.Join(home, "proxy.cgi"))
			for _, name := range []string{home, filepath.Join(home, "proxy.cgi")} {
				if err := os.Chown(name, s.UID, s.GID); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(s.Root, filepath.Join(home, "public_html")); err != nil {
				t.Fatal(err)
			}
			commands := block(t, "README.md", "With `proxy.cgi` from the archive (`tar xzf`) in your home folder:")
			commands = strings.NewReplacer("--upstream 6543", "--upstream "+app, "https://your.domain", s.URL).Replace(commands)
			cmd := exec.Command("sh", "-e", "-c", commands)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
			if os.Getuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.UID), Gid: uint32(s.GID)}}
			}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(out), "\r\n\r\nGET / ") {
				t.Errorf("%v, and the last command says\n%s", err, out)
			}
		})
	}
}
