//go:build linux

package ondemand

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// The test binary is everything: proxy.cgi's hidden command, a request that a
// web server has started a process for, and the app.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "app":
			testPoint = killHere
			shorten()
			os.Exit(RunStarter(os.Args[2:]))
		case "request":
			testPoint = killHere
			shorten()
			os.Exit(requestMain(os.Args[2], os.Args[3]))
		case "testapp":
			testApp(os.Args[2:])
			os.Exit(0)
		}
	}
	status := m.Run()
	if underRace {
		if path, err := plainBinary(); err == nil {
			os.RemoveAll(filepath.Dir(path))
		}
	}
	os.Exit(status)
}

// killHere ends the process if the file kill-at, in the app's folder, names this
// step: once, and with "step/2" where it is there for the second time.
func killHere(step string) {
	seen[step]++
	named, err := os.ReadFile("kill-at")
	if err != nil || string(named) != step && string(named) != fmt.Sprintf("%s/%d", step, seen[step]) {
		return
	}
	if os.Rename("kill-at", "killed-at") == nil {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
}

var seen = map[string]int{}

// shorten reads limits that a test has set for all processes of its app.
func shorten() {
	for name, limit := range map[string]*time.Duration{
		"watch-period": &watchPeriod, "drain-limit": &drainLimit, "kill-limit": &killLimit, "retire-time": &retireTime,
	} {
		if text, err := os.ReadFile(name); err == nil {
			*limit, _ = time.ParseDuration(string(text))
		}
	}
}

// A site is an app in a folder of its own.
type site struct {
	*App
	t        *testing.T
	warn     chan string
	patience time.Duration // of a browser, 0 is browserPatience
}

// newSite has the test app run with flags, at a port of its own.
func newSite(t *testing.T, flags string) *site {
	t.Helper()
	s := &site{t: t, warn: make(chan string, 1000)}
	s.App = &App{
		Command:    "exec " + testBinary(t) + " testapp " + flags,
		Executable: testBinary(t),
		Dir:        t.TempDir(),
		Timeout:    20 * time.Second,
		Warn:       func(line string) { s.warn <- line },
	}
	port := testkit.FreePort(t)
	s.Addresses = []string{"127.0.0.1:" + port, "[::1]:" + port}
	s.RestartFiles = []string{filepath.Join(s.Dir, "restart.txt")}
	t.Cleanup(s.end)
	return s
}

// end ends what a test has started, also where it has lost track of it.
func (s *site) end() {
	for _, pid := range s.starts() {
		_ = unix.Kill(-pid, unix.SIGKILL)
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	for _, p := range ownProcesses() {
		if cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.pid)); strings.TrimSuffix(cwd, " (deleted)") == s.Dir {
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
	}
	if s.t.Failed() {
		log, _ := os.ReadFile(s.log())
		s.t.Logf("log of the app: %.3000s", log)
		state, _ := os.ReadFile(s.folder().file("state"))
		s.t.Logf("state: %s", state)
	}
}

// starts returns the processes that the app was, so far.
func (s *site) starts() (pids []int) {
	text, _ := os.ReadFile(filepath.Join(s.Dir, "starts"))
	for _, word := range strings.Fields(string(text)) {
		pid, _ := strconv.Atoi(word)
		pids = append(pids, pid)
	}
	return pids
}

// apps returns those of them that are still there. A pid that was given to
// another process since is in the test's own group, an app never is.
func (s *site) apps() (pids []int) {
	for _, pid := range s.starts() {
		p, err := readProcess(pid)
		group, _ := unix.Getpgid(pid)
		if err == nil && !p.ended && group != unix.Getpgrp() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) exists(name string) bool {
	_, err := os.Stat(filepath.Join(s.Dir, name))
	return err == nil
}

// restart asks for one, as an upload does.
func (s *site) restart() {
	s.t.Helper()
	s.write("restart.txt.new", time.Now().String())
	if err := os.Rename(s.Dir+"/restart.txt.new", s.Dir+"/restart.txt"); err != nil {
		s.t.Fatal(err)
	}
}

// options is an App for another process: functions cannot be passed on.
type options struct {
	App
	Connect, Warn bool
	Patience      time.Duration // of a browser; 0 is another client
}

// process is a request as a process.
func (s *site) process(path string) *exec.Cmd { return s.processOf(path, 0) }

func (s *site) processOf(path string, patience time.Duration) *exec.Cmd {
	text, err := json.Marshal(options{*s.App, s.Connect != nil, true, patience})
	if err != nil {
		s.t.Fatal(err)
	}
	c := exec.Command(testBinary(s.t), "request", string(text), path)
	c.Dir = s.Dir
	return c
}

// answered makes requests until one is answered: after a failed start that may
// be the second.
func (s *site) answered(path string) string {
	s.t.Helper()
	var out string
	eventually(s.t, "a request is answered", func() bool {
		text, err := s.process(path).Output()
		out = string(text)
		return err == nil
	})
	return out
}

var underRace bool

// plainBinary is this test binary, built without the race detector.
var plainBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ondemand")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "plain.test")
	out, err := exec.Command("go", "test", "-c", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return path, err
})

func testBinary(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if underRace {
		path, err = plainBinary()
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not in 30 s: %s", what)
		}
	}
}
