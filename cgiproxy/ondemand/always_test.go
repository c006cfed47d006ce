//go:build linux

package ondemand

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

func TestAlwaysRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.AlwaysRestart = filepath.Join(s.Dir, "always_restart.txt")
	for i, want := range []int{1, 1, 2, 3, 4} {
		switch i {
		case 2:
			s.write("always_restart.txt", "")
		case 4: // the clock was a day ahead when the app was started
			st, err := s.folder().read()
			if err != nil {
				t.Fatal(err)
			}
			st.run.began = st.run.began.Add(24 * time.Hour)
			if err := s.folder().write(st); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.get(context.Background(), "/"); err != nil {
			t.Fatal(err)
		}
		if got := len(s.starts()); got != want {
			t.Fatalf("request %d: %d starts, want %d", i, got, want)
		}
	}
}

// Where each request asks for a restart, a start that takes longer than a browser
// waits is gone on with, or it would never be over: also where the app listens
// before the next request comes.
func TestBrowsersAlwaysRestart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		set    func(*site)
		listen bool // before the next request comes
	}{
		{"a port", func(*site) {}, false},
		{"a socket", socket, false},
		{"auto", auto, false},
		{"it listens before the next", func(*site) {}, true},
		{"it listens before the next, auto", auto, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "-delay 8s")
			s.patience = 5 * time.Second // on a busy machine a response takes its time, too
			tt.set(s)
			s.AlwaysRestart = filepath.Join(s.Dir, "always_restart.txt")
			s.write("always_restart.txt", "")
			s.browse()
			if tt.listen {
				eventually(t, "the app listens while nobody waits for it", s.listens)
			}
			first := s.browses("")
			if n := len(s.starts()); n != 1 {
				t.Errorf("%d starts before the first response, want 1", n)
			}
			s.stops(s.browses(first)) // the next request has asked for a restart
		})
	}
}
