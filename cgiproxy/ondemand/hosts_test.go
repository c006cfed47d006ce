//go:build linux

package ondemand

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
)

const nobody = 65534

// as makes a process one of another user, which only root can.
func as(t *testing.T, uid uint32, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	needsRoot(t, "run a process as another user")
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return c
}

func needsRoot(t testing.TB, to string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to " + to)
	}
}

// belongsTo gives the site's folder to a user who can use the test binary there.
func (s *site) belongsTo(uid int) {
	s.t.Helper()
	needsRoot(s.t, "give a folder to another user")
	dir, err := os.MkdirTemp("/tmp", "ondemand")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.end(); os.RemoveAll(dir) }) // which says what to end
	program := dir + "/test.program"
	copyTo(s.t, program, "")
	s.Command = strings.Replace(s.Command, testBinary(s.t), program, 1)
	s.Executable, s.Dir = program, dir
	s.RestartFiles = []string{dir + "/restart.txt"}
	if err := errors.Join(os.Chown(dir, uid, uid), os.Chmod(dir, 0o755)); err != nil {
		s.t.Fatal(err)
	}
}

// A folder .cgiproxy of the user that scripts run as, whose state the site's owner asks for.
func TestOthersState(t *testing.T) {
	t.Parallel()
	needsRoot(t, "give a folder to another user")
	f := (&App{Dir: t.TempDir()}).folder()
	if err := errors.Join(f.make(), os.Chown(string(f), nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	err := noState(f.refused(&fs.PathError{Op: "open", Path: f.file("state"), Err: unix.EACCES}))
	if got := explain(err); !strings.Contains(got, "belongs to user 65534 and this process to user 0") || !strings.Contains(got, "stop it on the status page") {
		t.Errorf("%s", got)
	}
}

// A port whose app belongs to another user: nothing is sent, nothing started.
func TestTwoUsers(t *testing.T) {
	t.Parallel()
	theirs, ours := newSite(t, ""), newSite(t, "")
	theirs.belongsTo(nobody)
	ours.Addresses = theirs.Addresses[:1]
	ours.Connect = owned(testOwner)
	c := as(t, nobody, theirs.process("/"))
	c.Path = theirs.Executable
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	out, err := ours.process("/").CombinedOutput()
	if err == nil || !strings.Contains(string(out), fmt.Sprintf("kind %d", Stranger)) || !strings.Contains(string(out), strconv.Itoa(nobody)) {
		t.Errorf("got %v %s", err, out)
	}
	if len(ours.starts()) != 0 {
		t.Error("it was started")
	}
	// Another user's folder: he can neither read nor lock what is in it.
	stranger := as(t, 65533, theirs.process("/environ"))
	stranger.Path = theirs.Executable
	stop := *theirs.App
	stop.Addresses = []string{"127.0.0.1:" + testkit.FreePort(t)}
	stranger.Args[2] = (&site{App: &stop, t: t}).process("/").Args[2]
	out, err = stranger.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "permission denied") || !strings.Contains(string(out), "user 65533") {
		t.Errorf("another user: %v %s", err, out)
	}
}

func TestFullDisk(t *testing.T) {
	for name, set := range map[string]func(*site){"a port": func(*site) {}, "auto": auto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkFullDisk(t, set)
		})
	}
}

func checkFullDisk(t *testing.T, set func(*site)) {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("needs a file system of its own: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	fill := func() {
		f, err := os.Create(dir + "/fill")
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		f.Close()
	}
	s := newSite(t, "")
	set(s)
	s.Dir, s.Log = dir, filepath.Join(t.TempDir(), "log")
	s.RestartFiles = []string{dir + "/restart.txt"}
	ctx := context.Background()
	fill()
	_, err := s.get(ctx, "/")
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != NoState || !strings.Contains(e.Remedy, "disk is full") {
		t.Fatalf("got %v", err)
	}
	if err := os.Remove(dir + "/fill"); err != nil {
		t.Fatal(err)
	}
	before, err := s.get(ctx, "/")
	if err != nil {
		t.Fatal(err)
	}
	// An app that runs goes on, even if a restart was asked for.
	s.restart()
	fill()
	for range 2 {
		if pid, err := s.get(ctx, "/"); err != nil || pid != before {
			t.Fatalf("process %s, then %s, %v", before, pid, err)
		}
	}
	select {
	case line := <-s.warn:
		if !strings.Contains(line, "no space left") {
			t.Error(line)
		}
	default:
		t.Error("no warning")
	}
	if err := os.Remove(dir + "/fill"); err != nil {
		t.Fatal(err)
	}
	if pid, err := s.get(ctx, "/"); err != nil || pid == before {
		t.Errorf("with room again, process %s was to be restarted, and %s answers, %v", before, pid, err)
	}
}

