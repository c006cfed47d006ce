package main

// The app that all requests end at: a process of its own, the same for all.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"time"
)

// appVariable makes this program the app.
const appVariable = "PROXYCGI_BENCH_APP"

// An app is the running app.
type app struct {
	addr string // host:port
	cmd  *exec.Cmd
	end  io.Closer // it ends when this is closed, and so when we die
}

func startApp() (*app, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = []string{appVariable + "=1"}
	cmd.Stderr = os.Stderr
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	a := &app{cmd: cmd, end: end}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		a.stop()
		return nil, fmt.Errorf("the app did not start: %w", err)
	}
	a.addr = strings.TrimSpace(line)
	return a, nil
}

func (a *app) stop() {
	a.end.Close()
	kill := time.AfterFunc(5*time.Second, func() { a.cmd.Process.Kill() })
	defer kill.Stop()
	_ = a.cmd.Wait() // how it ended does not matter any more
}

// serveApp is the app: it prints its address and serves until stdin ends.
func serveApp(stdin io.Reader, stdout io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: appHandler{}}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		srv.Close()
	}()
	if _, err := fmt.Fprintln(stdout, l.Addr()); err != nil {
		return err
	}
	if err := srv.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// appHandler answers by the last part of the path, so that each yardstick can
// have a folder of its own.
type appHandler struct{}

func (appHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(r.FormValue(name), 10, 64)
		return n
	}
	h := w.Header()
	switch path.Base(r.URL.Path) {
	case "page":
		time.Sleep(time.Duration(number("ms")) * time.Millisecond)
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("Etag", `"1"`)
		h.Add("Set-Cookie", "session=0123456789abcdef; Path=/; HttpOnly; SameSite=Lax")
		io.WriteString(w, page)
	case "echo":
		body, _ := io.ReadAll(r.Body)
		h.Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL.RequestURI(), r.Header.Get("X-Bench-0"), body)
	case "upload":
		text, err := digest(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, text)
	case "download":
		download(w, number("n"))
	case "fields":
		for i := range number("n") {
			h.Set(fmt.Sprintf("X-Bench-%d", i), fieldValue)
		}
		fmt.Fprint(w, countFields(r.Header))
	case "events":
		events(w, int(number("n")), time.Duration(number("ms"))*time.Millisecond)
	default:
		http.NotFound(w, r)
	}
}

// page is of the size of a small page or a JSON response, and ends so that a
// cut one does not look whole.
var page = strings.Repeat("<p>A page of some four thousand bytes.</p>\n", 96) + pageEnd

const (
	pageEnd    = "<!-- the end -->\n"
	fieldValue = "a value of some length, as those of browsers are"
)

func countFields(h http.Header) (n int) {
	for name := range h {
		if strings.HasPrefix(name, "X-Bench-") {
			n++
		}
	}
	return n
}

func download(w http.ResponseWriter, n int64) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	// Not io.Copy, which would use smaller pieces.
	buf := make([]byte, transferBuffer)
	for body := (&pattern{length: n}); ; {
		n, err := body.Read(buf)
		if err != nil {
			return
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return
		}
	}
}

// events sends n events, each with the time it was sent.
func events(w http.ResponseWriter, n int, pause time.Duration) {
	w.Header().Set("Content-Type", "text/event-stream")
	for range n {
		fmt.Fprintf(w, "data: %d\n\n", time.Now().UnixNano())
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		time.Sleep(pause)
	}
}
