package main

// Memory and threads of processes, from /proc.
//
// The rusage of a process is no good for its memory: the kernel counts that of
// the process it was forked from, which is this one, until it calls exec.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// procStatus returns the peak resident memory, in bytes, and the threads.
func procStatus(pid int) (peak, threads int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0 // it has ended
	}
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch string(name) {
		case "VmHWM": // "   1234 kB"
			n, _ := strconv.ParseInt(string(bytes.Fields(value)[0]), 10, 64)
			peak = n * kib
		case "Threads":
			threads, _ = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		}
	}
	return peak, threads
}

// A gauge keeps the largest peak it was shown.
type gauge struct {
	mu   sync.Mutex
	last time.Time
	peak int64
}

// look reads a process's peak, but not so often that it would slow it down.
func (g *gauge) look(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.last) < 2*time.Millisecond {
		return
	}
	peak, _ := procStatus(pid)
	g.peak = max(g.peak, peak)
	g.last = time.Now()
}

// A snapshot is one process looked at twice: while it waits for the app, and
// when it has the response and cannot write it.
type snapshot struct{ peak, threads int64 }

const (
	settleTime = 250 * time.Millisecond // for the slowest interpreter to start and ask
	threadLook = settleTime * 4 / 5
)

// snapshot runs the program on a page that takes settleTime.
func (p *program) snapshot() (snapshot, error) {
	r := request{target: fmt.Sprintf("/page?ms=%d", settleTime.Milliseconds())}
	c, err := p.start(r, true)
	if err != nil {
		return snapshot{}, err
	}
	time.Sleep(threadLook)
	_, threads := procStatus(c.process.Pid)
	time.Sleep(settleTime)
	peak, _ := procStatus(c.process.Pid)
	_, _, readErr := readResponse(skipFiller(c.stdout))
	if _, err := c.wait(); err != nil || readErr != nil || peak == 0 {
		return snapshot{}, fmt.Errorf("%s: no look at it: %v, %v", p.name, readErr, err)
	}
	return snapshot{peak, threads}, nil
}

// peakOf returns the peak resident memory of the program over one request.
func (p *program) peakOf(r request) (int64, error) {
	c, err := p.start(r, true)
	if err != nil {
		return 0, err
	}
	var g gauge
	fedErr := <-c.feed(r.length, func() { g.look(c.process.Pid) })
	time.Sleep(settleTime / 2)
	g.look(c.process.Pid)
	buf := make([]byte, 64*kib)
	for {
		g.look(c.process.Pid)
		if _, err := c.stdout.Read(buf); err != nil {
			break
		}
	}
	if _, err := c.wait(); err != nil || fedErr != nil {
		return 0, fmt.Errorf("%s: %s: %v, %v", p.name, r.target, err, fedErr)
	}
	return g.peak, nil
}

// watchPeak follows all processes that run the executable, until stop is
// called, which returns the largest peak of one of them. It takes a good part
// of a core, to see those too that live for a few milliseconds.
func watchPeak(executable string) (stop func() int64) {
	var peak int64
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			for _, pid := range running(executable) {
				p, _ := procStatus(pid)
				peak = max(peak, p)
			}
			select {
			case <-end:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() int64 {
		close(end)
		<-ended
		return peak
	}
}

// running lists the processes of an executable.
func running(executable string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == executable {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			pids = append(pids, pid)
		}
	}
	return pids
}
