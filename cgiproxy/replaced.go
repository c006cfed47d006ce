package cgiproxy

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A program is the file that this process was started from.
type program struct {
	path string
	log  *logger

	mu      sync.Mutex
	file    os.FileInfo // as it was; nil where it is not known
	refused os.FileInfo // a new one that does not run
	gone    bool        // there is a new one that does
}

func startedFrom(log *logger) *program {
	p := &program{log: log}
	if path, err := os.Executable(); err == nil {
		p.path = path
		p.file, _ = os.Stat(path)
	}
	return p
}

// replaced reports whether there is another file now, one that runs: an upload
// that is under way, in ASCII mode or for another system must not end a site
// that works.
func (p *program) replaced() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil || p.gone {
		return p.gone
	}
	now, err := os.Stat(p.path)
	if err != nil || sameFile(p.file, now) || p.refused != nil && sameFile(p.refused, now) || time.Since(now.ModTime()) < time.Second {
		return false
	}
	if err := tryRun(p.path); err != nil {
		p.refused = now
		p.log.errorf("the new %s does not run, so the old one goes on: %v: is it built for this system, and was it uploaded in binary mode?", p.path, err)
		return false
	}
	p.gone = true
	return true
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// tryRun runs the file's version command.
func tryRun(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, path, "version").Run()
}

// takeOver runs the new file in this process. It returns only where it fails.
func (p *program) takeOver() error {
	return syscall.Exec(p.path, os.Args, os.Environ())
}
