//go:build linux

package ondemand

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// copyOf copies a folder with all that is in it.
func (s *site) copyOf(folder string) (copied string) {
	s.t.Helper()
	copied = filepath.Join(s.t.TempDir(), "copy")
	if out, err := exec.Command("cp", "-a", folder+"/.", copied).CombinedOutput(); err != nil {
		s.t.Fatalf("cp: %v: %s", err, out)
	}
	return copied
}

// A site that was copied with its .cgiproxy has no app yet: neither does that of
// the original answer for it, nor is it ended.
func TestCopiedSite(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*site){"a port": func(*site) {}, "auto": auto, "watched": watched} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			set(s)
			ctx := context.Background()
			theirs := s.answered("/")
			c := newSite(t, "")
			set(c)
			c.Dir, c.RestartFiles = s.copyOf(s.Dir), nil
			if st, err := c.Status(); err != nil || st.PID != 0 {
				t.Errorf("before it was started: status %+v, %v", st, err)
			}
			command := c.Command
			c.Command = "exit 3"
			if pid, err := c.get(ctx, "/"); err == nil {
				t.Errorf("a copy that does not start: process %s answers", pid)
			}
			c.Command = command
			if ours := c.answered("/"); ours == theirs {
				t.Errorf("the original's process %s answers", ours)
			}
			if err := c.Stop(ctx); err != nil {
				t.Error(err)
			}
			if again := s.answered("/"); again != theirs {
				t.Errorf("the original's process was %s and is %s", theirs, again)
			}
			if apps := s.apps(); len(apps) != 1 || strconv.Itoa(apps[0]) != theirs {
				t.Errorf("apps %v, want %s", apps, theirs)
			}
		})
	}
}

// settledBy gives a site a file of settings, which tells it from others.
func (s *site) settledBy(t *testing.T) *site {
	t.Helper()
	s.Settings = filepath.Join(t.TempDir(), ".htcgiproxy")
	if err := os.WriteFile(s.Settings, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// second is another site with the same app.
func (s *site) second(t *testing.T) *site {
	t.Helper()
	app := *s.App
	return (&site{App: &app, t: t, warn: s.warn}).settledBy(t)
}

// eachFirst runs a test with the first of two sites, at each kind of address.
func eachFirst(t *testing.T, test func(t *testing.T, first *site)) {
	t.Parallel()
	for name, set := range map[string]func(*site){"a port": func(*site) {}, "auto": auto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newSite(t, "").settledBy(t)
			set(first)
			test(t, first)
		})
	}
}

// Of two sites with one folder and other settings the second gets an error, and
// never what the first has started; nor does it end that.
func TestTwoSites(t *testing.T) {
	eachFirst(t, func(t *testing.T, first *site) {
		ctx := context.Background()
		pid := first.answered("/")
		second := first.second(t)
		if shared, err := second.get(ctx, "/"); err != nil || shared != pid {
			t.Errorf("with the same settings: process %s, want %s, %v", shared, pid, err)
		}
		restart := second.RestartFiles
		second.RestartFiles = []string{filepath.Join(t.TempDir(), "restart.txt")}
		if _, err := second.get(ctx, "/"); !isKind(err, Shared) {
			t.Errorf("with another restart file: %v, want an error", err)
		}
		second.RestartFiles, second.Env = restart, []string{"DATABASE=staging"}
		refused := func(when, what string, err error) {
			t.Helper()
			if !isKind(err, Shared) || !strings.Contains(err.Error(), filepath.Dir(first.Settings)) {
				t.Errorf("%s, %s: %v, want an error that names the first site", when, what, err)
			}
		}
		for _, when := range []string{"the app runs", "it was killed"} {
			_, err := second.get(ctx, "/")
			refused(when, "a request", err)
			refused(when, "start", second.Start(ctx))
			refused(when, "restart", second.Restart(ctx))
			refused(when, "stop", second.Stop(ctx))
			_, err = second.Status()
			refused(when, "status", err)
			if when == "the app runs" {
				if again, err := first.get(ctx, "/"); err != nil || again != pid {
					t.Errorf("the first site's process was %s, is %s, %v", pid, again, err)
				}
				first.kill()
			}
		}
		pid = first.answered("/")
		if err := os.Remove(first.Settings); err != nil {
			t.Fatal(err)
		}
		if taken := second.answered("/"); taken == pid {
			t.Errorf("the first site is gone, and its process %s answers", taken)
		}
		second.oneApp()
	})
}

