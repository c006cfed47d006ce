package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/remote"
)

// setPatience is for the length of a test.
func setPatience(t *testing.T, time time.Duration) {
	before := patience
	patience = time
	t.Cleanup(func() { patience = before })
}

func setBeat(t *testing.T, time time.Duration) {
	before := beatTime
	beatTime = time
	t.Cleanup(func() { beatTime = before })
}

// newRun is one that is about to change a folder.
func newRun(t *testing.T, host remote.Host, folder string) *deploy {
	t.Helper()
	s, err := openServed(host, folder)
	if err != nil {
		t.Fatal(err)
	}
	return &deploy{options: &options{target: &remote.Target{Folder: folder}}, out: io.Discard, host: host, served: s}
}

// TestTurns has two runs at once: the second ends, unless the first is dead; and a
// first that was taken for dead, and comes back, notices.
func TestTurns(t *testing.T) {
	host, home := thisHost(t)
	folder := filepath.Join(home, "public_html")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	setBeat(t, 5*time.Millisecond)
	setPatience(t, time.Minute)
	first := newRun(t, host, folder)
	_, end, err := first.takeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		second *deploy // which has seen the folder as it was then
	}{
		{"one that is under way", newRun(t, host, folder)},
		{"one that has begun at the same moment", func() *deploy { d := newRun(t, host, folder); d.served.list = nil; return d }()},
	} {
		if _, _, err := c.second.takeTurn(t.Context()); !errors.Is(err, errUnderWay) {
			t.Errorf("%s: %v, want %v", c.name, err, errUnderWay)
		}
	}
	if status := newRun(t, host, folder); len(status.served.others()) != 1 {
		t.Errorf("--status sees %v", status.served.others())
	}
	end()
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("left are %v", left)
	}

	stopped := newRun(t, host, folder)
	setBeat(t, time.Hour)
	ctx, end, err := stopped.takeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if stopped.isLost() {
		t.Error("it is lost from the beginning")
	}
	setPatience(t, 0)
	next := newRun(t, host, folder)
	_, endNext, err := next.takeTurn(t.Context())
	if err != nil {
		t.Fatalf("after a run that broke off: %v", err)
	}
	defer endNext()
	if !stopped.isLost() || next.isLost() {
		t.Errorf("lost are %v, %v", stopped.isLost(), next.isLost())
	}
	if ctx.Err() != nil {
		t.Error("without a beat it cannot know")
	}
}

// A keepingHost is one that replaces no file.
type keepingHost struct{ remote.Host }

func (h keepingHost) Rename(from, to string) error {
	if _, err := h.Host.Size(to); err == nil {
		return errors.New("550 Rename permission denied")
	}
	return h.Host.Rename(from, to)
}

// TestKeepsFiles has a server that replaces no file: that is said before anything of the
// site is changed.
func TestKeepsFiles(t *testing.T) {
	host, folder := thisHost(t)
	_, _, err := newRun(t, keepingHost{host}, folder).takeTurn(t.Context())
	if err == nil || !strings.Contains(err.Error(), "lets no file take the place of another") {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// TestLostOnTheWay has a run taken for dead while it uploads: it stops.
func TestLostOnTheWay(t *testing.T) {
	host, folder := thisHost(t)
	setBeat(t, time.Millisecond)
	d := newRun(t, host, folder)
	ctx, end, err := d.takeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if err := os.Rename(d.served.temp, filepath.Join(t.TempDir(), "elsewhere")); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if err := cutShort(ctx); !errors.Is(err, errLost) {
		t.Errorf("%v, want %v", err, errLost)
	}
	if why := d.undo(ctx, "why"); !errors.Is(why, errLost) || !strings.HasPrefix(why.Error(), "why\n") {
		t.Errorf("it puts back what is another's: %v", why)
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if err := cutShort(interrupted); !errors.Is(err, errInterrupted) {
		t.Errorf("%v, want %v", err, errInterrupted)
	}
}

// A vanishing host has a folder that is gone when it has been listed once.
type vanishing struct {
	remote.Host
	folder string
	asked  int
}

func (h *vanishing) List(folder string) ([]remote.Entry, error) {
	list, err := h.Host.List(folder)
	if folder == h.folder {
		h.asked++
		os.Remove(folder)
	}
	return list, err
}

// TestAfterStatus begins while a --status ends: its folder is not watched any longer.
func TestAfterStatus(t *testing.T) {
	setBeat(t, 10*time.Millisecond)
	setPatience(t, 600*time.Millisecond)
	here, folder := thisHost(t)
	host := &vanishing{Host: here, folder: filepath.Join(folder, tempPrefix+"status")}
	if err := os.Mkdir(host.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	_, end, err := newRun(t, host, folder).takeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end()
	if host.asked > 3 { // twice to watch, once to remove it
		t.Errorf("it is watched %d times", host.asked)
	}
}

// A hiding host leaves names that begin with .ht out of its lists (vsftpd's hide_file).
type hiding struct{ remote.Host }

func (h hiding) List(folder string) ([]remote.Entry, error) {
	list, err := h.Host.List(folder)
	return slices.DeleteFunc(list, func(e remote.Entry) bool { return strings.HasPrefix(e.Name, ".ht") }), err
}

// TestTurnHidden has a run end there at once, say why, and leave nothing.
func TestTurnHidden(t *testing.T) {
	host, folder := thisHost(t)
	_, _, err := newRun(t, hiding{host}, folder).takeTurn(t.Context())
	if want := "the list of its folder is without it"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
