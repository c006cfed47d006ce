package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestFastCGISignals: a process that is told to end answers what is under way, and
// what comes meanwhile, for lighttpd starts no other one before its end. Then it says
// that all is well.
func TestFastCGISignals(t *testing.T) {
	for _, kind := range webserver.FastCGI {
		for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGUSR1": syscall.SIGUSR1} {
			t.Run(fmt.Sprintf("%s/%s", kind, name), func(t *testing.T) {
				t.Parallel()
				testFastCGISignal(t, kind, signal)
			})
		}
	}
}

func testFastCGISignal(t *testing.T, kind webserver.Kind, signal syscall.Signal) {
	asked, goOn := make(chan bool, 1), make(chan bool)
	app := newRestartingApp(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/slow") {
			asked <- true
			<-goOn
		}
		ok(w, r)
	})
	s := newSite(t, kind, app.settings())
	if _, err := get(s, "/"); err != nil { // whose connection nginx may keep
		t.Fatal(err)
	}
	pid := program(t, s)
	slow := make(chan error, 1)
	go func() {
		_, err := get(s, "/slow")
		slow <- err
	}()
	<-asked
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if syscall.Kill(pid, 0) != nil {
		t.Error("it has ended before the request under way")
	}
	if kind != fcgid { // which starts another one for it
		if _, err := get(s, "/"); err != nil {
			t.Errorf("a request meanwhile: %v", err)
		}
	}
	close(goOn)
	if err := <-slow; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	for deadline := time.Now().Add(patience); syscall.Kill(pid, 0) == nil && alive(pid); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it has not ended")
		}
	}
	if kind == webserver.NginxFastCGI || kind == webserver.NginxFastCGIKeep {
		return // nobody starts another one; newSite checks the exit status
	}
	// lighttpd looks for programs that have ended once a second.
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		_, err := get(s, "/")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no other process was started: %v", err)
		}
	}
	if again := program(t, s); again == pid {
		t.Error("the process has not ended")
	}
}

// alive reports whether a process is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestFastCGIReplaced puts another proxy.fcgi in the place of a running one,
// under load: one that runs takes over, one that does not is only a log line,
// and no request fails.
func TestFastCGIReplaced(t *testing.T) {
	good := anotherProgram(t)
	broken := publicFolder(t) + "/broken"
	program, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(broken, append(program[:2000:2000], "\r\n"...), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range webserver.FastCGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			app := newRestartingApp(t, ok)
			s := newSite(t, kind, app.settings())
			stop := visitAllTheTime(t, s)
			defer stop()
			before := awaitProgram(t, s, binary)
			s.Install(t, s.folder[1:]+"/proxy.fcgi", broken)
			if kind != fcgid { // which starts the broken one, and answers 500
				awaitLog(t, s, "the new "+s.Root+s.folder+"/proxy.fcgi does not run, so the old one goes on")
			}
			s.Install(t, s.folder[1:]+"/proxy.fcgi", good)
			after := awaitProgram(t, s, good)
			if kind != fcgid && before != after {
				t.Errorf("process %d took over from %d, want the same", after, before)
			}
		})
	}
}

// TestFastCGIReplacedByNone: the new file goes away between the last look at it and
// the moment when it should take over, and nobody else would start a program.
func TestFastCGIReplacedByNone(t *testing.T) {
	t.Parallel()
	script := publicFolder(t) + "/script"
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho proxy.cgi v2\nmkdir $0.once || rm $0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, webserver.NginxFastCGI, newRestartingApp(t, ok).settings())
	before := awaitProgram(t, s, binary)
	s.Install(t, s.folder[1:]+"/proxy.fcgi", script)
	stop := visitAllTheTime(t, s)
	awaitLog(t, s, "the old one goes on")
	stop()
	if after := awaitProgram(t, s, binary); after != before {
		t.Errorf("process %d goes on for %d, want the same", after, before)
	}
}

// visitAllTheTime has four clients that ask for pages until the returned
// function is called, and fails the test for a request that fails.
func visitAllTheTime(t *testing.T, s site) (stop func()) {
	var (
		clients sync.WaitGroup
		done    = make(chan bool)
		pages   atomic.Int64
	)
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := get(s, "/page"); err != nil && s.Kind != fcgid {
					t.Errorf("after %d pages: %v", pages.Load(), err)
					return
				}
				pages.Add(1)
			}
		})
	}
	return func() {
		close(done)
		clients.Wait()
		t.Logf("%d pages", pages.Load())
	}
}

// awaitProgram waits until the site's proxy.fcgi runs from a copy of the file,
// and returns its process.
func awaitProgram(t *testing.T, s site, file string) int {
	t.Helper()
	want, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, pid := range running(t, s.Server, s.folder+"/proxy.fcgi") {
			info, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
			arguments, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			tried := strings.HasSuffix(string(arguments), "\x00version\x00") // before it takes over
			if err == nil && info.Size() == want.Size() && !tried {
				return pid
			}
		}
	}
	t.Fatalf("no process runs %s; processes %v", file, running(t, s.Server, s.folder+"/proxy.fcgi"))
	panic("unreachable")
}

// TestFastCGIInherited: a listening TCP socket is as good as a unix one, and
// what is no listening socket is no FastCGI.
func TestFastCGIInherited(t *testing.T) {
	app := newRestartingApp(t, ok)
	cmd, addr := programOnTCP(t, app.settings())
	s := webserver.Run(t, webserver.NginxFastCGI, webserver.Options{
		Config: "location = /tcp { include /etc/nginx/fastcgi_params; fastcgi_pass " + addr + "; }\n",
	})
	if body, err := get(site{Server: s}, "/tcp"); body != "GET /tcp" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
}

// programOnTCP starts proxy.fcgi with these settings on a TCP socket, and returns its
// address.
func programOnTCP(t *testing.T, settings string) (cmd *exec.Cmd, addr string) {
	t.Helper()
	folder := publicFolder(t)
	if err := os.Link(binary, folder+"/proxy.fcgi"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder+"/.htcgiproxy", []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	l := listenTCP(t)
	t.Cleanup(func() { l.Close() })
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return startProgram(t, folder+"/proxy.fcgi", socket), l.Addr().String()
}

// startProgram starts a FastCGI program as spawn-fcgi does. The test waits for
// its end.
func startProgram(t *testing.T, path string, socket *os.File) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(path)
	cmd.Stdin, cmd.Stderr = socket, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}
