//go:build linux

package ondemand

import (
	"context"
	"strings"
	"testing"
)

// Who waits for a start in the place of one that has left cannot see how it ends:
// it may have been killed, and is tried once more.
func TestEndsAfterLeft(t *testing.T) {
	t.Parallel()
	const killed, fails = "if test ! -e again0; then touch again0; ended; kill -9 $$; fi", "touch again$(ls | grep -c again); ended; exit 3"
	request := func(s *site) error { _, err := s.get(context.Background(), "/"); return err }
	byHand := func(s *site) error { return s.Start(context.Background()) }
	for _, tt := range []struct {
		name, first string
		waits       func(*site) error
		cause       string
	}{
		{"it was killed, and a request waits", killed, request, ""},
		{"it was killed, and app start waits", killed, byHand, ""},
		{"it fails each time, and a request waits", fails, request, "status 3"},
		{"it fails each time, and app start waits", fails, byHand, "status 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			s.Command = "ended() { until test -e left; do sleep 0.1; done; sleep 0.5; }; " + tt.first + "; " + s.Command
			ctx, leave := context.WithCancel(context.Background())
			go s.get(ctx, "/")
			eventually(t, "the command runs", func() bool { return s.exists("again0") })
			leave()
			s.write("left", "")
			if err := tt.waits(s); tt.cause == "" && err != nil || tt.cause != "" && (err == nil || !strings.Contains(err.Error(), tt.cause)) {
				t.Errorf("got %v, want %q", err, tt.cause)
			}
			if s.exists("again2") {
				t.Error("more than two starts")
			}
		})
	}
}
