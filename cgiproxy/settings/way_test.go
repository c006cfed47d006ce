package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A command that runs what the settings say believes no folder's owner: whose it
// is may change between two looks.
func TestLoadOwn(t *testing.T) {
	for _, tt := range []struct {
		name         string
		folder, file int // their owners
		want         string
	}{
		{"ours", 0, 0, ""},
		{"ours, in another's folder", 65534, 0, ""},
		{"of the folder's owner", 65534, 65534, ".htcgiproxy belongs to user 65534, who is neither root nor ours, user 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			chown(t, testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\nERROR_PAGE=page.html\n"), tt.file)
			page := testkit.WriteFile(t, folder, "page.html", "a page")
			chown(t, page, tt.file)
			chown(t, folder, tt.folder)
			cfg, _, err := LoadOwn(nil, folder)
			if tt.want == "" {
				if err != nil || cfg.Upstream.Address == "" {
					t.Errorf("got %+v, error %v", cfg.Upstream, err)
				}
				return
			}
			testkit.WantText(t, explained(t, err), tt.want)
			_, err = cfg.ReadOwn(page, 100)
			testkit.WantError(t, err, "page.html belongs to user 65534, who is neither root nor ours, user 0")
		})
	}
}

func TestCheckWay(t *testing.T) {
	const stranger = 65534
	others := fmt.Sprintf(" belongs to user %d, who is neither root nor ours, user %d", stranger, os.Geteuid())
	root := tree(t, []entry{
		{"own/site", fs.ModeDir | 0o755, 0, ""}, {"own/group", fs.ModeDir | 0o775, 0, ""},
		{"own/stranger", fs.ModeDir | 0o755, stranger, ""}, {"own/link", 0, 0, "site"}, {"own/stranger-link", 0, stranger, "site"},
		{"stranger/site", fs.ModeDir | 0o755, 0, ""}, {"stranger", fs.ModeDir | 0o755, stranger, ""},
		{"group/site", fs.ModeDir | 0o755, 0, ""}, {"group", fs.ModeDir | 0o775, 0, ""}, {"to-group", 0, 0, "group/site"},
		{"all/site", fs.ModeDir | 0o755, 0, ""}, {"all", fs.ModeDir | 0o757, 0, ""},
		{"sticky/site", fs.ModeDir | 0o755, 0, ""}, {"sticky", fs.ModeDir | fs.ModeSticky | 0o777, 0, ""},
	})
	for _, tt := range []struct{ name, folder, want string }{
		{"our own", "own/site", ""},
		{"a link of our own", "own/link", ""},
		{"in a sticky folder", "sticky/site", ""},
		{"the group may write to it", "own/group", ""},
		{"the group may write to it, and what is in it is asked for", "own/group/.", "{root}/own/group has permissions 775"},
		{"a stranger's", "own/stranger", "{root}/own/stranger" + others},
		{"a stranger's, and what is in it is asked for", "own/stranger/.", "{root}/own/stranger" + others},
		{"a stranger's link", "own/stranger-link", "{root}/own/stranger-link" + others},
		{"in a stranger's folder", "stranger/site", "{root}/stranger" + others},
		{"in a folder that the group may write to", "group/site", "{root}/group has permissions 775: others may write to it: set its permissions to 755 (chmod go-w)"},
		{"a link to one there", "to-group", "{root}/group has permissions 775"},
		{"in a folder that all may write to", "all/site", "{root}/all has permissions 757"},
		{"nothing", "own/nothing", "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckWay(root + "/" + tt.folder)
			want := expand(tt.want, root)
			if bad, ok := errors.AsType[*Error](err); ok && want != "" {
				testkit.WantText(t, bad.Error()+": "+bad.Remedy, want)
				return
			}
			testkit.WantError(t, err, want)
		})
	}
}

// The app's log is appended to, and cut, so that nobody else may lead it elsewhere.
func TestStartLogOfOthers(t *testing.T) {
	root := tree(t, []entry{
		{"own/logs", fs.ModeDir | 0o755, 0, ""}, {"site", fs.ModeDir | 0o755, 0, ""},
		{"stranger/logs", 0, 65534, "../own/logs"}, {"stranger", fs.ModeDir | 0o755, 65534, ""},
	})
	for log, want := range map[string]string{
		"own/logs/app.log":      "",
		"own/nothing/app.log":   "",
		"stranger/logs/app.log": "CGIPROXY_START_LOG",
	} {
		testkit.WriteFile(t, root+"/site", ".htcgiproxy", "UPSTREAM=auto\nSTART=./app\nSTART_LOG="+root+"/"+log+"\n")
		_, _, err := LoadOwn(nil, root+"/site")
		t.Run(log, func(t *testing.T) { testkit.WantError(t, err, want) })
	}
}