// The settings of a second site are not those of the first, moved, where they have
// the number of its file from before that was uploaded anew and renamed.
func TestNumberOfFormerSettings(t *testing.T) {
	t.Parallel()
	first := newSite(t, "").settledBy(t)
	auto(first)
	pid := first.answered("/")
	second := first.second(t)
	second.Env = []string{"DATABASE=staging"}
	if born(first.Settings) == "" {
		t.Skip("this file system does not know when a file was made")
	}
	number := fileID(second.Settings)
	first.rewriteState(strings.Fields(siteFileID(first.Settings))[0], number)
	if _, err := second.get(t.Context(), "/"); !isKind(err, Shared) {
		t.Errorf("the second: %v, want an error", err)
	}
	if again, err := first.get(t.Context(), "/"); err != nil || again != pid {
		t.Errorf("the first site's process was %s, is %s, %v", pid, again, err)
	}
}

// Of two sites with one app the second goes on with a start that a browser of the
// first has left.
func TestTwoSitesStarting(t *testing.T) {
	eachFirst(t, func(t *testing.T, first *site) {
		first.Command = "while test ! -e bind; do sleep 0.02; done; " + first.Command
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := first.get(ctx, "/"); err != context.DeadlineExceeded {
			t.Fatalf("a browser of the first: %v, want that it leaves", err)
		}
		second := first.second(t)
		first.write("bind", "")
		if _, err := second.get(t.Context(), "/"); err != nil || len(first.starts()) != 1 {
			t.Errorf("the second: %v; %d starts, want 1", err, len(first.starts()))
		}
	})
}

// A site that was moved, or is found by another path, is the same.
func TestMovedSite(t *testing.T) {
	t.Parallel()
	changePlaces := func(from, to string) error {
		if err := os.Rename(from, to); err != nil {
			return err
		}
		if err := os.Mkdir(from, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(from, ".htcgiproxy"), []byte("of another site"), 0o600)
	}
	for name, move := range map[string]func(from, to string) error{"moved": os.Rename, "linked": os.Symlink, "another in its place": changePlaces} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "").settledBy(t)
			auto(s)
			before := s.answered("/")
			to := filepath.Join(t.TempDir(), "moved")
			if err := move(filepath.Dir(s.Settings), to); err != nil {
				t.Fatal(err)
			}
			s.Settings, s.Env = filepath.Join(to, ".htcgiproxy"), []string{"A=1"}
			if after := s.oneApp(); after == before {
				t.Errorf("process %s goes on with the settings of before", after)
			}
		})
	}
}

// Another START_DIR ends the app of the former folder, as it does where that
// becomes START_DIR again; requests under way are answered.
func TestOtherStartDir(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		set  func(*site)
		end  func(*site) error // before the folder changes for the first time
	}{
		{"a port", func(*site) {}, nil},
		{"auto", auto, nil},
		{"watched", watched, nil},
		{"stopped by hand", func(*site) {}, func(s *site) error { return s.Stop(context.Background()) }},
		{"stopped, idle", func(s *site) { s.IdleStop = time.Millisecond }, func(s *site) error {
			eventually(s.t, "the app is stopped", func() bool { return len(s.apps()) == 0 })
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first := newSite(t, "").settledBy(t)
			tt.set(first)
			second := &site{App: new(*first.App), t: t, warn: first.warn}
			second.Dir, second.RestartFiles = t.TempDir(), nil
			t.Cleanup(second.end)
			for _, s := range []*site{first, second} {
				s.write("watch-period", "50ms")
			}
			for i, s := range []*site{first, second, first, second} {
				other := []*site{second, first}[i%2]
				slow := make(chan error, 1)
				if i > 0 && tt.end == nil {
					go func() {
						_, err := other.get(context.Background(), "/slow?300ms")
						slow <- err
					}()
					eventually(t, "a request is under way", other.inUse)
				} else {
					slow <- nil
				}
				pid := s.answered("/")
				if apps := other.apps(); len(apps) > 0 || !slices.Contains(s.starts(), number(pid)) {
					t.Fatalf("change %d: process %s answers, %v ran in this folder, %v goes on in the other", i, pid, s.starts(), apps)
				}
				if err := <-slow; err != nil {
					t.Errorf("change %d: a request under way: %v", i, err)
				}
				if i == 0 && tt.end != nil {
					if err := tt.end(s); err != nil {
						t.Fatal(err)
					}
					second.IdleStop = 0
				}
			}
		})
	}
}

func number(pid string) int {
	n, _ := strconv.Atoi(pid)
	return n
}
