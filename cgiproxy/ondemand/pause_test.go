//go:build linux

package ondemand

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPauseAfterFailure(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-exit 3")
	ctx := context.Background()
	if _, err := s.get(ctx, "/"); err == nil {
		t.Fatal("no error")
	}
	st, err := s.folder().read()
	if err != nil {
		t.Fatal(err)
	}
	st.next = time.Now().Add(maxPause) // a second may pass here before the next line
	if err := s.folder().write(st); err != nil {
		t.Fatal(err)
	}
	_, err = s.get(ctx, "/")
	e, ok := errors.AsType[*Error](err)
	if !ok || !strings.Contains(e.Error(), "status 3") || e.RetryAfter <= 0 || e.RetryAfter > maxPause {
		t.Fatalf("got %v", err)
	}
	if n := len(s.starts()); n != 1 {
		t.Fatalf("%d starts, want 1: in the pause there is none", n)
	}
	s.restart()
	_, _ = s.get(ctx, "/")
	if n := len(s.starts()); n != 2 {
		t.Fatalf("%d starts, want 2: a restart file ends the pause", n)
	}
	s.Env = []string{"A=1"}
	_, _ = s.get(ctx, "/")
	if n := len(s.starts()); n != 3 {
		t.Fatalf("%d starts, want 3: other settings end the pause", n)
	}
	_ = s.Start(ctx)
	if n := len(s.starts()); n != 4 {
		t.Fatalf("%d starts, want 4: at a shell there is no pause", n)
	}
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	_, _ = s.get(ctx, "/")
	if n := len(s.starts()); n != 5 {
		t.Fatalf("%d starts, want 5: a stop ends the pause", n)
	}
	if st, err := s.Status(); err != nil || !strings.Contains(st.LastExit, "status 3") {
		t.Errorf("after starts that failed: %+v, %v", st, err)
	}
	s.Command = "exec " + testBinary(t) + " testapp"
	_, err = s.get(ctx, "/")
	if st, statusErr := s.Status(); err != nil || statusErr != nil || st.LastExit != "" {
		t.Errorf("after one that did not: %v; %+v, %v", err, st, statusErr)
	}
}

// A pause that was noted while the clock was wrong holds nobody up.
func TestPauseOfWrongClock(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	if err := s.folder().make(); err != nil {
		t.Fatal(err)
	}
	st := &state{phase: failed, settings: s.settings(), failures: 1, next: time.Now().AddDate(1, 0, 0)}
	if err := s.folder().write(st); err != nil {
		t.Fatal(err)
	}
	if _, err := s.get(context.Background(), "/"); err != nil {
		t.Error(err)
	}
}

func TestFailuresPause(t *testing.T) {
	a := &App{Dir: t.TempDir()}
	if err := a.folder().make(); err != nil {
		t.Fatal(err)
	}
	s := new(state)
	var got []time.Duration
	for range 9 {
		e, _ := errors.AsType[*Error](a.failed(s, &Error{Cause: errors.New("x")}))
		got = append(got, e.RetryAfter/time.Second)
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		if got[i] != want {
			t.Fatalf("pauses %v", got)
		}
	}
}
