//go:build linux

package ondemand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestState(t *testing.T) {
	f := (&App{Dir: t.TempDir()}).folder()
	if err := f.make(); err != nil {
		t.Fatal(err)
	}
	want := &state{
		phase: running, settings: "abc", failures: 3, exit: "line one\nline \"two\"", unreplaced: "status 3",
		stamps: []stamp{{}, {1, 2, 3, 4}}, next: time.Unix(5, 6),
		run: run{1, 2, "a-b", 5, 6, time.Unix(3, 4), "unix", []string{"/a b/c", "/d"}, time.Unix(13, 14), time.Unix(15, 16), time.Unix(17, 18), true, true},
		old: run{7, 8, "a-c", 11, 12, time.Unix(9, 10), "tcp", []string{"[::1]:1"}, time.Unix(19, 20), time.Time{}, time.Time{}, false, false},
	}
	if err := f.write(want); err != nil {
		t.Fatal(err)
	}
	if got, err := f.read(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for name, text := range map[string]string{
		"empty": "", "cut": "boot \"x\"\npid \"1", "other": "pid \"x\"\n", "garbage": "\x00\x00\n",
		"another boot": "boot \"x\"\nphase \"running\"\npid \"1\"\nstart \"1\"\n",
	} {
		if err := os.WriteFile(f.file("state"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.read(); err != nil || got.run.pid != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// A process whose number is that of the app, and which is not it.
func TestReusedPID(t *testing.T) {
	self, err := readProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	r := run{pid: self.session, start: 1, network: "tcp"}
	if leader, err := readProcess(self.session); err != nil || leader.start == 1 {
		t.Skip("no leader of our session")
	}
	if r.alive() {
		t.Error("a session of another start is taken for the app")
	}
}

func TestTrimLog(t *testing.T) {
	a := &App{Dir: t.TempDir()}
	path := a.log()
	app, err := a.folder().openLog(path) // which keeps it open
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	last := ""
	for i := range 3 * maxLog / 100 {
		last = fmt.Sprintf("%098d\n", i)
		if _, err := app.WriteString(last); err != nil {
			t.Fatal(err)
		}
	}
	a.folder().trimLog(path)
	if _, err := app.WriteString("after\n"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || len(text) > maxLog/2+100 || len(text) < maxLog/2-100 || !strings.HasSuffix(string(text), last+"after\n") || len(strings.SplitN(string(text), "\n", 2)[0]) != 98 {
		t.Errorf("%d bytes, %.200q... %v", len(text), text, err)
	}
	if got := lastLines(path, int64(len(text))-6); got != "after" {
		t.Errorf("last lines %q", got)
	}
	if got := lastLines(path, 3*maxLog); !strings.HasSuffix(got, "\nafter") {
		t.Errorf("since a size from before it was made shorter: %q", got)
	}
	if got := strings.Count(lastLines(path, 0), "\n"); got != 9 {
		t.Errorf("%d lines", got+1)
	}
}

// An app that runs for months is kept in bounds by its requests, and where many
// find the log too long, what it shall keep is kept.
func TestRequestsTrimLog(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.answered("/")
	for range 20 {
		long := strings.Repeat(strings.Repeat("x", 99)+"\n", maxLog/100+1000)
		if err := os.WriteFile(s.log(), []byte(long), 0o600); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if leave, err := s.Enter(context.Background()); err != nil {
					t.Error(err)
				} else {
					leave()
				}
			})
		}
		all.Wait()
		if info, err := os.Stat(s.log()); err != nil || info.Size() > maxLog/2 || info.Size() < maxLog/2-100 {
			t.Fatalf("the log has %d bytes, want about %d, %v", info.Size(), maxLog/2, err)
		}
	}
}

// A request that lasts, and a start, leave no more than they find.
func TestLongRequestTrimsLog(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	printed := "head -c 3000000 /dev/zero; "
	trimmed := `while test "$(wc -c < app.log)" -gt ` + strconv.Itoa(maxLog) + "; do sleep 0.05; done; "
	s.Command = printed + trimmed + s.Command
	s.answered("/")
	leave, err := s.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.log(), make([]byte, 3*maxLog), 0o600); err != nil {
		t.Fatal(err)
	}
	leave()
	if info, err := os.Stat(s.log()); err != nil || info.Size() > maxLog {
		t.Errorf("after the request the log has %d bytes, want at most %d, %v", info.Size(), maxLog, err)
	}
}

// Whoever may read the log can hold a lock on it.
func TestLogLockedByOthers(t *testing.T) {
	a := &App{Dir: t.TempDir()}
	if err := os.WriteFile(a.log(), []byte(strings.Repeat("a line\n", maxLog/5)), 0o644); err != nil {
		t.Fatal(err)
	}
	other, err := os.Open(a.log())
	if err == nil {
		defer other.Close()
		err = unix.Flock(int(other.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.folder().trimLog(a.log())
	if size := logSize(other); size > maxLog {
		t.Errorf("the log has %d bytes, want at most %d", size, maxLog)
	}
}

// TestLogOfOthers has a START_LOG that another user of the machine has put there.
func TestLogOfOthers(t *testing.T) {
	private := filepath.Join(t.TempDir(), "private")
	text := strings.Repeat("a line of the owner's\n", maxLog/10)
	for _, c := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"a link", func(path string) error { return os.Symlink(private, path) }, "is a symbolic link"},
		{"a file", func(path string) error {
			return errors.Join(os.WriteFile(path, []byte(text), 0o666), os.Chown(path, 65534, -1))
		}, "belongs to user 65534"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Geteuid() != 0 && c.name == "a file" {
				t.Skip("only root can give files away")
			}
			a := &App{Dir: t.TempDir()}
			path := a.log()
			err := os.WriteFile(private, []byte(text), 0o600)
			if err := errors.Join(err, c.make(path)); err != nil {
				t.Fatal(err)
			}
			if log, err := a.folder().openLog(path); err == nil || !strings.Contains(err.Error(), c.want) {
				log.Close()
				t.Errorf("to append: %v, want an error with %q", err, c.want)
			}
			a.folder().trimLog(path)
			if got, err := os.ReadFile(path); string(got) != text {
				t.Errorf("it was made shorter: %d bytes, %v", len(got), err)
			}
			if got := lastLines(path, 0); got != "" {
				t.Errorf("its last lines were read: %q", got)
			}
		})
	}
}

// A log that cannot be opened is told of with what helps.
func TestNoLog(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(app, log string) error
		want string
	}{
		{"its folder is missing", func(string, string) error { return nil }, "make the folder of START_LOG"},
		{"a folder", func(_, log string) error { return os.MkdirAll(log, 0o700) }, "delete or rename it"},
		{"a link", func(_, log string) error {
			return errors.Join(os.Mkdir(filepath.Dir(log), 0o700), os.Symlink("other.log", log))
		}, "delete or rename it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &App{Dir: t.TempDir(), Command: "true", Network: "tcp", Addresses: []string{"127.0.0.1:1"}}
			a.Log = filepath.Join(a.Dir, "logs", "app.log")
			if err := c.make(a.Dir, a.Log); err != nil {
				t.Fatal(err)
			}
			if err := a.Start(t.Context()); !strings.Contains(explain(err), c.want) {
				t.Errorf("%s, want %q", explain(err), c.want)
			}
		})
	}
}

func TestFolder(t *testing.T) {
	missing := &App{Dir: filepath.Join(t.TempDir(), "missing")}
	if _, err := missing.folder().lock(); !strings.Contains(explain(err), "does START_DIR exist?") {
		t.Errorf("without START_DIR: %v", explain(err))
	}
	a := &App{Dir: t.TempDir()}
	if err := os.Symlink(t.TempDir(), string(a.folder())); err != nil {
		t.Fatal(err)
	}
	if _, err := a.folder().lock(); err == nil {
		t.Error("a symbolic link is taken for the folder")
	}
	_ = os.Remove(string(a.folder()))
	if err := os.Mkdir(string(a.folder()), 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := a.folder().lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if info, _ := os.Stat(string(a.folder())); info.Mode().Perm() != 0o700 {
		t.Errorf("permissions %v", info.Mode())
	}
	if _, err := a.folder().lock(); err != errBusy {
		t.Errorf("the second lock: %v", err)
	}
	if os.Chown(string(a.folder()), nobody, nobody) == nil { // we are root, who may write anywhere
		if _, err := a.folder().lock(); err == nil || err == errBusy {
			t.Errorf("another user's folder: %v", err)
		}
	}
}
