//go:build !linux

// The web servers run on Linux only; elsewhere the tests that need one are
// skipped.

package webserver

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

type process struct {
	pid  int
	done chan struct{}
	err  error
}

func startProcess(command, *os.File) (*process, error) {
	return nil, fmt.Errorf("%w: web servers are not started on %s", ErrUnavailable, runtime.GOOS)
}

func (p *process) state() string                        { return "" }
func (p *process) stop(time.Duration) error             { return nil }
func endLeftovers([]int, []string, time.Duration) error { return nil }

// Processes returns none here.
func (s *Server) Processes() []int { return nil }
