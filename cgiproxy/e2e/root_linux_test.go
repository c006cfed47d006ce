package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRootSession: the app that root starts for a user has the umask and the keys of
// that user's own login, and none of root's.
func TestRootSession(t *testing.T) {
	t.Parallel()
	folder := folderOf(t, nobody)
	runInstall(t, "--start", "{ umask; cat /proc/keys; } >who 2>&1; exit 1", folder)
	for _, verb := range []string{"start", "restart"} {
		cmd := exec.Command("sh", "-c", `umask 0; exec "$0" "$@"`, binary, "app", verb, folder)
		key := "proxy.cgi-test-" + verb
		out := inSession(t, key, cmd)
		who, err := os.ReadFile(filepath.Join(folder, "who"))
		if err != nil {
			t.Fatalf("%s: the command did not run: %v; %s", verb, err, out)
		}
		if !strings.HasPrefix(string(who), "0022\n") {
			t.Errorf("%s: the app's umask is %.5s, want 0022", verb, who)
		}
		if strings.Contains(string(who), key) {
			t.Errorf("%s: the app has root's key:\n%s", verb, who)
		}
		os.Remove(filepath.Join(folder, "who"))
	}
	asRoot(t, "app", "stop", folder)
}

// inSession runs a command in a session keyring of its own that holds a key.
func inSession(t *testing.T, key string, cmd *exec.Cmd) (output string) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this function
		_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
		if err == nil {
			_, err = unix.AddKey("user", key, []byte("hunter2"), unix.KEY_SPEC_SESSION_KEYRING)
		}
		if err == nil {
			out, _ := cmd.CombinedOutput()
			output = string(out)
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Skipf("no keys here: %v", err)
	}
	return output
}
