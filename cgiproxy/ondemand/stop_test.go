//go:build linux

package ondemand

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A stop waits for requests under way, for those that come the stop; but not for
// ever.
func TestDrain(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"10s", "300ms"} {
		s := newSite(t, "")
		s.write("drain-limit", limit)
		ctx := context.Background()
		if _, err := s.get(ctx, "/"); err != nil {
			t.Fatal(err)
		}
		stream := make(chan error, 1)
		go func() {
			_, err := s.get(ctx, "/stream")
			stream <- err
		}()
		eventually(t, "the stream is under way", func() bool { return s.inUse() })
		s.restart()
		next := s.process("/")
		var warnings strings.Builder
		next.Stderr = &warnings
		if err := next.Start(); err != nil {
			t.Fatal(err)
		}
		if limit == "10s" {
			eventually(t, "the gate is closed", s.isStopping)
			s.write("stream-end", "")
		}
		err := next.Wait()
		cut := <-stream
		if err != nil || (cut != nil) != (limit != "10s") || strings.Contains(warnings.String(), "under way") != (cut != nil) {
			t.Errorf("limit %s: next %v; the stream %v; %s", limit, err, cut, warnings.String())
		}
	}
}

// inUse reports whether a request is under way.
func (s *site) inUse() bool {
	name, _ := s.folder().findUse()
	if name == "" {
		return false
	}
	file, err := os.Open(s.folder().file(name))
	if err != nil {
		return false
	}
	defer file.Close()
	empty, err := (&closedGate{File: file}).empty()
	return err == nil && !empty
}

// isStopping reports whether requests are held back.
func (s *site) isStopping() bool {
	name, _ := s.folder().findUse()
	return strings.HasPrefix(name, stoppingPrefix)
}

func TestIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-ignore")
	s.write("kill-limit", "200ms")
	before := s.answered("/")
	s.restart()
	if after := s.oneApp(); after == before {
		t.Error("not restarted")
	}
}

// What was started elsewhere is never signalled. Where it is the app of another site, or
// of an older release, the log says once that it is shown.
func TestNotOurs(t *testing.T) {
	t.Parallel()
	s, other := newSite(t, ""), newSite(t, "")
	other.Addresses = s.Addresses
	ctx := context.Background()
	before, err := other.get(ctx, "/")
	if err != nil {
		t.Fatal(err)
	}
	s.restart()
	for range 2 {
		if pid, err := s.get(ctx, "/"); err != nil || pid != before {
			t.Fatalf("process %s, %v", pid, err)
		}
	}
	if lines := len(s.warn); lines != 1 {
		t.Errorf("%d warnings, want one", lines)
	} else if line := <-s.warn; !strings.Contains(line, "another app is shown") || !strings.Contains(line, other.Dir) {
		t.Error(line)
	}
	if err := s.Stop(ctx); err == nil || !strings.Contains(err.Error(), other.Dir) {
		t.Errorf("stop: %v", err)
	}
	if err := s.Restart(ctx); err == nil || !strings.Contains(err.Error(), other.Dir) {
		t.Errorf("restart: %v", err)
	}
	st, err := s.Status()
	if err != nil || !st.Running || st.PID != 0 {
		t.Errorf("status %+v, %v", st, err)
	}
	if apps := other.apps(); len(apps) != 1 || strconv.Itoa(apps[0]) != before {
		t.Errorf("apps %v", apps)
	}
}
