// FastCGI programs that run on their own, as spawn-fcgi or a service manager
// starts them: descriptor 0 is a listening unix socket.

package webserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Program is a running FastCGI program.
type Program struct {
	PID     int
	process *process
}

// Spawn starts the program at a path below the document root, as
// "sub/proxy.fcgi", for NginxFastCGI and NginxFastCGIKeep. The test ends it,
// and fails where that is not possible.
func (s *Server) Spawn(t testing.TB, script string) *Program {
	t.Helper()
	name := socketName("/" + filepath.ToSlash(filepath.Dir(script)) + "/")
	_ = os.Remove(s.path(name)) // of an earlier one
	socket, err := s.listenUnix(name)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	log, err := s.openLog()
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p, err := startProcess(command{path: filepath.Join(s.Root, script), as: s.web, stdin: socket}, log)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.spawned = append(s.spawned, p)
	s.mu.Unlock()
	program := &Program{p.pid, p}
	t.Cleanup(func() {
		if err := p.stop(stopTimeout); err != nil {
			t.Error(err)
		}
	})
	return program
}

// Wait waits for the program's end, for no longer than limit. The error is nil
// where its exit status is 0.
func (p *Program) Wait(limit time.Duration) error {
	select {
	case <-p.process.done:
		return p.process.err
	case <-time.After(limit):
		return fmt.Errorf("it still runs after %v", limit)
	}
}

// socketName returns the name of the socket for the program in a folder, as
// scriptsDeepestFirst returns it.
func socketName(folder string) string {
	folder = strings.Trim(strings.TrimSuffix(folder, "./"), "/")
	return "fastcgi-" + strings.ReplaceAll(folder, "/", "-")
}
