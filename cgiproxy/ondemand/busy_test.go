package ondemand

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBusy has the patience end for a lock: where the restart file has changed since it
// began, starts may have been broken off for that, one after another.
func TestBusy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "restart.txt")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		since   time.Time
		changes bool
	}{
		{"it has changed", time.Now().Add(-time.Hour), true},
		{"it has changed before", time.Now().Add(time.Hour), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := patience{since: tt.since, until: time.Now().Add(-time.Second), restartFiles: []string{file}}
			err := p.wait(context.Background())
			if got := strings.Contains(explain(err), file+" has changed, which breaks off a start"); !isKind(err, Busy) || got != tt.changes {
				t.Errorf("%s", explain(err))
			}
		})
	}
}
