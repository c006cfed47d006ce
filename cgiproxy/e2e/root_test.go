package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody and other are users that own nothing, with a line in /etc/passwd.
const (
	nobody = 65534
	other  = 1
)

// folderOf makes a folder of a user's, which all may enter.
func folderOf(t *testing.T, uid int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root acts in the folders of others")
	}
	folder := publicFolder(t)
	if err := os.Chown(folder, uid, 0); err != nil {
		t.Fatal(err)
	}
	return folder
}

// asRoot runs proxy.cgi with a variable that is root's own.
func asRoot(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "ROOTS_PASSWORD=hunter2")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestRootInstalls: what root installs belongs to the owner of the folder.
func TestRootInstalls(t *testing.T) {
	t.Parallel()
	folder := folderOf(t, nobody)
	runInstall(t, "--upstream", "6543", folder)
	for _, name := range []string{"proxy.cgi", ".htcgiproxy", ".htaccess"} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid == 0 {
			t.Errorf("%s belongs to %d:%d, want user %d and a group of his", name, owner.Uid, owner.Gid, nobody)
		}
	}
	runInstall(t, "--uninstall", folder)
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestRootStartsApp: the command is the owner's, and so is who runs it. It fails,
// so that nothing runs afterwards.
func TestRootStartsApp(t *testing.T) {
	t.Parallel()
	folder := folderOf(t, nobody)
	runInstall(t, "--start", "id >who; env >>who; exit 1", folder)
	settings := filepath.Join(folder, ".htcgiproxy")
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings, append(text, "\nCGIPROXY_START_ENV=ROOTS_PASSWORD\n"...), 0); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"start", "restart"} {
		out, _ := asRoot(t, "app", verb, folder)
		who, err := os.ReadFile(filepath.Join(folder, "who"))
		if err != nil {
			t.Fatalf("%s: the command did not run: %v; %s", verb, err, out)
		}
		if !strings.HasPrefix(string(who), fmt.Sprintf("uid=%d(", nobody)) || strings.Contains(string(who), "(root)") {
			t.Errorf("%s: the command ran as %s", verb, who)
		}
		for _, of := range []string{"hunter2", "HOME=/root"} {
			if strings.Contains(string(who), of) {
				t.Errorf("%s: the command got %s of root's environment:\n%s", verb, of, who)
			}
		}
		info, err := os.Stat(filepath.Join(folder, ".cgiproxy"))
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != nobody {
			t.Errorf("%s: .cgiproxy is %+v, %v, want it to be the owner's", verb, info, err)
		}
		os.Remove(filepath.Join(folder, "who"))
	}
	asRoot(t, "app", "stop", folder)
}

// TestRootReads has a file of root's in another's folder, as a link would lead
// to one that has been put there between two looks.
func TestRootReads(t *testing.T) {
	t.Parallel()
	folder := folderOf(t, nobody)
	runInstall(t, "--upstream", "6543", folder)
	settings := filepath.Join(folder, ".htcgiproxy")
	if err := os.Chown(settings, 0, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"install", "--upstream", "6544", folder}, "permission denied"},
		{[]string{"install", "--uninstall", folder}, "permission denied"},
		{[]string{"check", folder}, "permission denied"},
		{[]string{"app", "status", folder}, "permission denied"},
	} {
		if out, code := asRoot(t, c.args...); code == 0 || !strings.Contains(out, c.want) {
			t.Errorf("%q: status %d, want a failure with %q: %s", c.args, code, c.want, out)
		}
	}
}

// TestRootIsLed has a folder that a third user can lead to any other.
func TestRootIsLed(t *testing.T) {
	t.Parallel()
	target, way := folderOf(t, 0), folderOf(t, other)
	link := filepath.Join(way, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(folderOf(t, 0), "second") // root's own link to that
	if err := os.Symlink(link, second); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{link, second} {
		for _, args := range [][]string{
			{"install", "--upstream", "6543", folder},
			{"install", "--uninstall", folder},
			{"check", folder},
			{"check", "--url", "http://127.0.0.1:1/", folder},
			{"app", "start", folder},
		} {
			want := fmt.Sprintf("%s belongs to user %d", way, other)
			if out, code := asRoot(t, args...); code == 0 || !strings.Contains(out, want) {
				t.Errorf("%q: status %d, want a failure with %q: %s", args, code, want, out)
			}
		}
	}
	if left, err := os.ReadDir(target); err != nil || len(left) > 0 {
		t.Errorf("root was led to make %v, %v", left, err)
	}
}

// TestRootProgram has a program that the folder's owner may not run.
func TestRootProgram(t *testing.T) {
	t.Parallel()
	folder := folderOf(t, nobody)
	program := filepath.Join(publicFolder(t), "proxy.cgi")
	text, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(program, text, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "install", "--start", "exit 1", folder).CombinedOutput(); err != nil {
		t.Errorf("install: %v: %s", err, out)
	}
	want := fmt.Sprintf("may not run %s: run the proxy.cgi that is in that folder", program)
	if out, err := exec.Command(program, "app", "start", folder).CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
		t.Errorf("app start: %v, want a failure with %q: %s", err, want, out)
	}
}
