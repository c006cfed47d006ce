//go:build linux

package ondemand

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Who listens is known also where the app has a session of its own and shows
// nothing of its environment: by the log, or by a socket that was not there.
func TestKnownListener(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		set    func(*site)
		output string
	}{
		{"a port", func(*site) {}, ""},
		{"a socket", socket, ""},
		{"a socket, the log closed", socket, " >/dev/null"},
		{"a socket in a folder with a blank", func(s *site) {
			s.Dir = filepath.Join(s.Dir, "my app")
			if err := os.Mkdir(s.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			socket(s)
		}, ""},
		{"a relative socket", relativeSocket, ""},
		{"a relative socket, the folder by a link", func(s *site) { linked(s); s.Auto = false; relativeSocket(s) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			tt.set(s)
			s.Command = s.secretive() + " -daemon" + tt.output
			pid := s.answered("/")
			if st, err := s.folder().read(); err != nil || strconv.Itoa(st.run.app) != pid {
				t.Errorf("the state has process %d, want %s, %v", st.run.app, pid, err)
			}
			s.stops(pid)
		})
	}
}

// relativeSocket has the app get the socket's name only, as many a START has it.
func relativeSocket(s *site) {
	socket(s)
	s.Env = []string{"SOCKET_NAME=app.sock"}
}

// secretive is the test app with an environment that tells nothing.
func (s *site) secretive() string {
	return `env -i PORT=$PORT SOCKET="${SOCKET_NAME-$SOCKET}" ` + testBinary(s.t) + " testapp"
}

// Of two sites that start at once, each with a socket of the same relative name and
// an app that hides its environment, neither takes the other's for its own.
func TestSocketsOfOneName(t *testing.T) {
	t.Parallel()
	first, second := newSite(t, ""), newSite(t, "")
	for _, s := range []*site{first, second} {
		relativeSocket(s)
		s.Command = s.secretive() + "; true" // the shell stays
	}
	first.Command = "touch begun; while test ! -e bind; do sleep 0.02; done; " + first.Command
	answered := make(chan error)
	go func() {
		_, err := first.get(t.Context(), "/")
		answered <- err
	}()
	eventually(t, "the first one's command has begun", func() bool { return first.exists("begun") })
	theirs := second.answered("/")
	first.write("bind", "")
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if again := second.answered("/"); again != theirs || len(second.starts()) != 1 {
		t.Errorf("after the first one's stop process %s answers for the second, before %s", again, theirs)
	}
}

// A server's first process is known, and not one of its workers, which may end. It
// leads a session of its own: that of the tests may be one outside a container,
// which none of an app's is.
func TestFirstOfListeners(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	shared, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	server := exec.Command("sh", "-c", "sleep 1000 & sleep 1000 & sleep 1000 & wait")
	server.ExtraFiles, server.SysProcAttr = []*os.File{shared}, &syscall.SysProcAttr{Setsid: true}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	leader := server.Process.Pid
	defer func() { _ = syscall.Kill(-leader, syscall.SIGKILL); _ = server.Wait() }()
	first, err := readProcess(leader)
	if err != nil {
		t.Fatal(err)
	}
	r := run{pid: first.session, start: first.start, network: "tcp", addresses: []string{l.Addr().String()}}
	eventually(t, "it and its workers listen", func() bool {
		processes := 0
		for _, l := range listeners(ownProcesses()) {
			if l.process.session == leader && l.at(r.network, r.addresses) {
				processes++
			}
		}
		return processes == 4
	})
	if r.meet("", false); r.app != leader {
		t.Errorf("process %d is taken for the first to listen at %v, which is %d; all: %v", r.app, l.Addr(), leader, listeners(ownProcesses()))
	}
}

// A server that somebody starts by hand on the app's port while that is coming up,
// and whose environment tells nothing, is not the app.
func TestStrangerWithoutEnvironment(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	s.Command = "touch begun; sleep 2; " + s.Command
	answered := make(chan error)
	go func() {
		_, err := s.get(t.Context(), "/")
		answered <- err
	}()
	eventually(t, "the command has begun", func() bool { return s.exists("begun") })
	_, port, _ := net.SplitHostPort(s.Addresses[0])
	byHand := exec.Command(testBinary(t), "testapp", "-port", port)
	byHand.Dir, byHand.Env, byHand.SysProcAttr = t.TempDir(), []string{"X=1"}, &syscall.SysProcAttr{Setsid: true}
	if err := byHand.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = byHand.Process.Kill(); _ = byHand.Wait() }()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if st, err := s.folder().read(); err != nil || st.run.app == byHand.Process.Pid {
		t.Errorf("process %d, started by hand, is taken for the app (%v)", byHand.Process.Pid, err)
	}
}
