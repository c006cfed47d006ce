package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestFastCGIOpenFiles has a proxy.fcgi that runs out of descriptors, by
// connections that it accepts and by those to the app. It waits for others to
// become free, without spinning and without a line for each try; it goes on
// afterwards.
func TestFastCGIOpenFiles(t *testing.T) {
	t.Parallel()
	release := make(chan bool)
	app := newRestartingApp(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/limited/slow" {
			<-release
		}
		ok(w, r)
	})
	s, socket, pid := startLimited(t, app)
	ask := func(when string) {
		t.Helper()
		if body, err := get(s, "/x"); body != "GET /limited/x" || err != nil {
			t.Errorf("%s: got %q, %v; the log: %s", when, body, err, s.log())
		}
	}
	ask("at first")
	few := countFiles(t, pid)

	idle := fill(t, socket)
	awaitLog(t, s, "accept")
	before := cpuTime(t, pid)
	time.Sleep(time.Second) // in which it must not do much
	if used := cpuTime(t, pid) - before; used > 200*time.Millisecond {
		t.Errorf("it took %v of CPU time in a second in which it could not accept anything", used)
	}
	// One for each time that it had none: the pool may have given back one.
	if log := s.log(); strings.Count(log, "\n") > 3 || !strings.Contains(log, "too many open files") {
		t.Errorf("want a line in the log, it holds %q", log)
	}
	for _, conn := range idle {
		conn.Close()
	}
	// Some wait to be accepted yet, which is tried again each 50 ms.
	for looks, deadline := 0, time.Now().Add(patience); looks < 10; time.Sleep(20 * time.Millisecond) {
		if looks++; countFiles(t, pid) > few {
			looks = 0
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open after those connections, %d before", countFiles(t, pid), few)
		}
	}
	ask("with free descriptors again")

	crowd(t, s, release)
	ask("after a crowd")
	if err := syscall.Kill(pid, 0); err != nil || !alive(pid) {
		t.Errorf("the process has not survived: %v", err)
	}
}

// startLimited starts a proxy.fcgi that may have 16 descriptors, the first a
// listening unix socket, with nginx in front of it.
func startLimited(t *testing.T, app *restartingApp) (s site, socket string, pid int) {
	t.Helper()
	folder := limitFolder(t, binary, app.addr)
	program, logFile := filepath.Join(folder, "limited"), filepath.Join(folder, "log")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %s\ncd %s\nexec ./proxy.cgi 2>log\n", enoughOpenFiles, folder)
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(folder, "socket")
	l, err := net.Listen("unix", socket)
	if err == nil {
		err = os.Chmod(socket, 0o777) // nginx is another user
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	file, err := l.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	server := webserver.Run(t, webserver.NginxFastCGI, webserver.Options{
		Config: "location ^~ /limited/ { include /etc/nginx/fastcgi_params; fastcgi_pass unix:" + socket + "; }\n",
	})
	cmd := startProgram(t, program, file)
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v, want exit status 0", err)
		}
	})
	log := func() string {
		text, _ := os.ReadFile(logFile) // not there before the first line
		return string(text)
	}
	return site{server, "/limited", log}, socket, cmd.Process.Pid
}

// fill takes all descriptors by connections on which nothing comes.
func fill(t *testing.T, socket string) (idle []net.Conn) {
	t.Helper()
	for range 20 {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		idle = append(idle, conn)
	}
	return idle
}

// crowd has more clients than there are descriptors for, at once. Each gets
// its page, or one that says that there is a problem.
func crowd(t *testing.T, s site, release chan bool) {
	t.Helper()
	before, both := s.log(), s
	both.log = func() string { return strings.TrimPrefix(s.log(), before) + s.ErrorLog() } // new lines of either
	end := sync.OnceFunc(func() { close(release) })
	defer end()
	got := make(chan string, 30)
	for range cap(got) {
		go func() {
			body, err := get(s, "/slow")
			got <- fmt.Sprint(body, err)
		}()
	}
	awaitLog(t, both, "too many open files")
	end()
	pages := 0
	for range cap(got) {
		switch page := <-got; {
		case page == "GET /limited/slow<nil>":
			pages++
		case !strings.HasPrefix(page, "500 ") && !strings.HasPrefix(page, "502 "):
			t.Errorf("a client in a crowd got %q", page)
		}
	}
	t.Logf("%d of %d got their page", pages, cap(got))
	if pages == 0 {
		t.Error("nobody got a page")
	}
}

// countFiles returns how many descriptors a process has.
func countFiles(t *testing.T, pid int) int {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// cpuTime returns what a process has used so far.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// proc(5): user and system time are the 12th and 13th after the name, in
	// hundredths of a second.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var user, system int
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}
