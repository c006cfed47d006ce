package statuspage

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// hush has wrong tokens wait for nothing, and returns how long they would.
func hush(t *testing.T) *[]time.Duration {
	t.Helper()
	var waited []time.Duration
	before := sleep
	sleep = func(_ context.Context, d time.Duration) { waited = append(waited, d) }
	t.Cleanup(func() { sleep = before })
	return &waited
}

// TestWrong has somebody try tokens: each is slower, up to a bound, and the
// owner never waits.
func TestWrong(t *testing.T) {
	waited := hush(t)
	s := newTested(t, pageSettings)
	file := filepath.Join(s.folder, wrongFile)
	try := func(times int) (last time.Duration) {
		t.Helper()
		for range times {
			if w := s.send(t, request{method: "POST", body: "token=wrong"}); w.Body.String() != "the app" {
				t.Fatalf("a wrong token: %d %.200q", w.Code, w.Body)
			}
			<-s.got
		}
		return (*waited)[len(*waited)-1]
	}
	for _, step := range []struct {
		more int
		want time.Duration
	}{{1, 0}, {4, 0}, {1, time.Second}, {1, 2 * time.Second}, {1, 4 * time.Second}, {100, 4 * time.Second}} {
		if got := try(step.more); got != step.want {
			t.Errorf("after %d more the wait is %v, want %v", step.more, got, step.want)
		}
	}
	testkit.WantText(t, s.log.String(), "a wrong token for the status page, from 198.51.100.7")
	if info, err := os.Stat(file); err != nil || info.Size() != wrongMost || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of wrong tokens: %v %v", info, err)
	}
	if strings.Contains(s.log.String(), "wrong-token") || strings.Contains(s.log.String(), token) {
		t.Error("the log has what was tried")
	}

	before := len(*waited)
	s.login(t)
	if len(*waited) != before {
		t.Error("the right token waits")
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the wrong tokens are not forgotten: %v", err)
	}

	try(9)
	old := time.Now().Add(-wrongTime - time.Second)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	if got := try(1); got != 0 {
		t.Errorf("after %v the wait is %v", wrongTime, got)
	}
}
