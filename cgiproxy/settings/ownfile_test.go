package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// chown gives a file, or a symbolic link, to another user.
func chown(t *testing.T, file string, uid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
	if err := os.Lchown(file, uid, -1); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsFileOfOthers(t *testing.T) {
	chmod := func(mode os.FileMode) func(*testing.T, string, string) {
		return func(t *testing.T, _, file string) {
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name string
		make func(t *testing.T, folder, file string)
		want string // in the log, "" for nothing
	}{
		{"600", chmod(0o600), ""},
		{"400", chmod(0o400), ""},
		{"640", chmod(0o640), ""},
		{"readable by others", chmod(0o644), "holds CGIPROXY_SECRET and others may read it: set its permissions to 600"},
		{"writable by the group", chmod(0o660), "has permissions 660: others may write to it: set its permissions to 600"},
		{"writable by others", chmod(0o602), "has permissions 602"},
		{"a stranger's", func(t *testing.T, _, file string) { chown(t, file, 65534) }, "belongs to user 65534, who is neither ours, user 0, nor the folder's: delete it"},
		{"of the folder's owner", func(t *testing.T, folder, file string) { chown(t, file, 65534); chown(t, folder, 65534) }, ""},
		{"a link of our own", func(t *testing.T, _, file string) { link(t, file, 0) }, ""},
		{"a stranger's link", func(t *testing.T, _, file string) { link(t, file, 65534) }, "is a symbolic link of user 65534, not of ours, user 0"},
		{"a pipe that never ends", func(t *testing.T, _, file string) {
			if err := errors.Join(os.Remove(file), unix.Mkfifo(file, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, "is no regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			file := testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\nSECRET=hunter2\n")
			tt.make(t, folder, file)
			cfg, notes, err := Load(nil, folder)
			switch {
			case tt.want == "" || strings.HasPrefix(tt.want, "holds"):
				if err != nil || cfg.Secret != "hunter2" {
					t.Fatalf("got secret %q and error %v", cfg.Secret, err)
				}
				if got := strings.Join(texts(notes, LevelWarn), "\n"); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
					t.Errorf("got warnings %q, want %q", got, tt.want)
				}
			default:
				testkit.WantText(t, explained(t, err), file+" "+tt.want)
				if cfg.Secret != "" || cfg.Upstream.Address != "" {
					t.Errorf("a setting of the file counts: %+v", cfg)
				}
			}
		})
	}
}

// link replaces a file by a symbolic link to it that belongs to uid.
func link(t *testing.T, file string, uid int) {
	t.Helper()
	target := filepath.Join(t.TempDir(), "target")
	if err := errors.Join(os.Rename(file, target), os.Symlink(target, file)); err != nil {
		t.Fatal(err)
	}
	chown(t, file, uid)
}

// ReadOwn bounds what it reads.
func TestReadOwnLimit(t *testing.T) {
	file := testkit.WriteFile(t, t.TempDir(), "page.html", "12345")
	if text, _, err := ReadOwn(file, 5); string(text) != "12345" || err != nil {
		t.Errorf("got %q, error %v", text, err)
	}
	_, _, err := ReadOwn(file, 4)
	testkit.WantError(t, err, "is over 4 bytes")
}
