package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A limitCase is a place to run proxy.cgi in.
type limitCase struct {
	name     string
	place    string   // a shell script that makes the place and runs "$@" there; "" for any place
	mounts   bool     // in a mount namespace of its own
	chroot   bool     // the script changes the root
	user     bool     // as an ordinary user, since nothing is forbidden to root
	build386 bool     // the linux/386 build
	env      []string // further variables
	noLog    bool     // nobody gets what it writes to stderr
	skip     string   // why it is not tried on this machine

	dies       string             // Go's runtime gives up with these words: there is nothing to be done
	diesSilent bool               // the same, with nowhere to say so
	mayDie     string             // with these words, or all is as usual
	want       map[string]outcome // by names of limitRequests, what is not as usual
}

// An outcome is what a run comes to.
type outcome struct {
	status   string // of the response; "" for no response
	body     string // what the response's body has in it
	exit     int    // the exit status
	log      string // what stderr has in it; "" for nothing at all
	cut      bool   // the app saw that the request was not whole
	notAsked bool   // the app got no request
}

// A limitRequest is one of the requests made in each place.
type limitRequest struct {
	name, method, body string
	upstream           string // in place of the app's
	usual              outcome
}

var limitRequests = []limitRequest{
	{name: "GET", method: "GET", usual: outcome{status: "200 Fine", body: hashed("GET", "/x", ""), log: logged}},
	{name: "POST", method: "POST", body: megabyte[:300_000], usual: outcome{status: "200 Fine", body: hashed("POST", "/x", megabyte[:300_000]), log: logged}},
	{name: "refused", method: "GET", upstream: "127.0.0.1:1", usual: outcome{status: "502 Bad Gateway", body: "502 Bad Gateway", log: "connection refused: is the app running?"}},
}

// logged is a line that there is for each response: while the connection to the
// app is open, so that it could get there by mistake.
const logged = `dropped Location ["/y"] of a 200 answer`

// limitPatience is far more than any run takes.
const limitPatience = 4 * patience

func (c limitCase) run(t *testing.T) {
	c.need(t)
	program := binary
	if c.build386 {
		program = binary386(t)
	}
	for _, r := range limitRequests {
		t.Run(r.name, func(t *testing.T) {
			app := newLimitApp(t)
			got := c.start(t, limitFolder(t, program, cmp.Or(r.upstream, app.addr)), r)
			c.check(t, r, got)
			c.checkApp(t, r, got, app)
		})
	}
}

// need skips the test where the place cannot be made.
func (c limitCase) need(t *testing.T) {
	t.Helper()
	if c.skip != "" {
		t.Skip(c.skip)
	}
	if (c.user || c.chroot) && os.Getuid() != 0 {
		t.Skip("only root can become another user, or change the root folder")
	}
	if c.user {
		needPrograms(t, "prlimit")
	}
	if c.mounts {
		needPrograms(t, "unshare")
		if out, err := exec.Command("unshare", "--mount", "sh", "-c", "mount -t tmpfs none /proc").CombinedOutput(); err != nil {
			t.Skipf("only root with all its rights can mount: %v: %s", err, out)
		}
	}
}

// limitFolder returns a folder with a proxy.cgi for the app.
func limitFolder(t *testing.T, program, app string) string {
	t.Helper()
	folder := publicFolder(t)
	if err := os.Link(program, filepath.Join(folder, "proxy.cgi")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ".htcgiproxy"), []byte("CGIPROXY_UPSTREAM="+app+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

// binary386 returns proxy.cgi for linux/386. The test is skipped where the
// kernel does not run that.
func binary386(t *testing.T) string {
	t.Helper()
	program, err := build386()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "version").CombinedOutput(); err != nil {
		t.Skipf("no programs for linux/386 run here: %v: %s", err, out)
	}
	return program
}

var build386 = sync.OnceValues(func() (string, error) {
	program := filepath.Join(filepath.Dir(binary), "proxy386.cgi") // TestMain removes it
	cmd := exec.Command("make", "-s", "-C", "../..", "build", "OUT="+program)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=386")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("GOARCH=386 make build: %w\n%s", err, out)
	}
	return program, nil
})

// limitVariables are those of a web server. REMOTE_PORT and SERVER_ADDR make
// proxy.cgi look for its client in a request that takes a while.
var limitVariables = []string{
	"GATEWAY_INTERFACE=CGI/1.1", "SERVER_PROTOCOL=HTTP/1.1", "REQUEST_URI=/x", "SCRIPT_NAME=/proxy.cgi", "QUERY_STRING=",
	"HTTP_HOST=example.org", "SERVER_NAME=example.org", "SERVER_ADDR=127.0.0.1", "SERVER_PORT=80", "REMOTE_ADDR=127.0.0.1", "REMOTE_PORT=9",
}

// A limitRun is what came of one run.
type limitRun struct {
	exit           int
	stdout, stderr string
}

func (r limitRun) String() string {
	return fmt.Sprintf("exit status %d, stdout %.300q, stderr %.600q", r.exit, r.stdout, r.stderr)
}

// start runs proxy.cgi for one request.
func (c limitCase) start(t *testing.T, folder string, r limitRequest) limitRun {
	t.Helper()
	place := c.place
	if place == "" {
		place = `exec "$@"`
	}
	args := []string{"sh", "-c", "set -e\n" + place, "sh", "./proxy.cgi"}
	if c.mounts {
		args = append([]string{"unshare", "--mount"}, args...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limitPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = folder
	cmd.Env = append(append(limitVariables[:len(limitVariables):len(limitVariables)], "REQUEST_METHOD="+r.method), c.env...)
	if r.body != "" {
		cmd.Env = append(cmd.Env, fmt.Sprint("CONTENT_LENGTH=", len(r.body)))
	}
	if c.user {
		id := uint32(ordinaryUser())
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(r.body), &stdout, &stderr
	cmd.WaitDelay = patience // for descriptors that a lost child holds
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("it hangs: killed after %v: stdout %.300q, stderr %.600q", limitPatience, &stdout, &stderr)
	}
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return limitRun{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// ordinaryUser returns a user id that has no processes: a limit counts those of
// all tests that run at the same time. Containers have few above 65535.
func ordinaryUser() int { return 30000 + os.Getpid()%30000 }

// A limitApp is an app that also keeps what came after the request.
type limitApp struct {
	*recorder
	rest chan string
}

// firstLook is when proxy.cgi has looked for its client at least once.
const firstLook = 120 * time.Millisecond

func newLimitApp(t *testing.T) limitApp {
	t.Helper()
	a := limitApp{rest: make(chan string, 16)}
	a.recorder = newRecorder(t, func(conn net.Conn, r received) {
		if r.err == nil {
			method, target, _ := strings.Cut(strings.TrimSuffix(r.line, " HTTP/1.1"), " ")
			if method == "GET" {
				time.Sleep(firstLook) // that takes a descriptor
			}
			body := hashed(method, target, string(r.body))
			fmt.Fprintf(conn, "HTTP/1.1 200 Fine\r\nLocation: /y\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
		rest, _ := io.ReadAll(conn)
		a.rest <- string(rest)
	})
	return a
}
