package main

// One request as a whole process: started, fed, read and waited for.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// processTimeout ends what hangs.
const processTimeout = 60 * time.Second

// usage is what one process took.
type usage struct {
	wall, cpu time.Duration
	faults    float64 // minor page faults
}

// A child is a program under way, with our ends of its pipes.
type child struct {
	process *os.Process
	stdin   *os.File // nil where there is no body
	stdout  *os.File
	started time.Time
	timeout *time.Timer
}

// start starts the program. full is a pipe for stdout that has no room, so that
// the process stands still in its first write until somebody reads; it is how
// a process can be looked at when it has done nearly all of its work.
func (p *program) start(r request, full bool) (*child, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	c := &child{}
	stdin := null
	if r.length > 0 {
		if stdin, c.stdin, err = os.Pipe(); err != nil {
			return nil, err
		}
		defer stdin.Close()
	}
	var stdout *os.File
	if c.stdout, stdout, err = os.Pipe(); err != nil {
		c.closePipes()
		return nil, err
	}
	defer stdout.Close()
	if full {
		if err := fill(stdout); err != nil {
			c.closePipes()
			return nil, err
		}
	}
	attr := &os.ProcAttr{
		Dir:   filepath.Dir(p.path),
		Env:   r.environment(p),
		Files: []*os.File{stdin, stdout, os.Stderr},
	}
	c.started = time.Now()
	c.process, err = os.StartProcess(p.path, append([]string{p.path}, p.args...), attr)
	if err != nil {
		c.closePipes()
		return nil, err
	}
	c.timeout = time.AfterFunc(processTimeout, func() { c.process.Kill() })
	return c, nil
}

// filler is what fill puts into a pipe, and what readers have to skip.
const filler = '#'

// fill writes to a pipe until it takes no more.
func fill(pipe *os.File) error {
	block := make([]byte, mib)
	for i := range block {
		block[i] = filler
	}
	if err := pipe.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		return err
	}
	if _, err := pipe.Write(block); !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("a pipe that is never full: %w", err)
	}
	return pipe.SetWriteDeadline(time.Time{})
}

func (c *child) closePipes() {
	c.stdout.Close()
	if c.stdin != nil {
		c.stdin.Close()
	}
}

// wait ends the measurement, after all of stdout has been read.
func (c *child) wait() (usage, error) {
	state, err := c.process.Wait()
	wall := time.Since(c.started)
	c.timeout.Stop()
	c.closePipes()
	if err != nil {
		return usage{}, err
	}
	if !state.Success() {
		return usage{}, fmt.Errorf("it ended with %v", state)
	}
	u := usage{wall: wall, cpu: state.UserTime() + state.SystemTime()}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		u.faults = float64(r.Minflt)
	}
	return u, nil
}

// run runs the program for one request. consume gets the response, header
// first.
func (p *program) run(ctx context.Context, r request, consume func(io.Reader) error) (usage, error) {
	u, err := p.runOnce(ctx, r, consume)
	if err != nil {
		return usage{}, fmt.Errorf("%s: %s: %w", p.name, r.target, err)
	}
	return u, nil
}

func (p *program) runOnce(ctx context.Context, r request, consume func(io.Reader) error) (usage, error) {
	if err := ctx.Err(); err != nil {
		return usage{}, err
	}
	c, err := p.start(r, false)
	if err != nil {
		return usage{}, err
	}
	defer context.AfterFunc(ctx, func() { c.process.Kill() })()
	fed := c.feed(r.length, func() {})
	consumeErr := consume(c.stdout)
	if consumeErr != nil {
		c.process.Kill() // it may be waiting for somebody to read on
	}
	u, err := c.wait()
	return u, errors.Join(consumeErr, err, <-fed)
}

// feed sends a body of length bytes, and calls look before each piece.
func (c *child) feed(length int64, look func()) <-chan error {
	done := make(chan error, 1)
	if c.stdin == nil {
		done <- nil
		return done
	}
	go func() {
		defer c.stdin.Close()
		body, buf := &pattern{length: length}, make([]byte, 64*kib)
		for {
			look()
			n, err := body.Read(buf)
			if err == io.EOF {
				done <- nil
				return
			}
			if _, err := c.stdin.Write(buf[:n]); err != nil {
				done <- fmt.Errorf("it did not read its body: %w", err)
				return
			}
		}
	}()
	return done
}
