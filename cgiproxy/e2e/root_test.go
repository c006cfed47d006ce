package e2e

import (
	"errors"
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

// TestRootWay has folders of root and of a user, on whose way others may write:
// they could have exchanged them for others between two looks.
func TestRootWay(t *testing.T) {
	t.Parallel()
	for _, uid := range []int{0, nobody} {
		for _, mode := range []os.FileMode{0o775, 0o757} {
			way := folderOf(t, 0)
			folder := filepath.Join(way, "html")
			ran := startSite(t, folder, uid, "")
			if err := os.Chmod(way, mode); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"install", "--upstream", "6543", folder},
				{"install", "--uninstall", folder},
				{"check", folder},
				{"check", "--url", "http://127.0.0.1:1/", folder},
				{"app", "start", folder},
				{"app", "restart", folder},
				{"app", "stop", folder},
			} {
				want := fmt.Sprintf("the folder %s has permissions %03o: others may write to it: set its permissions to 755 (chmod go-w)", way, mode)
				if out, code := asRoot(t, args...); code == 0 || !strings.Contains(out, want) {
					t.Errorf("%q, a folder of user %d: status %d, want a failure with %q: %s", args, uid, code, want, out)
				}
			}
			if _, err := os.Stat(ran); err == nil {
				t.Errorf("a folder of user %d below one with permissions %03o: the command ran", uid, mode)
			}
		}
	}
}

// TestRootStartDir has a folder of root's with the app of somebody else.
func TestRootStartDir(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		uid  int
		mode os.FileMode
		want string // "" where it runs
	}{
		{"root's", 0, 0o755, ""},
		{"another's", nobody, 0o755, fmt.Sprintf("belongs to user %d", nobody)},
		{"of a group", 0, 0o775, "has permissions 775: others may write to it"},
	} {
		app := folderOf(t, c.uid)
		if err := os.Chmod(app, c.mode); err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(folderOf(t, 0), "html")
		ran := startSite(t, folder, 0, app)
		for _, verb := range []string{"stop", "start", "restart"} {
			out, code := asRoot(t, "app", verb, folder)
			if want := "START_DIR: the folder " + app + " " + c.want; c.want != "" && (code == 0 || !strings.Contains(out, want)) {
				t.Errorf("%s, app %s: status %d, want a failure with %q: %s", c.name, verb, code, want, out)
			}
		}
		if _, err := os.Stat(ran); (err == nil) != (c.want == "") {
			t.Errorf("%s: that the command ran: %v", c.name, err)
		}
		if _, err := os.Stat(filepath.Join(app, ".cgiproxy")); err == nil && c.want != "" {
			t.Errorf("%s: root has made .cgiproxy there", c.name)
		}
		if out, _ := asRoot(t, "check", folder); strings.Contains(out, "it refuses START_DIR") != (c.want != "") || !strings.Contains(out, c.want) {
			t.Errorf("%s: check says\n%s", c.name, out)
		}
	}
}

// TestRunner has the app of a user started by another: it would run as him.
func TestRunner(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		uid  int
		want string
	}{
		{"his own", nobody, ""},
		{"root's", 0, ""},
		{"another's", other, fmt.Sprintf("belongs to user %d, whose CGIPROXY_START would run as you, user %d: run this as user %d", other, nobody, other)},
	} {
		folder := filepath.Join(folderOf(t, 0), "html")
		ran := startSite(t, folder, c.uid, folderOf(t, nobody))
		program := publicProgram(t, 0o755)
		for _, verb := range []string{"stop", "start", "restart"} {
			cmd := exec.Command(program, "app", verb, folder)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			out, _ := cmd.CombinedOutput()
			if verb != "stop" && !strings.Contains(string(out), c.want) {
				t.Errorf("%s, app %s: want %q: %s", c.name, verb, c.want, out)
			}
		}
		if _, err := os.Stat(ran); (err == nil) != (c.want == "") {
			t.Errorf("%s: that the command ran: %v", c.name, err)
		}
	}
}

// publicProgram copies proxy.cgi to where all may enter.
func publicProgram(t *testing.T, mode os.FileMode) (path string) {
	t.Helper()
	path = filepath.Join(publicFolder(t), "proxy.cgi")
	copyProgram(t, binary, path)
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// startSite makes the folder of a user's site, whose command makes the file ran,
// where its user may, and fails, so that nothing runs afterwards.
func startSite(t *testing.T, folder string, uid int, startDir string) (ran string) {
	t.Helper()
	all := folderOf(t, 0)
	ran = filepath.Join(all, "ran")
	settings := filepath.Join(folder, ".htcgiproxy")
	text := fmt.Sprintf("UPSTREAM=auto\nSTART='touch %s; exit 1'\nSTART_DIR=%s\n", ran, startDir)
	if err := errors.Join(os.Chmod(all, 0o777), os.Mkdir(folder, 0o755), os.WriteFile(settings, []byte(text), 0o644),
		os.Chown(folder, uid, 0), os.Chown(settings, uid, 0)); err != nil {
		t.Fatal(err)
	}
	return ran
}

// TestRootProgram has a program that the folder's owner may not run.
func TestRootProgram(t *testing.T) {
	t.Parallel()
	folder := folderOf(t, nobody)
	program := publicProgram(t, 0o700)
	if out, err := exec.Command(program, "install", "--start", "exit 1", folder).CombinedOutput(); err != nil {
		t.Errorf("install: %v: %s", err, out)
	}
	want := fmt.Sprintf("may not run %s: run the proxy.cgi that is in that folder", program)
	if out, err := exec.Command(program, "app", "start", folder).CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
		t.Errorf("app start: %v, want a failure with %q: %s", err, want, out)
	}
}
