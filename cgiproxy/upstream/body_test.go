package upstream

import (
	"strings"
	"testing"
)

// While the request's body is under way, a piece must be passed on within
// stuckAfter even on a slow line.
func TestBodyPieces(t *testing.T) {
	const large = 1 << 20
	for _, tt := range []struct {
		name string
		sent bool
		want int
	}{{"sending", false, copyBuffer}, {"sent", true, large}} {
		t.Run(tt.name, func(t *testing.T) {
			x := &exchange{sent: make(chan struct{})}
			if tt.sent {
				close(x.sent)
			}
			b := &Body{content: strings.NewReader(strings.Repeat("x", large)), x: x}
			if n, err := b.Read(make([]byte, large)); n != tt.want || err != nil {
				t.Errorf("Read returned %d, %v, want %d", n, err, tt.want)
			}
		})
	}
}
