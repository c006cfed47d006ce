//go:build linux

package ondemand

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// What corrects a start that hangs counts at once, though requests wait for that, and
// these get the app that it brings.
func TestCorrectedStart(t *testing.T) {
	t.Parallel()
	for name, correct := range map[string]func(ctx context.Context, s *site) error{
		"restart file": func(_ context.Context, s *site) error { s.restart(); return nil },
		"app restart":  func(ctx context.Context, s *site) error { return s.Restart(ctx) },
		"app stop":     func(ctx context.Context, s *site) error { return s.Stop(ctx) },
		"settings": func(_ context.Context, s *site) error {
			s.SettingsChanged = s.changeSettings()
			s.Env = []string{"A=1"}
			return nil
		},
	} {
		for kind, set := range map[string]func(*site){
			"a port": func(*site) {}, "a socket": socket, "auto": auto, "watched": watched,
			"auto, an old app": func(s *site) { auto(s); s.restart(); s.answered("/"); s.restart() },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, "").settledBy(t)
				s.Timeout = 10 * time.Minute
				s.Command = "if test -e hang; then echo >>hung; exec sleep 1000; fi; " + s.Command
				set(s)
				s.SettingsChanged = s.settingsChanged()
				s.checkCorrected(correct)
			})
		}
	}
}

func (s *site) checkCorrected(correct func(context.Context, *site) error) {
	t := s.t
	s.write("hang", "")
	waiters := []*waiter{s.wait(), s.wait()}
	eventually(t, "the start hangs", func() bool { return s.exists("hung") })
	if err := os.Remove(s.Dir + "/hang"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := correct(ctx, s); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, w := range waiters {
		select {
		case err := <-w.done:
			isOutdated := strings.HasPrefix(w.said.String(), fmt.Sprintf("kind %d:", Outdated))
			if err == nil || !isOutdated || s.Env == nil {
				got = append(got, w.out.String())
			}
		case <-ctx.Done():
			t.Fatalf("request %d waits on", i)
		}
	}
	pid, err := s.get(ctx, "/")
	if got = append(got, pid); err != nil || slices.ContainsFunc(got, func(other string) bool { return other != pid }) {
		t.Errorf("got the processes %q, want the same, %v; %s %s", got, err, &waiters[0].said, &waiters[1].said)
	}
	eventually(t, "one app is left", func() bool { return len(s.apps()) == 1 })
	for len(s.warn) > 0 {
		if line := <-s.warn; strings.Contains(line, "requests are under way") {
			t.Error(line)
		}
	}
	s.stops(pid)
}

// A waiter is a request that waits for an app.
type waiter struct {
	out, said bytes.Buffer
	done      chan error
}

func (s *site) wait() *waiter {
	s.t.Helper()
	w := &waiter{done: make(chan error, 1)}
	c := s.process("/")
	c.Stdout, c.Stderr = &w.out, &w.said
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Process.Kill() })
	go func() { w.done <- c.Wait() }()
	return w
}

// A start that changes the restart file is broken off each time: the log says so.
func TestStartChangesRestartFile(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.Command = "touch restart.txt; sleep 1; " + s.Command
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := s.get(ctx, "/"); done <- err }()
	for limit, said := time.After(30*time.Second), 0; said < 2; {
		select {
		case line := <-s.warn:
			if strings.Contains(line, s.RestartFiles[0]+" has changed since it began") {
				said++
			}
		case err := <-done:
			t.Fatalf("answered, %v: not broken off", err)
		case <-limit:
			t.Fatalf("in 30 s the log has it %d times, want 2", said)
		}
	}
	leave()
	<-done
}
