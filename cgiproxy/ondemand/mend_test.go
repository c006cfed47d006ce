//go:build linux

package ondemand

import (
	"os"
	"testing"
	"time"
)

// What chmod -R by FTP has closed in .cgiproxy, or root has put back from a backup, is
// mended by the next request: the app goes on, and restarts count.
func TestMend(t *testing.T) {
	t.Parallel()
	owners := map[string]int{"its owner's": nobody, "root's": 0}
	for name, set := range map[string]func(*site){"a socket": socket, "auto": auto, "watched": watched} {
		for _, file := range []string{"", "lock", "state", "state.new", "use", "next"} {
			for whose, owner := range owners {
				if file == "" && owner == 0 || file == "state" && owner == 0 {
					continue // the first is not ours to mend, and with the second the app is not known
				}
				t.Run(name+", "+file+", "+whose, func(t *testing.T) {
					t.Parallel()
					s := newSite(t, "")
					s.belongsTo(nobody)
					set(s)
					before := s.nobodys()
					path := s.folder().file(file)
					if use, err := s.folder().findUse(); file == "use" && err == nil {
						path = s.folder().file(use)
					}
					if _, err := os.Stat(path); err != nil {
						s.write(".cgiproxy/"+file, "")
					}
					for _, err := range []error{os.Chown(path, owner, owner), os.Chmod(path, 0)} {
						if err != nil {
							t.Fatal(err)
						}
					}
					if pid := s.nobodys(); pid != before {
						t.Errorf("process %s, then %s", before, pid)
					}
					s.restart()
					after := s.nobodys()
					if after == before {
						t.Error("not restarted")
					}
					eventually(t, "one app is left", func() bool { return len(s.apps()) == 1 })
				})
			}
		}
	}
}

// nobodys makes a request as nobody.
func (s *site) nobodys() string {
	s.t.Helper()
	c := as(s.t, nobody, s.process("/"))
	c.Path = s.Executable
	defer time.AfterFunc(30*time.Second, func() { _ = c.Process.Kill() }).Stop()
	out, err := c.Output()
	if err != nil {
		s.t.Fatalf("%v %s", err, out)
	}
	return string(out)
}
