// FastCGI programs that run on their own, as spawn-fcgi or a service manager
// starts them: descriptor 0 is a listening unix socket.

package webserver

import (
	"path/filepath"
	"strings"
	"testing"
)

// Spawn starts the program at a path below the document root, as
// "sub/proxy.fcgi", for NginxFastCGI and NginxFastCGIKeep. It runs until the
// test ends, which fails unless it then ends by itself, with exit status 0.
func (s *Server) Spawn(t testing.TB, script string) {
	t.Helper()
	socket, err := s.listenUnix(socketName("/" + filepath.ToSlash(filepath.Dir(script)) + "/"))
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
	t.Cleanup(func() {
		if err := p.stop(stopTimeout); err != nil {
			t.Error(err)
		} else if p.err != nil {
			t.Error(p.state())
		}
	})
}

// socketName returns the name of the socket for the program in a folder, as
// scriptsDeepestFirst returns it.
func socketName(folder string) string {
	folder = strings.Trim(strings.TrimSuffix(folder, "./"), "/")
	return "fastcgi-" + strings.ReplaceAll(folder, "/", "-")
}
