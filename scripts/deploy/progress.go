package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A meter shows on a terminal how much of an upload is done, how fast it goes and
// how long it will take; elsewhere nothing.
type meter struct{ bar *progressbar.ProgressBar }

func newMeter(bytes int64) meter {
	if bytes == 0 || !isTerminal(os.Stderr) {
		return meter{}
	}
	return meter{progressbar.NewOptions64(bytes,
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(20),
	)}
}

// name shows which file is on its way.
func (m meter) name(file string) {
	if m.bar != nil {
		m.bar.Describe(printable(file))
	}
}

func (m meter) add(bytes int) {
	if m.bar != nil {
		m.bar.Add(bytes)
	}
}

func (m meter) end() {
	if m.bar != nil {
		m.bar.Finish()
	}
}
