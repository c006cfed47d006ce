package check

import (
	"os"
	"path/filepath"
	"testing"

	"proxy.cgi/cgiproxy/settings"
)

// TestScriptsOfAnother has a host that runs scripts as the web server's user, whose
// status page shows the check: what is the owner's is in order there.
func TestScriptsOfAnother(t *testing.T) {
	folder := t.TempDir()
	log := filepath.Join(folder, ".htproxy.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // else it is ours
		if err := os.Chown(folder, stranger-1, -1); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(log, stranger-1, -1); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(folder)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{folder: folder, info: info, uid: stranger, gid: stranger, cfg: &settings.Config{LogFile: log}}
	for _, c := range []struct {
		mode os.FileMode
		want Level
	}{{0o666, OK}, {0o644, Warning}} {
		if err := os.Chmod(log, c.mode); err != nil {
			t.Fatal(err)
		}
		if found := checkLogFile(s); len(found) != 1 || found[0].Level != c.want {
			t.Errorf("a log with permissions %03o: %+v, want %v", c.mode, found, c.want)
		}
	}
	if found := checkWay(s); found != nil {
		t.Errorf("the way: %+v", found)
	}
}
