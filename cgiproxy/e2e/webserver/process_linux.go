// Processes: started so that they cannot outlive the tests, ended with all
// that they started.

package webserver

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process is a started command.
type process struct {
	name string
	pid  int           // also its session and process group
	done chan struct{} // closed once it has ended and is waited for
	err  error         // of the wait, to be read after done
}

func (p *process) state() string {
	if p.err == nil {
		return p.name + ": exit status 0"
	}
	return p.name + ": " + p.err.Error()
}

// startProcess starts a command that writes to output. It gets SIGTERM when
// the test binary dies, however that comes.
func startProcess(c command, output *os.File) (*process, error) {
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = output, output
	if c.stdin != nil {
		cmd.Stdin = c.stdin
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// Of its own, or Apache would end the tests: asked to stop, it sends
		// SIGTERM to its process group.
		Setsid: true,
		// SIGKILL would leave the helpers of a server behind. The kernel
		// forgets this when a process changes its user, so one that would
		// give up root for good is started without it, by Credential.
		Pdeathsig: syscall.SIGTERM,
	}
	if c.as.uid != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(c.as.uid), Gid: uint32(c.as.gid)}
	}
	p := &process{name: filepath.Base(c.path), done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Pdeathsig follows the death of the thread that forked, not of the
		// process, so this thread stays until the wait is over.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

// stop ends the process by SIGTERM, after timeout by SIGKILL, and waits for it.
func (p *process) stop(timeout time.Duration) error {
	select {
	case <-p.done: // its pid may be another's by now
		return nil
	default:
	}
	_ = syscall.Kill(p.pid, syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(timeout):
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	<-p.done
	return fmt.Errorf("%s (pid %d) did not end within %v of SIGTERM and was killed", p.name, p.pid, timeout)
}

// endLeftovers gives what the servers left behind a moment to end by itself,
// then kills it and says what it was.
func endLeftovers(sessions []int, folders []string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		left := leftovers(sessions, folders)
		if len(left) == 0 {
			return nil
		}
		if time.Now().Before(deadline) {
			time.Sleep(pollInterval)
			continue
		}
		var errs []error
		for pid, command := range left {
			errs = append(errs, fmt.Errorf("process %d outlived the web server and was killed: %s", pid, command))
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return errors.Join(errs...)
	}
}

// leftovers finds the living processes, as pid and command line, that are in a
// session of the servers, or that have left it, as an app that was started on
// demand does, and work in one of the folders: by executable, working folder
// or command line. One with a terminal is somebody looking on.
func leftovers(sessions []int, folders []string) map[int]string {
	found := make(map[int]string)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		session, terminal, alive, ok := status(pid)
		if !ok || !alive {
			continue
		}
		about := traces(pid)
		inFolder := func(folder string) bool { return strings.Contains(about, folder) }
		if slices.Contains(sessions, session) || !terminal && slices.ContainsFunc(folders, inFolder) {
			found[pid] = about
		}
	}
	return found
}

// Processes returns the pids of the server's processes and of the programs they
// run, zombies included.
func (s *Server) Processes() (pids []int) {
	s.mu.Lock()
	all := slices.Concat(s.processes, s.spawned)
	s.mu.Unlock()
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		session, _, _, ok := status(pid)
		if ok && slices.ContainsFunc(all, func(p *process) bool { return p.pid == session }) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// status returns a process's session and whether it has a terminal and lives.
func status(pid int) (session int, terminal, alive, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false, false, false
	}
	// proc(5): pid (name) state ppid pgrp session tty_nr; the name may hold
	// spaces and brackets.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 5 {
		return 0, false, false, false
	}
	session, err = strconv.Atoi(fields[3])
	return session, fields[4] != "0", fields[0] != "Z" && fields[0] != "X", err == nil
}

// traces returns the command line, executable and working folder of a process.
func traces(pid int) string {
	proc := fmt.Sprintf("/proc/%d/", pid)
	cmdline, _ := os.ReadFile(proc + "cmdline")
	exe, _ := os.Readlink(proc + "exe")
	cwd, _ := os.Readlink(proc + "cwd")
	args := bytes.ReplaceAll(bytes.TrimRight(cmdline, "\x00"), []byte{0}, []byte{' '})
	return fmt.Sprintf("%s (executable %s, in %s)", args, exe, cwd)
}
