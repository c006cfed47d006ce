package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/scripts/deploy/internal/hosting"
)

// TestRunFolder has a host that runs scripts as the web server's user, set up as MANUAL
// says: that user writes to a folder of its own, and each deploy brings the app's files to
// the one that START goes to, and has the app started anew with them.
func TestRunFolder(t *testing.T) {
	t.Parallel()
	h := newHostWith(t, hosting.VsftpdPlain, webserver.ApacheEvent)
	h.Mkdir(t, "app")
	h.Mkdir(t, "run")
	if err := os.Chmod(filepath.Join(h.Home, "run"), 0o777); err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf("CGIPROXY_UPSTREAM=auto\nCGIPROXY_START_DIR=%[1]s/run\nCGIPROXY_START='cd %[1]s/app && exec python3 app.py'\n", h.Home)
	h.WriteFile(t, "public_html/.htcgiproxy", settings, 0o644)
	t.Cleanup(func() {
		site := filepath.Join(h.Home, "public_html")
		if out, err := exec.Command("runuser", "-u", "www-data", "--", site+"/proxy.cgi", "app", "stop", site).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	app := t.TempDir()
	for _, c := range []struct{ version, want string }{
		{"1", "made     app/app.py"},
		{"2", "cannot read run/.cgiproxy: the status page tells"},
	} {
		writeFiles(t, app, map[string]string{"app.py": fmt.Sprintf(pythonApp, "", 200, "version "+c.version)})
		if out := h.mustDeploy(t, "--app", app); !strings.Contains(out, c.want) {
			t.Errorf("version %s: no %q:\n%s", c.version, c.want, out)
		}
		h.wantPage(t, "version "+c.version)
	}
	h.mustDeploy(t, "--rollback")
	h.wantPage(t, "version 1")
	if got := h.files(t, "public_html")[".htcgiproxy"]; got != settings {
		t.Errorf("the settings are now %q", got)
	}
}
