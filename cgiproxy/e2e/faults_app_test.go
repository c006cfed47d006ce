package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A stagedApp does the app's part of a stage, and then nothing.
type stagedApp struct {
	addr    string
	reached chan bool    // closed when it has done its part; nil for an app that has none
	saw     chan string  // its view of each request, once the connection has ended; nil for none
	open    atomic.Int64 // connections
	conn    net.Conn     // the one that has reached the stage
	hold    chan bool    // stops the reading of an upload until it is closed; nil for never
	kill    func() error // ends its process; nil for an app in this one
}

// view returns the app's view of the request: "whole", or "cut".
func (a *stagedApp) view() string {
	if a.saw == nil {
		return ""
	}
	if a.hold != nil {
		close(a.hold)
	}
	select {
	case view := <-a.saw:
		return view
	case <-time.After(2 * patience):
		return "with its connection open"
	}
}

func newStagedApp(t *testing.T, s *stage) *stagedApp { return startStagedApp(t, s, nil) }

// newHoldingApp reads the first piece of an upload.
func newHoldingApp(t *testing.T, s *stage) *stagedApp { return startStagedApp(t, s, make(chan bool)) }

func startStagedApp(t *testing.T, s *stage, hold chan bool) *stagedApp {
	t.Helper()
	a := &stagedApp{reached: make(chan bool), saw: make(chan string, 4), hold: hold}
	var first sync.Once
	a.addr = newApp(t, func(conn net.Conn) {
		a.open.Add(1)
		defer a.open.Add(-1)
		conn.SetDeadline(time.Now().Add(9 * patience)) // view waits for less
		request := playStage(conn, hold, s.response, func() {
			first.Do(func() { a.conn = conn; close(a.reached) })
		})
		io.Copy(io.Discard, conn) // returns when the other side closes
		if request.err != nil {
			a.saw <- "cut"
		} else {
			a.saw <- "whole"
		}
	})
	return a
}

// playStage reads a request and answers. It calls reached when it has seen a
// part of an upload, or has said its response, a large one in part.
func playStage(conn net.Conn, hold <-chan bool, response string, reached func()) received {
	request := readRequest(&uploadWatch{Conn: conn, begun: func() {
		reached()
		if hold != nil {
			<-hold
		}
	}})
	response = enlarge(response)
	first := min(len(response), 1<<10)
	io.WriteString(conn, response[:first])
	reached()
	io.WriteString(conn, response[first:])
	return request
}

// An uploadWatch calls begun when it has read the first piece of an upload.
type uploadWatch struct {
	net.Conn
	begun func()
	read  []byte // up to that
}

func (w *uploadWatch) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if w.begun != nil {
		w.read = append(w.read, p[:n]...)
		if bytes.Contains(w.read, []byte(uploadMark)) {
			w.begun()
			w.begun = nil
		}
	}
	return n, err
}

// killableVariable is set for the process of an app that is killed. Its value
// is what it answers.
const killableVariable = "PROXYCGI_TEST_KILLABLE_APP"

// The test binary is that app, too: before TestMain, which would build
// proxy.cgi once more. The listening socket is descriptor 3.
func init() {
	response, ok := os.LookupEnv(killableVariable)
	if !ok {
		return
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) // ends with the tests
		os.Exit(0)
	}()
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		panic(err)
	}
	conn, err := l.Accept()
	if err != nil {
		panic(err)
	}
	playStage(conn, nil, response, func() { fmt.Println("reached") })
	select {}
}

// newKillableApp starts an app in a process of its own.
func newKillableApp(t *testing.T, s *stage) *stagedApp {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killableVariable+"="+s.response)
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Stderr = os.Stderr
	_, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	a := &stagedApp{addr: l.Addr().String(), reached: make(chan bool), kill: cmd.Process.Kill}
	go func() {
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err == nil {
			close(a.reached)
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // it was killed
	})
	return a
}
