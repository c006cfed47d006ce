package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/remote"
)

// A sleepyHost is one whose client falls asleep at a move: in the midst of it, or
// when it is done.
type sleepyHost struct {
	remote.Host
	at     int // the move, 0 for none
	isDone bool
	sleep  func()
}

func (h *sleepyHost) Rename(from, to string) error {
	h.at--
	if h.at == 0 && !h.isDone {
		h.sleep()
	}
	err := h.Host.Rename(from, to)
	if h.at == 0 && h.isDone {
		h.sleep()
	}
	return err
}

// TestAsleep has a run fall asleep while it moves the app's files, and another made
// in the meantime: when it wakes, it leaves alone what is the other's.
func TestAsleep(t *testing.T) {
	first := map[string]string{"a.txt": "one", "b.txt": "one", "gone.txt": "one"}
	second := map[string]string{"a.txt": "two", "b.txt": "two", "gone.txt": "", "new.txt": "two"}
	others := map[string]string{"a.txt": "three", "b.txt": "three", "gone.txt": "three", "new.txt": "three"}
	for _, way := range []string{"swap", "back"} {
		for at := 1; at <= 7; at++ { // the manifest, and six files
			for _, isDone := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, move %d, done %v", way, at, isDone), func(t *testing.T) {
					host, home := thisHost(t)
					dir, folder := t.TempDir(), filepath.Join(home, "app")
					writeFiles(t, dir, first)
					deployApp(t, host, folder, dir)
					writeFiles(t, dir, second)
					sleepy := &sleepyHost{Host: host, isDone: isDone}
					d := newRun(t, sleepy, home)
					a, changes := stageApp(t, sleepy, folder, dir)
					d.app, a.turn = a, d.holdsTurn
					setBeat(t, time.Hour)
					_, end, err := d.takeTurn(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					defer end()
					hasSlept := false
					sleepy.sleep = func() {
						hasSlept = true
						d.signed.Store(time.Now().Add(-2 * patience).UnixNano())
						d.served.removeTemp(d.served.temp)
						takeOver(t, host, folder, others)
					}
					do := func() error { return a.swap(changes) }
					if way == "back" {
						if err := do(); err != nil {
							t.Fatal(err)
						}
						do = a.back
					}
					sleepy.at = at
					if err := do(); hasSlept && err == nil {
						t.Error("it goes on")
					}
					if hasSlept {
						wantFiles(t, folder, others)
					}
				})
			}
		}
	}
}

// TestAsleepInServed has it sleep before it takes a program out of the served folder,
// which is the other's by then.
func TestAsleepInServed(t *testing.T) {
	host, folder := thisHost(t)
	writeFiles(t, folder, map[string]string{"proxy.cgi": "three"})
	d := newRun(t, host, folder)
	setBeat(t, time.Hour)
	_, end, err := d.takeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	d.signed.Store(time.Now().Add(-2 * patience).UnixNano())
	d.served.removeTemp(d.served.temp)
	if err := d.served.place([]step{{name: "proxy.cgi"}}); !errors.Is(err, errLost) {
		t.Errorf("%v, want %v", err, errLost)
	}
	wantFiles(t, folder, map[string]string{"proxy.cgi": "three"})
}

// takeOver is another deploy, which finds a run that it takes for broken off.
func takeOver(t *testing.T, host remote.Host, folder string, files map[string]string) {
	t.Helper()
	a, err := openApp(host, folder)
	if err != nil {
		t.Fatal(err)
	}
	if a.now.Former != nil {
		takeBack(t, a, "undo")
	}
	dir := t.TempDir()
	writeFiles(t, dir, files)
	deployApp(t, host, folder, dir)
}

// listless is a host that lists nothing.
type listless struct{ remote.Host }

func (listless) List(string) ([]remote.Entry, error) { return nil, os.ErrPermission }

// TestHoldsTurn has when a run looks whether another has taken it for dead.
func TestHoldsTurn(t *testing.T) {
	setPatience(t, time.Minute)
	setBeat(t, time.Hour)
	for _, c := range []struct {
		name   string
		silent time.Duration
		isGone bool
		host   func(remote.Host) remote.Host // nil for as it is
		want   error
	}{
		{"just now", 0, true, nil, nil}, // it does not look
		{"for long", time.Minute, false, nil, nil},
		{"for long, and lost", time.Minute, true, nil, errLost},
		{"the clock was set back, and lost", -time.Hour, true, nil, errLost},
		{"for long, and nobody can tell", time.Minute, false, func(h remote.Host) remote.Host { return listless{h} }, os.ErrPermission},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, folder := thisHost(t)
			d := newRun(t, host, folder)
			_, end, err := d.takeTurn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer end()
			if err := d.holdsTurn(); err != nil {
				t.Errorf("in the beginning: %v", err)
			}
			if c.isGone {
				d.served.removeTemp(d.served.temp)
			}
			if c.host != nil {
				d.host = c.host(host)
			}
			d.signed.Store(time.Now().Add(-c.silent).UnixNano())
			if err := d.holdsTurn(); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}
