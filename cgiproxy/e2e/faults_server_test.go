package e2e

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// testEndOfServer has the rows of faults in which something happens to the web
// server: one server for all their stages.
func testEndOfServer(t *testing.T, kind webserver.Kind, by *culprit) {
	rows := faultsOf(by)
	if !slices.ContainsFunc(rows, func(f fault) bool { return f.except[kind] == "" }) {
		t.Skip("it gets to none of the stages: " + rows[0].except[kind])
	}
	s, err := webserver.Start(kind, faultOptions(kind, len(rows)))
	webserver.Need(t, err)
	defer func() {
		// It says what has outlived the server. A second call does nothing.
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var all []*incident
	for i, f := range rows {
		if reason, ok := f.except[kind]; ok {
			t.Run(f.at.name, func(t *testing.T) { t.Skip(reason) })
			continue
		}
		x := f.begin(t, s, faultFolder(i))
		x.await(t)
		all = append(all, x)
	}
	time.Sleep(clientKnown) // that its connection ends is what Apache's stop waits for
	by.server(t, s, all)
	for _, x := range all {
		t.Run(x.at.name, x.check)
	}
}

// stopServer is what a service manager does first.
func stopServer(t *testing.T, s *webserver.Server, _ []*incident) {
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// killServer ends the server's own processes as the kernel does it for want of
// memory. Whoever started the others goes first, for it would start more.
func killServer(t *testing.T, s *webserver.Server, all []*incident) {
	for _, pid := range ownProcesses(t, s, all) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// busyServer has the app close in the middle of its response while the server
// does not look. Apache, when it then finds header, body and end at once, gives
// the response the length that it has: proxy.cgi must not be too quick to end.
func busyServer(t *testing.T, s *webserver.Server, all []*incident) {
	own := ownProcesses(t, s, all)
	for _, pid := range own {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	for _, x := range all {
		io.WriteString(x.stagedApp.conn, inBody.response)
		x.stagedApp.conn.Close()
	}
	ended := func(x *incident) bool { return len(running(t, s, x.folder+"/"+scriptName(s.Kind))) == 0 }
	for enough := time.Now().Add(400 * time.Millisecond); time.Now().Before(enough) && !slices.ContainsFunc(all, ended); {
		time.Sleep(10 * time.Millisecond)
	}
	for _, pid := range own {
		syscall.Kill(pid, syscall.SIGCONT)
	}
}

// ownProcesses returns the server's processes other than proxy.cgi, the main
// one first, and nginx before the fcgiwraps.
func ownProcesses(t *testing.T, s *webserver.Server, all []*incident) []int {
	t.Helper()
	own := []int{mainProcess(t, s)}
	var programs []int
	for _, x := range all {
		programs = append(programs, running(t, s, x.folder+"/"+scriptName(s.Kind))...)
	}
	for _, pid := range slices.Backward(s.Processes()) {
		if !slices.Contains(programs, pid) && pid != own[0] {
			own = append(own, pid)
		}
	}
	return own
}

// finishServer tells the server to answer what is under way, and has the app
// answer when it takes nothing new any more.
func finishServer(t *testing.T, s *webserver.Server, all []*incident) {
	signal := syscall.SIGWINCH
	switch s.Kind {
	case lighttpd, webserver.LighttpdFastCGI:
		signal = syscall.SIGINT
	case nginx:
		signal = syscall.SIGQUIT
	}
	if err := syscall.Kill(mainProcess(t, s), signal); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.Addr)
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("it still accepts connections")
		}
	}
	for _, x := range all {
		io.WriteString(x.stagedApp.conn, plainResponse)
	}
}

// mainProcess returns the process of the server that has started its others.
func mainProcess(t *testing.T, s *webserver.Server) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(s.Root), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
