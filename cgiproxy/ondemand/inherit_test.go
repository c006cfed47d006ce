//go:build linux

package ondemand

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the app gets, and what it must not.
func TestWhatTheAppInherits(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.Env, s.Passing = []string{"GREETING=hello there", "LANG=xx"}, []string{"PASSED=on", "GREETING=no"}
	pipeR, pipeW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipeR.Close()
	// Programs that change nothing of it say what they get, in a shell that does
	// not either (dash clears the mask of signals).
	s.Command = `exec bash -c "cat /proc/self/status /proc/self/limits >inherited; ls -l /proc/self/fd >descriptors; ` + s.Command + `"`
	if err := setHandler(sigCancel, 1); err != nil { // the shells cannot
		t.Fatal(err)
	}
	defer setHandler(sigCancel, 0)
	c := s.process("/environ")
	// As some web servers do: descriptors, signals ignored and blocked, limits.
	c.Args = append([]string{"sh", "-c", `trap "" HUP INT TSTP USR1 PIPE; ulimit -S -n 64; ulimit -S -t 100
		env --block-signal=TERM true && exec env --block-signal=TERM,USR2 "$@"; exec "$@"`, "sh"}, c.Args...)
	c.Path = "/bin/sh"
	c.ExtraFiles = []*os.File{pipeW, pipeW}
	c.Env = append(c.Environ(), "HTTP_COOKIE=a", "REQUEST_METHOD=GET", "CGIPROXY_SECRET=s", "SECRET=s", "HOME=")
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	pipeW.Close()
	allowed := map[string]bool{"PATH": true, "HOME": true, "USER": true, "LOGNAME": true, "SHELL": true, "LANG": true, "TZ": true, "PORT": true, tokenName: true, "GREETING": true, "PASSED": true,
		"PWD": true, "OLDPWD": true, "SHLVL": true, "_": true} // those are the shell's
	for _, entry := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if name, _, _ := strings.Cut(entry, "="); !allowed[name] {
			t.Errorf("the app has %s", entry)
		}
	}
	for _, want := range []string{"GREETING=hello there\n", "LANG=xx\n", "PASSED=on\n", "PORT=", "HOME=/", "USER=", "LOGNAME=", "PATH="} {
		if !strings.Contains("\n"+string(out), "\n"+want) {
			t.Errorf("the app lacks %q: %s", want, out)
		}
	}
	// If the app had the pipe, it would not end.
	done := make(chan struct{})
	go func() { _, _ = pipeR.Read(make([]byte, 1)); close(done) }()
	eventually(t, "the app does not hold a pipe of the web server", func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	s.checkDescriptors()
	s.checkSignalsAndLimits()
}

func (s *site) checkDescriptors() {
	s.t.Helper()
	text, err := os.ReadFile(s.Dir + "/descriptors")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		_, descriptor, ok := strings.Cut(line, ":") // of the time
		if !ok {
			continue
		}
		_, descriptor, _ = strings.Cut(descriptor, " ")
		name, target, _ := strings.Cut(descriptor, " -> ")
		ofLS := strings.HasPrefix(target, "/proc/") || target == s.Dir+"/descriptors"
		switch {
		case name == "0" && target == "/dev/null", name == "2" && target == s.log(), ofLS:
		default:
			s.t.Errorf("descriptor %q is %s", name, target)
		}
	}
}

func (s *site) checkSignalsAndLimits() {
	s.t.Helper()
	text, err := os.ReadFile(s.Dir + "/inherited")
	if err != nil {
		s.t.Fatal(err)
	}
	checked := 0
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "SigIgn:"), strings.HasPrefix(line, "SigBlk:"):
			checked++
			if fields[1] != "0000000000000000" {
				s.t.Errorf("signals: %s", line)
			}
		case strings.HasPrefix(line, "Max cpu time"), strings.HasPrefix(line, "Max open files"):
			checked++
			if fields[3] != fields[4] {
				s.t.Errorf("limit: %s", line)
			}
		}
	}
	if checked != 4 {
		s.t.Errorf("checked %d of %s", checked, text)
	}
}

// The watcher has a GOMAXPROCS of its own, and the app the one that it is given.
func TestWatchedEnvironment(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{nil, {"GOMAXPROCS=3"}} {
		s := newSite(t, "")
		s.IdleStop, s.Env = time.Hour, env
		var got []string
		for line := range strings.Lines(s.answered("/environ")) {
			if strings.HasPrefix(line, "GOMAXPROCS=") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		if !slices.Equal(got, env) {
			t.Errorf("the app got %q, want %q", got, env)
		}
	}
}
