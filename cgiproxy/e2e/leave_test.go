package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// leaveLimit is how soon the app's connection must be free and the process
// gone once the client has left.
const leaveLimit = 4 * time.Second // 0.5 s where nothing else runs

// otherPort is the client of a site whose Host names a port of its choice,
// which Apache believes (UseCanonicalName Off) and tells as SERVER_PORT.
const otherPort = "client of site.test:9"

// resets is a client whose connection is gone as soon as the app has been asked.
const resets = "client resets its connection"

// hostOf returns the Host that a client sends.
func hostOf(who string, s site) string {
	if host, ok := strings.CutPrefix(who, "client of "); ok {
		host, _, _ = strings.Cut(host, " ")
		return host
	}
	return s.Addr
}

// readOn reads what comes for the client of another port: to close with
// something unread resets the connection, and one that is gone at once is none
// that could be found. Nor is one that is gone before the search, which is due
// after 55 ms, and later on a busy machine.
func readOn(conn net.Conn, who string) {
	if strings.HasPrefix(who, otherPort) {
		go io.Copy(io.Discard, conn)
		time.Sleep(300 * time.Millisecond)
	}
}

// TestLeave has clients that leave at each stage, and web servers that end the
// script: the app's connection is closed, and no process stays behind. It does
// not run beside other tests, for its limit is in seconds.
func TestLeave(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	apps := []struct {
		name string
		say  func(conn net.Conn) // until the client leaves
	}{
		{"before the response", func(net.Conn) {}},
		{"after the header", func(conn net.Conn) { io.WriteString(conn, head) }},
		{"in a silent stream with a date", func(conn net.Conn) { // to get it past Rack::ETag
			io.WriteString(conn, strings.Replace(head, "\r\n\r\n", "\r\nLast-Modified: Sat, 28 Nov 2026 13:00:00 GMT\r\n\r\ndata: 1\n\n", 1))
		}},
		{"in a silent stream", func(conn net.Conn) { io.WriteString(conn, head+"data: 1\n\n") }},
		{"in a talking stream", func(conn net.Conn) {
			for _, err := io.WriteString(conn, head); err == nil; _, err = io.WriteString(conn, "data: 1\n\n") {
				time.Sleep(100 * time.Millisecond)
			}
		}},
	}
	for _, kind := range webserver.CGI {
		for _, app := range apps {
			hows := []string{"client leaves", otherPort + " leaves", "SIGTERM"}
			if app.name == "before the response" {
				hows = append(hows, resets)
			}
			for _, how := range hows {
				t.Run(fmt.Sprintf("%s/%s/%s", kind, app.name, how), func(t *testing.T) {
					testLeave(t, kind, app.say, how)
				})
			}
		}
	}
}

func testLeave(t *testing.T, kind webserver.Kind, say func(net.Conn), how string) {
	asked, freed := make(chan bool), make(chan bool)
	app := newRecorder(t, func(conn net.Conn, _ received) {
		close(asked)
		say(conn)
		io.Copy(io.Discard, conn) // returns when the other side closes
		close(freed)
	})
	s := newSite(t, kind, "CGIPROXY_UPSTREAM="+app.addr+"\n")
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s/events HTTP/1.1\r\nHost: %s\r\n\r\n", s.folder, hostOf(how, s))
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("the app was not asked")
	}
	if how == resets {
		conn.(*net.TCPConn).SetLinger(0)
	} else {
		readOn(conn, how)
		time.Sleep(100 * time.Millisecond) // the response is on its way
	}
	if how == "SIGTERM" {
		for _, pid := range scripts(t, s) {
			syscall.Kill(pid, syscall.SIGTERM)
		}
	} else {
		conn.Close()
	}
	left := time.Now()
	select {
	case <-freed:
	case <-time.After(patience):
		t.Error("the app's connection is still open")
	}
	for len(scripts(t, s)) > 0 && time.Since(left) < patience {
		time.Sleep(20 * time.Millisecond)
	}
	if pids := scripts(t, s); len(pids) > 0 {
		t.Errorf("processes left: %v", pids)
	}
	if took := time.Since(left); took > leaveLimit {
		t.Errorf("it took %v, want %v at most", took, leaveLimit)
	}
}

// scripts returns the processes of the site's proxy.cgi: a web server runs it
// in its own folder (RFC 3875, section 7.2). A zombie has no folder.
func scripts(t *testing.T, s site) (pids []int) {
	t.Helper()
	folder := filepath.Join(s.Root, s.folder)
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && cwd == folder {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			pids = append(pids, pid)
		}
	}
	return pids
}
