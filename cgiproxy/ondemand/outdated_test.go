//go:build linux

package ondemand

import (
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A request that has waited with settings which are out of date by now neither ends
// what was started with those of now, nor starts its own.
func TestOutdatedSettings(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*site){"a socket": socket, "auto": auto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := newSite(t, "").settledBy(t)
			now := &site{App: new(*before.App), t: t, warn: before.warn}
			now.Dir, now.RestartFiles = t.TempDir(), nil
			t.Cleanup(now.end)
			set(before)
			set(now)
			now.SettingsChanged = before.changeSettings()
			for _, down := range []bool{false, true} {
				pid := now.answered("/")
				if down {
					now.kill()
				}
				if other, err := before.get(t.Context(), "/"); !isKind(err, Outdated) {
					t.Errorf("down %t: process %q answers, %v, want an error", down, other, err)
				}
				if apps := now.apps(); len(before.starts()) > 0 || !down && (len(apps) != 1 || strconv.Itoa(apps[0]) != pid) {
					t.Errorf("down %t: processes %v were started, and of %s goes on %v", down, before.starts(), pid, apps)
				}
			}
		})
	}
}

// changeSettings has the site have read its settings, and changes them after, which
// their time does not tell.
func (s *site) changeSettings() (changed time.Time) {
	s.t.Helper()
	s.SettingsChanged = s.settingsChanged()
	info, err := os.Stat(s.Settings)
	for err == nil && s.settingsChanged().Equal(s.SettingsChanged) { // in the same tick of the kernel's clock
		err = os.Chtimes(s.Settings, time.Time{}, info.ModTime())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return s.settingsChanged()
}

func (s *site) settingsChanged() time.Time {
	s.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(s.Settings, &st); err != nil {
		s.t.Fatal(err)
	}
	return time.Unix(st.Ctim.Unix())
}

// Nor does it have the app restarted with them that runs with those of now.
func TestOutdatedSettingsRestartNothing(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*site){"a port": func(*site) {}, "auto": auto} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := newSite(t, "").settledBy(t)
			set(before)
			now := &site{App: new(*before.App), t: t, warn: before.warn}
			now.Env = []string{"A=1"}
			now.SettingsChanged = before.changeSettings()
			pid := now.answered("/")
			if again, err := before.get(t.Context(), "/"); err != nil || again != pid {
				t.Errorf("who has waited: process %s, want %s, %v", again, pid, err)
			}
			if again := now.answered("/"); again != pid || len(now.starts()) != 1 {
				t.Errorf("then process %s, want %s; %d starts, want 1", again, pid, len(now.starts()))
			}
		})
	}
}

// A request that has looked at the restart files before another has seen to a newer one
// restarts nothing.
func TestOutdatedLook(t *testing.T) {
	s := newSite(t, "")
	first := s.answered("/")
	s.restart()
	other := ""
	defer func() { testPoint = nil }()
	testPoint = func(step string) {
		if step == "lock opened" {
			testPoint = nil
			s.restart()
			other = s.answered("/")
		}
	}
	for range 2 {
		if pid, err := s.get(t.Context(), "/"); err != nil || pid != other || pid == first {
			t.Errorf("process %s answers, want that of the other request, %s, %v", pid, other, err)
		}
	}
	if n := len(s.starts()); n != 2 {
		t.Errorf("%d starts, want 2", n)
	}
}
