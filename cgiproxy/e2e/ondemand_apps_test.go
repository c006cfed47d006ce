package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// The web servers that proxy.cgi starts apps under.
var onDemandKinds = []webserver.Kind{
	webserver.ApacheEvent, webserver.ApachePrefork, webserver.ApacheSuexec, webserver.ApacheFcgid,
	webserver.NginxFcgiwrap, webserver.LighttpdCGI,
}

// onDemandApp is an app whose answers tell its process. What it is sent by POST
// it gives back.
const onDemandApp = `import http.server, os, time

class Handler(http.server.BaseHTTPRequestHandler):
    def respond(self, body, type="text/plain"):
        self.send_response(200)
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path.endswith("/events"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            while True:
                self.wfile.write(b"data: 1\n\n")
                time.sleep(1)
        self.respond(b"process %d" % os.getpid())
    def do_POST(self):
        self.respond(self.rfile.read(int(self.headers["Content-Length"])))
    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer.request_queue_size = 64
print("a line of the app", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`

// startOnDemand starts onDemandApp; each start leaves a line.
const startOnDemand = "CGIPROXY_UPSTREAM=auto\nCGIPROXY_START='echo start >> starts; exec python3 app.py'\n"

// An appSite is a site whose app proxy.cgi starts.
type appSite struct {
	site
	dir string // START_DIR
}

// newAppSite makes a site and a folder for its app, outside the document root.
// When the test ends, the app is stopped, and nothing may be left of it.
func newAppSite(t *testing.T, kind webserver.Kind, settings string) appSite {
	t.Helper()
	needPrograms(t, "python3")
	s := newSite(t, kind, "")
	a := appSite{s, appFolder(t, s.Server)}
	a.WriteFile(t, a.folder[1:]+"/.htcgiproxy", settings+"CGIPROXY_START_DIR="+a.dir+"\n", 0o600)
	a.put(t, "app.py", onDemandApp)
	a.stopAfter(t)
	return a
}

// appFolder returns a folder that belongs to whom scripts run as.
func appFolder(t *testing.T, s *webserver.Server) string {
	t.Helper()
	folder := publicFolder(t)
	if err := os.Chown(folder, s.UID, s.GID); err != nil {
		t.Fatal(err)
	}
	return folder
}

// put writes a file of the app, as an FTP program would: under another name,
// and then renamed.
func (a appSite) put(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(
		os.Chown(filepath.Dir(path), a.UID, a.GID),
		os.WriteFile(path+".new", []byte(content), 0o644),
		os.Chown(path+".new", a.UID, a.GID),
		os.Rename(path+".new", path))
	if err != nil {
		t.Fatal(err)
	}
}

func (a appSite) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(a.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// starts returns how often the command ran.
func (a appSite) starts(t *testing.T) int {
	t.Helper()
	return strings.Count(a.read(t, "starts"), "start\n")
}

// command runs "proxy.cgi app VERB" for the site, as its user.
func (a appSite) command(t *testing.T, verb string) (output string, code int) {
	t.Helper()
	folder := filepath.Join(a.Root, a.folder)
	cmd := exec.Command(filepath.Join(folder, scriptName(a.Kind)), "app", verb, folder)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}}
	}
	out, err := cmd.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

var statusLine = regexp.MustCompile(`(?m)^(\w+) +(\S+)`)

// status returns the app's process and address, and fails the test if it does
// not run.
func (a appSite) status(t *testing.T) (pid int, address string) {
	t.Helper()
	out, code := a.command(t, "status")
	for _, line := range statusLine.FindAllStringSubmatch(out, -1) {
		switch line[1] {
		case "process":
			pid, _ = strconv.Atoi(strings.TrimSuffix(line[2], ","))
		case "address":
			address = line[2]
		}
	}
	if code != 0 || pid == 0 || address == "" {
		t.Fatalf("app status: exit status %d\n%s\nthe app's log: %s", code, out, a.read(t, "app.log"))
	}
	return pid, address
}

func (a appSite) stopAfter(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if out, code := a.command(t, "stop"); code != 0 {
			t.Errorf("app stop: exit status %d\n%s", code, out)
		}
		checkNothingRuns(t, a.dir)
		if t.Failed() {
			t.Logf("%s: the app's log ends\n%.2000s", a.Kind, a.read(t, "app.log"))
		}
	})
}

// checkNothingRuns waits for the processes in a folder to end: one that sees to
// the end of an old app lasts a moment longer than that.
func checkNothingRuns(t *testing.T, dir string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		left = left[:0]
		links, _ := filepath.Glob("/proc/[0-9]*/cwd")
		for _, link := range links {
			if cwd, err := os.Readlink(link); err == nil && (cwd == dir || strings.HasPrefix(cwd, dir+"/")) {
				command, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
				if strings.HasSuffix(string(command), "/proxy.fcgi\x00") {
					continue // it runs in its own folder, and the web server ends it
				}
				left = append(left, fmt.Sprintf("%s: %q", filepath.Dir(link), command))
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("left running: %v", left)
			return
		}
	}
}

// send sends a request with pairs of field names and values.
func (a appSite) send(method, target, body string, fields ...string) (*http.Response, string, error) {
	req, err := http.NewRequest(method, a.URL+a.folder+target, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	client := http.Client{Timeout: 3 * patience}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return resp, string(content), err
}

// get returns a page of the app, or an error where it is not one.
func (a appSite) get(target string) (string, error) {
	resp, page, err := a.send("GET", target, "")
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300q", resp.Status, page)
	}
	return page, err
}

// mustGet demands a page of the app.
func (a appSite) mustGet(t *testing.T) string {
	t.Helper()
	page, err := a.get("/")
	if err != nil {
		t.Fatalf("%v\nthe error log ends\n%.2000s", err, a.log())
	}
	return page
}

// listen opens an event stream, and returns it after the first event.
func (a appSite) listen(t *testing.T) io.Closer {
	t.Helper()
	resp, err := http.Get(a.URL + a.folder + "/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	event := make([]byte, 7)
	if _, err := io.ReadFull(resp.Body, event); string(event) != "data: 1" {
		t.Fatalf("%s %q %v, want an event", resp.Status, event, err)
	}
	return resp.Body
}
