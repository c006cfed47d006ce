package command

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"proxy.cgi/cgiproxy/command/install"
)

// TestApplyUndoes has a change that fails when those before it are done.
func TestApplyUndoes(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  install.Change
	}{
		{"a folder in its place", install.Change{Name: "folder", New: []byte("x"), Mode: 0o600}},
		{"nothing to remove", install.Change{Name: "missing", Old: []byte("x")}},
		{"not to be staged", install.Change{Name: "far/away", New: []byte("x"), Mode: 0o600}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			writeFile(t, folder, "old", "before", 0o640)
			writeFile(t, folder, "gone", "before", 0o600)
			if err := os.MkdirAll(filepath.Join(folder, "folder", "x"), 0o755); err != nil {
				t.Fatal(err)
			}
			err := apply(folder, []install.Change{
				{Name: "new", New: []byte("after"), Mode: 0o600},
				{Name: "old", Old: []byte("before"), OldMode: 0o640, New: []byte("after"), Mode: 0o600},
				{Name: "gone", Old: []byte("before"), OldMode: 0o600},
				c.bad,
			})
			if err == nil || !strings.Contains(err.Error(), c.bad.Name+" cannot be replaced") || !strings.Contains(err.Error(), "nothing has been changed") {
				t.Errorf("error %v", err)
			}
			for _, name := range []string{"old", "gone"} {
				if got, err := os.ReadFile(filepath.Join(folder, name)); string(got) != "before" {
					t.Errorf("%s is %q, %v, want what was before", name, got, err)
				}
			}
			info, err := os.Stat(filepath.Join(folder, "old"))
			if err != nil || info.Mode() != 0o640 {
				t.Errorf("permissions %v, %v, want 640", info.Mode(), err)
			}
			files, err := os.ReadDir(folder)
			if err != nil || len(files) != 3 {
				t.Errorf("left are %v, %v, want folder, gone and old", files, err)
			}
		})
	}
}

// TestApplyKeepsGroup has a file that only the web server's group may read.
func TestApplyKeepsGroup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root has more groups than one for sure")
	}
	const group = 12345
	folder := t.TempDir()
	writeFile(t, folder, ".htcgiproxy", "before", 0o640)
	if err := os.Chown(filepath.Join(folder, ".htcgiproxy"), -1, group); err != nil {
		t.Fatal(err)
	}
	if err := apply(folder, []install.Change{{Name: ".htcgiproxy", Old: []byte("before"), OldMode: 0o640, New: []byte("after"), Mode: 0o640}}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(folder, ".htcgiproxy"))
	if err != nil || info.Mode() != 0o640 || info.Sys().(*syscall.Stat_t).Gid != group {
		t.Errorf("%v, %v, want permissions 640 and group %d", info, err, group)
	}
}

// TestInstallAlone has another install at work in the folder.
func TestInstallAlone(t *testing.T) {
	folder := t.TempDir()
	unlock, err := lockFolder(folder)
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (said string, status int) {
		var out, err bytes.Buffer
		status = Main(append([]string{"install", folder}, args...), example(t), nil, &out, &err)
		return err.String(), status
	}
	for _, args := range [][]string{{"--upstream", "6543"}, {"--uninstall"}} {
		said, status := run(args...)
		if status != exitFailure || !strings.Contains(said, "another install works on "+folder+": run this again when it is done; nothing has been changed") {
			t.Errorf("%q: status %d, %q", args, status, said)
		}
	}
	unlock()
	if files, _ := os.ReadDir(folder); len(files) > 0 {
		t.Errorf("left are %v", files)
	}
	for range 2 { // the first does not keep the second out
		if said, status := run("--upstream", "6543"); status != exitOK {
			t.Errorf("alone: status %d, %q", status, said)
		}
	}
}

// nobody is a user who owns nothing here.
const nobody = 65534

// TestInstallNotAllowed runs install as a user who may not write: the tests may
// be run by root, who may.
func TestInstallNotAllowed(t *testing.T) {
	program := installProgram(t)
	for _, c := range []struct {
		name         string
		owner, perm  int // of the folder
		file         int // owner of .htaccess, -1 is none
		want, remedy string
	}{
		{"a folder of another user", os.Geteuid(), 0o755, -1, "permission denied", "run this as the owner of the folder"},
		{"a read-only folder", nobody, 0o555, -1, "permission denied", "must have its w permission"},
		{"a file of another user", nobody, 0o755, os.Geteuid(), ".htaccess belongs to user 0", "change its owner"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Geteuid() != 0 && c.owner != nobody {
				t.Skip("only root can run this as another user")
			}
			folder := filepath.Join(filepath.Dir(program), strings.ReplaceAll(c.name, " ", "-"))
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if c.file >= 0 {
				writeFile(t, folder, ".htaccess", "# before\n", 0o644)
			}
			if os.Geteuid() == 0 {
				if err := os.Chown(folder, c.owner, -1); err != nil {
					t.Fatal(err)
				}
			} else if c.file >= 0 {
				t.Skip("only root has files of two users")
			}
			if err := os.Chmod(folder, os.FileMode(c.perm)); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadDir(folder)
			var stderr bytes.Buffer
			cmd := exec.Command(program, "install", "--upstream", "6543", folder)
			cmd.Env = []string{"HTACCESS_EXAMPLE=" + example(t)}
			cmd.Stderr = &stderr
			if os.Geteuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			err := cmd.Run()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitFailure {
				t.Fatalf("%v, want status 1; %s", err, &stderr)
			}
			for _, want := range []string{c.want, c.remedy, "nothing has been changed"} {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("it says %q, want %q in it", &stderr, want)
				}
			}
			if after, _ := os.ReadDir(folder); len(after) != len(before) {
				t.Errorf("left are %v, were %v", after, before)
			}
		})
	}
}

// TestInstallDisk has a file system that is full, and one that is read-only. It
// is mounted for the processes of the test alone, and is gone with them.
func TestInstallDisk(t *testing.T) {
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skipf("no mounts here: %v", err)
	}
	program := installProgram(t)
	folder := filepath.Join(filepath.Dir(program), "disk")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	const script = `mount -t tmpfs -o size=64k none "$1" && echo '# mine' > "$1/.htaccess" && mount -o "remount,$2" "$1" || exit 99
"$0" install --upstream 6543 "$1"; status=$?; ls -A "$1"; exit $status`
	for _, c := range []struct{ name, option, want string }{
		{"full", "rw", "proxy.cgi cannot be written: .*: no space left on device: free some space or quota, and run this again; nothing has been changed"},
		{"read-only", "ro", "read-only file system: the file system is mounted read-only; nothing has been changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := exec.Command("unshare", "-m", "sh", "-c", script, program, folder, c.option)
			cmd.Env = append(os.Environ(), "HTACCESS_EXAMPLE="+example(t))
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if ok && exit.ExitCode() == 99 {
				t.Skipf("no mounts here: %s", &stderr)
			}
			if !ok || exit.ExitCode() != exitFailure || !regexp.MustCompile(c.want).MatchString(stderr.String()) {
				t.Errorf("%v, it says %q, want status 1 and %q", err, &stderr, c.want)
			}
			if stdout.String() != ".htaccess\n" {
				t.Errorf("left are %q, want .htaccess alone", &stdout)
			}
		})
	}
}

// installProgram puts this test binary, as proxy.cgi, where any user may run it.
func installProgram(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "proxycgi-install-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, folder, "proxy.cgi", string(self), 0o755)
	return filepath.Join(folder, "proxy.cgi")
}

func writeFile(t *testing.T, folder, name, content string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