// Where .cgiproxy cannot be used, an app that runs is served, and the log says that
// no restart counts.
func TestUnusableState(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	before, err := s.get(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(string(s.folder()), s.Dir+"/moved"); err != nil {
		t.Fatal(err)
	}
	s.write(".cgiproxy", "")
	s.restart()
	if pid, err := s.get(t.Context(), "/"); err != nil || pid != before {
		t.Errorf("process %s, then %s, %v", before, pid, err)
	}
	select {
	case line := <-s.warn:
		if !strings.Contains(line, "no restart") || !strings.Contains(line, "no folder: rename .cgiproxy") {
			t.Error(line)
		}
	default:
		t.Error("no warning")
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Skipf("needs a file system of its own: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	// Busy as long as a file there is open for writing: by the watcher, or by a
	// child of another test between its fork and its exec.
	readOnly := func(flag uintptr) {
		t.Helper()
		eventually(t, "the file system is mounted anew", func() bool {
			return unix.Mount("", dir, "", unix.MS_REMOUNT|flag, "") == nil
		})
	}
	s := newSite(t, "")
	s.Command = "cd /tmp; " + strings.Replace(s.Command, "testapp", "testapp -quiet", 1)
	s.Dir, s.Log, s.IdleStop = dir, filepath.Join(t.TempDir(), "log"), time.Hour
	ctx := context.Background()
	readOnly(unix.MS_RDONLY)
	_, err := s.get(ctx, "/")
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != NoState || !strings.Contains(e.Remedy, "read-only") {
		t.Fatalf("got %v", err)
	}
	readOnly(0)
	pid, err := s.get(ctx, "/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n, _ := strconv.Atoi(pid); _ = unix.Kill(n, unix.SIGKILL) })
	readOnly(unix.MS_RDONLY)
	leave, err := s.Enter(ctx)
	if err != nil || !s.inUse() {
		t.Errorf("a request of an app that runs: %v, in use %v", err, s.inUse())
	} else {
		leave()
	}
	if again, err := s.get(ctx, "/"); err != nil || again != pid {
		t.Errorf("process %s, then %s, %v", pid, again, err)
	}
}

// Some hosts put scripts into a folder of their own (chroot), without /proc.
func TestNoProc(t *testing.T) {
	t.Parallel()
	s := newSite(t, "").settledBy(t)
	s.SettingsChanged = s.settingsChanged()
	c := s.process("/")
	c.Args = append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /proc || exit 99; exec "$0" "$@"`}, c.Args...)
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Skipf("needs util-linux to have no /proc: %v", err)
	}
	c.Path = path
	out, err := c.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && (exit.ExitCode() == 1 || exit.ExitCode() == 99) { // unshare's, mount's
		t.Skipf("no mounts here: %s", out)
	}
	if err == nil || !strings.Contains(string(out), "on Linux in /proc: ask the host") || len(s.starts()) > 0 {
		t.Errorf("got %v %s, processes %v were started, want an error that names /proc", err, out, s.starts())
	}
}

func TestProcessLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.belongsTo(60000 + os.Getpid()%5000) // whoever it is, with no processes so far
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("sh has no ulimit -u")
	}
	var st unix.Stat_t
	if err := unix.Stat(s.Dir, &st); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []string{"1", "4", "8", "12"} {
		c := as(t, st.Uid, s.process("/"))
		c.Args = append([]string{"bash", "-c", "ulimit -u " + limit + `; exec "$@"`, "bash", s.Executable}, c.Args[1:]...)
		c.Path = bash
		out, err := c.CombinedOutput()
		t.Logf("ulimit -u %s: %v %.300s", limit, err, out)
	}
	// Once the limit is gone, so is the trouble.
	eventually(t, "a request is answered", func() bool {
		c := as(t, st.Uid, s.process("/"))
		c.Path = s.Executable
		return c.Run() == nil
	})
	if n := len(s.apps()); n != 1 {
		t.Errorf("%d apps", n)
	}
}
