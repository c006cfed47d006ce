package statuspage

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// The token is long enough to keep out whoever tries. Wrong ones wait all the
// same: in a log and in the time it takes the owner sees that somebody tries. A
// CGI process remembers nothing, so their number is the size of a file, which is
// forgotten after a while. Nothing is locked, and the right token never waits.

const (
	// wrongFile is beside proxy.cgi. Stock Apache and LiteSpeed serve no .ht*
	// file.
	wrongFile = ".htproxycgi-wrong"

	wrongTime = 10 * time.Minute // without another one, until they are forgotten
	wrongFree = 5                // that wait for nothing: owners mistype, too
	wrongMost = 100              // and the file grows no more
)

// countWrong notes a wrong token and returns how many there have been of late.
// Where the folder may not be written to they are not counted.
func (v *visit) countWrong() int {
	f, info, err := v.Site.Config().OpenOwn(v.wrongFile(), os.O_WRONLY|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return 0
	}
	defer f.Close()
	before := int(info.Size())
	if time.Since(info.ModTime()) > wrongTime {
		before = 0
		_ = f.Truncate(0)
	}
	if before >= wrongMost {
		return before
	}
	if _, err := f.WriteString("."); err != nil {
		return 0
	}
	return before + 1
}

func (v *visit) forgetWrong() { _ = os.Remove(v.wrongFile()) }

func (v *visit) wrongFile() string { return filepath.Join(v.Site.Folder(), wrongFile) }

// pause is how long a wrong token waits that is one of so many. It is bounded, for each
// that waits is one of the few processes that a host allows.
func pause(wrong int) time.Duration {
	if wrong <= wrongFree {
		return 0
	}
	return time.Second << min(wrong-wrongFree-1, 2)
}

// sleep is a variable for the tests.
var sleep = func(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
