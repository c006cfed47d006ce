package settings

import (
	"errors"
	"io/fs"
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
		{"a stranger's", func(t *testing.T, _, file string) { chown(t, file, 65534) }, "belongs to user 65534, who is neither ours, user 0, nor the owner of the folder of proxy.cgi: delete it"},
		{"of the folder's owner", func(t *testing.T, folder, file string) { chown(t, file, 65534); chown(t, folder, 65534) }, ""},
		{"a link of our own", func(t *testing.T, _, file string) { link(t, file, 0) }, ""},
		{"a stranger's link", func(t *testing.T, _, file string) { link(t, file, 65534) }, "belongs to user 65534, who is neither ours, user 0, nor the owner of the folder of proxy.cgi: make one of your own"},
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

// The files that settings name are held to the same rule, and the way to them,
// too: a link to a file that only we may read would show it to the world, and
// who writes a certificate authority can be the app.
func TestNamedFileOfOthers(t *testing.T) {
	const (
		stranger = 65534
		owner    = 65533 // of the site
		others   = " belongs to user 65534, who is neither ours, user 0, nor the owner of the folder of proxy.cgi"
	)
	root := tree(t, []entry{
		{"site/page.html", 0o600, 0, ""}, {"site", fs.ModeDir | 0o755, owner, ""},
		{"own/page.html", 0o600, 0, ""}, {"own/owner.html", 0o644, owner, ""}, {"own/stranger.html", 0o644, stranger, ""},
		{"own/all.html", 0o666, 0, ""}, {"own/group.html", 0o664, 0, ""}, {"own/pipe", fs.ModeNamedPipe | 0o600, 0, ""},
		{"own/link", 0, 0, "page.html"}, {"own/owner-link", 0, owner, "../own//page.html"}, {"own/stranger-link", 0, stranger, "page.html"},
		{"own/to-stranger-link", 0, 0, "stranger-link"}, {"own/dangling", 0, 0, "missing"}, {"own/loop", 0, 0, "loop"},
		{"owner/page.html", 0o600, 0, ""}, {"owner", fs.ModeDir | 0o755, owner, ""},
		{"stranger/page.html", 0o600, 0, ""}, {"stranger/stranger.html", 0o644, stranger, ""}, {"stranger", fs.ModeDir | 0o755, stranger, ""},
		{"all/page.html", 0o600, 0, ""}, {"all", fs.ModeDir | 0o777, 0, ""},
		{"group/page.html", 0o600, 0, ""}, {"group", fs.ModeDir | 0o775, 0, ""},
		{"sticky/page.html", 0o600, 0, ""}, {"sticky/stranger.html", 0o644, stranger, ""}, {"sticky", fs.ModeDir | fs.ModeSticky | 0o777, 0, ""},
		{"folder-link", 0, 0, "own"}, {"stranger-folder-link", 0, stranger, "own"}, {"to-stranger-folder-link", 0, 0, "stranger-folder-link"},
		{"to-stranger", 0, 0, "stranger"}, {"absolute", 0, 0, "{root}/own/link"},
	})
	tests := []struct{ name, file, want string }{
		{"our own", "own/page.html", ""},
		{"of the site's owner", "own/owner.html", ""},
		{"beside proxy.cgi", "site/page.html", ""},
		{"in a folder of the site's owner", "owner/page.html", ""},
		{"in a sticky folder", "sticky/page.html", ""},
		{"dots and slashes", "own/.././/own/page.html", ""},
		{"a stranger's", "own/stranger.html", "{root}/own/stranger.html" + others + ": delete it"},
		{"a stranger's, in a sticky folder", "sticky/stranger.html", "{root}/sticky/stranger.html" + others},
		{"a stranger's, in a folder of his", "stranger/stranger.html", "the folder {root}/stranger" + others + ": keep what is in it in a folder of your own"},
		{"our own, in a stranger's folder", "stranger/page.html", "the folder {root}/stranger" + others},
		{"in a folder that all may write to", "all/page.html", "the folder {root}/all has permissions 777: others may write to it: set its permissions to 755"},
		{"in a folder that the group may write to", "group/page.html", "the folder {root}/group has permissions 775"},
		{"writable by others", "own/all.html", "has permissions 666: others may write to it: set its permissions to 600"},
		{"writable by the group", "own/group.html", "has permissions 664"},

		{"a link of our own", "own/link", ""},
		{"an absolute link of our own", "absolute", ""},
		{"a link of the site's owner", "own/owner-link", ""},
		{"a link to a folder", "folder-link/page.html", ""},
		{"a stranger's link", "own/stranger-link", "the symbolic link {root}/own/stranger-link" + others + ": make one of your own"},
		{"our own link to a stranger's", "own/to-stranger-link", "the symbolic link {root}/own/stranger-link" + others},
		{"a stranger's link to a folder", "stranger-folder-link/page.html", "the symbolic link {root}/stranger-folder-link" + others},
		{"our own link to a stranger's to a folder", "to-stranger-folder-link/page.html", "the symbolic link {root}/stranger-folder-link" + others},
		{"our own link to a stranger's folder", "to-stranger/page.html", "the folder {root}/stranger" + others},
		{"a link to nothing", "own/dangling", "no such file"},
		{"links without end", "own/loop", "more than 40 symbolic links"},

		{"nothing", "own/missing", "no such file"},
		{"a file as a folder", "own/page.html/x", "page.html is no folder"},
		{"a folder", "own", "is no regular file"},
		{"a pipe that never ends", "own/pipe", "is no regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{folder: root + "/site"}
			text, err := cfg.ReadOwn(root+"/"+tt.file, 100)
			want := expand(tt.want, root)
			if want == "" {
				if err != nil || len(text) == 0 {
					t.Errorf("got %q, error %v", text, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("got %q, want an error", text)
			}
			testkit.WantText(t, err.Error()+": "+FileRemedy(err, ""), want)
		})
	}
}

// An entry is a file with its name as text, a folder, a pipe, or a symbolic
// link to a target, of a user.
type entry struct {
	name   string
	mode   fs.FileMode
	uid    int
	target string
}

// tree makes the entries, with the folders around them. In targets {root} is
// the path that it returns.
func tree(t *testing.T, entries []entry) (root string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	for _, e := range entries {
		file := filepath.Join(root, e.name)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755))
		switch {
		case e.target != "":
			err = errors.Join(err, os.Symlink(expand(e.target, root), file))
		case e.mode&fs.ModeNamedPipe != 0:
			err = errors.Join(err, unix.Mkfifo(file, 0o600))
		case e.mode.IsDir():
			err = errors.Join(err, os.MkdirAll(file, 0o755))
		default:
			err = errors.Join(err, os.WriteFile(file, []byte(e.name), 0o600))
		}
		chown(t, file, e.uid)
		if e.target == "" {
			err = errors.Join(err, os.Chmod(file, e.mode))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func expand(text, root string) string { return strings.ReplaceAll(text, "{root}", root) }

// A stranger puts now a file of his and now a link to ours under the same name:
// what was looked at must be what is read.
func TestOwnFileExchanged(t *testing.T) {
	root := tree(t, []entry{
		{"own/private", 0o600, 0, ""},
		{"site/x", 0o600, 0, ""}, {"site", fs.ModeDir | 0o777, 0, ""},
		{"sticky/x", 0o600, 0, ""}, {"sticky", fs.ModeDir | fs.ModeSticky | 0o777, 0, ""},
	})
	cfg := Config{folder: root + "/site"}
	for _, folder := range []string{"site", "sticky"} {
		t.Run(folder, func(t *testing.T) {
			name := filepath.Join(root, folder, "page.html")
			ended := make(chan error, 1)
			go func() {
				var err error
				for i := 0; i < 3000 && err == nil; i++ {
					if next := name + ".new"; i%2 == 0 {
						err = errors.Join(os.WriteFile(next, nil, 0o600), os.Lchown(next, 65534, -1), os.Rename(next, name))
					} else {
						err = errors.Join(os.Symlink("../own/private", next), os.Lchown(next, 65534, -1), os.Rename(next, name))
					}
				}
				ended <- err
			}()
			shown, reads := 0, 0
			for {
				select {
				case err := <-ended:
					if err != nil || shown > 0 {
						t.Errorf("%d of %d reads showed the file behind the link; error %v", shown, reads, err)
					}
					return
				default:
				}
				reads++
				if text, err := cfg.ReadOwn(name, 100); err == nil && len(text) > 0 {
					shown++
				}
			}
		})
	}
}

// ReadOwn bounds what it reads.
func TestReadOwnLimit(t *testing.T) {
	file := testkit.WriteFile(t, t.TempDir(), "page.html", "12345")
	cfg := configure(t)
	if text, err := cfg.ReadOwn(file, 5); string(text) != "12345" || err != nil {
		t.Errorf("got %q, error %v", text, err)
	}
	_, err := cfg.ReadOwn(file, 4)
	testkit.WantError(t, err, "is over 4 bytes")
}
