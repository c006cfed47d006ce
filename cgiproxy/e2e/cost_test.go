package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"proxy.cgi/cgiproxy"
)

const costFile = "testdata/cost.txt" // has the limits, and says how to read them

// TestCost holds what one GET through a process of its own costs to the limits
// in costFile. It counts, and looks at no clock. What else the machine does
// mostly adds to a count, so of a few runs a low one is taken: the least, or
// where scheduling has a say the one that a quarter of the runs are below.
func TestCost(t *testing.T) {
	if platform := runtime.GOOS + "/" + runtime.GOARCH; platform != "linux/amd64" {
		t.Skipf("%s has the limits of linux/amd64, and this is %s", costFile, platform)
	}
	limits, s := readLimits(t), newCostSite(t)
	for _, c := range []struct {
		name       string // and what the names of its limits start with
		runs, rank int    // the run that counts, 0 for the least
		count      func(t *testing.T) (counts map[string]int, evidence string)
	}{
		{"handler", 10, 0, s.countAllocations},
		{"init", 10, 0, s.countInitialisation},
		{"binary", 1, 0, s.countSize},
		{"system-calls", 10, 0, s.countSystemCalls},
		{"page-faults", 21, 5, s.countPageFaults},
		{"threads", 21, 5, s.countThreads},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, last := map[string][]int{}, ""
			for range c.runs {
				counts, evidence := c.count(t)
				for name, n := range counts {
					all[name] = append(all[name], n)
				}
				last = evidence
			}
			for _, name := range slices.Sorted(maps.Keys(all)) {
				slices.Sort(all[name])
				checkLimit(t, name, all[name][c.rank], limits)
			}
			for name := range limits {
				if strings.HasPrefix(name, c.name) && all[name] == nil {
					t.Errorf("%s: is nothing any more. Take its line out of cgiproxy/e2e/%s, or it could come back unseen.", name, costFile)
				}
			}
			if t.Failed() {
				t.Logf("all runs: %v; the last one:\n%s", all, last)
			}
		})
	}
}

var limitLine = regexp.MustCompile(`(?m)^(\S+) +(\d+ +# .+)$`)

// readLimits returns the lines of costFile by name: "20 # the reason".
func readLimits(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(costFile)
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]string{}
	for _, line := range limitLine.FindAllStringSubmatch(string(text), -1) {
		limits[line[1]] = line[2]
	}
	return limits
}

func checkLimit(t *testing.T, name string, got int, limits map[string]string) {
	t.Helper()
	const price = "A CGI process lives for one request, so every request pays it. Only where it is worth that,"
	most := 0
	if _, err := fmt.Sscan(limits[name], &most); err != nil {
		t.Errorf("%s: %d is new. %s add a line to cgiproxy/e2e/%s, with the reason.", name, got, price, costFile)
	} else if got > most {
		t.Errorf("%s: %d is over the limit of %s). %s raise it in cgiproxy/e2e/%s, with the reason.", name, got, strings.Replace(limits[name], "# ", "(", 1), price, costFile)
	} else {
		t.Logf("%s: %d, limit %d", name, got, most)
	}
}

// costVariables are those of a browser's GET as Apache passes them on, but for
// REMOTE_PORT: with it the client's connection would be looked for in the
// runs, and only those, that take long on a busy machine. With one processor
// the Go runtime has less choice what to do when.
var costVariables = strings.Fields(`GOMAXPROCS=1
	PATH=/usr/local/bin:/usr/bin:/bin GATEWAY_INTERFACE=CGI/1.1 SERVER_SOFTWARE=Apache/2.4
	SERVER_PROTOCOL=HTTP/1.1 SERVER_NAME=www.example.org SERVER_ADDR=192.0.2.80 SERVER_PORT=443
	SERVER_ADMIN=webmaster@example.org SERVER_SIGNATURE= REQUEST_SCHEME=https HTTPS=on
	REMOTE_ADDR=198.51.100.7 DOCUMENT_ROOT=/home/me/public_html CONTEXT_PREFIX=
	CONTEXT_DOCUMENT_ROOT=/home/me/public_html
	SCRIPT_NAME=/proxy.cgi REDIRECT_STATUS=200 REDIRECT_URL=/page REQUEST_METHOD=GET
	REQUEST_URI=/page?a=b QUERY_STRING=a=b HTTP_HOST=www.example.org HTTP_CONNECTION=keep-alive
	HTTP_USER_AGENT=Mozilla/5.0(X11;Linux;rv:140.0)Gecko/20100101Firefox/140.0
	HTTP_ACCEPT=text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8
	HTTP_ACCEPT_LANGUAGE=en-US,en;q=0.5 HTTP_ACCEPT_ENCODING=gzip,deflate,br,zstd
	HTTP_COOKIE=session=0123456789abcdef0123456789abcdef HTTP_REFERER=https://www.example.org/`)

var costPage = strings.Repeat("0123456789abcdef", 4096/16)

// A costSite is a folder with proxy.cgi and the settings for an app that
// answers with costPage.
type costSite struct {
	folder, script string
	threads        chan int // of proxy.cgi while the app thinks, where a field asks for it
}

func newCostSite(t *testing.T) *costSite {
	t.Helper()
	folder := t.TempDir()
	s := &costSite{folder, filepath.Join(folder, "proxy.cgi"), make(chan int, 1)}
	app := newApp(t, func(conn net.Conn) {
		if r := readRequest(conn); r.header.Get("X-Count") == "threads" {
			s.threads <- threadsAtRest(t, folder)
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(costPage), costPage)
	})
	settings := "CGIPROXY_UPSTREAM=" + app + "\n"
	if err := os.WriteFile(filepath.Join(folder, ".htcgiproxy"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	copyProgram(t, binary, s.script)
	return s
}

// copyProgram leaves the copying to another process: a file that this one has
// written may not be executable yet (go.dev/issue/22315).
func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
}

// get runs a command for one GET, with more variables, and wants the app's
// response: that of an error page would be another cost.
func (s *costSite) get(t *testing.T, variables string, command ...string) (stderr string, used *syscall.Rusage) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience) // the machine may be starved
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = s.folder // RFC 3875, section 7.2
	cmd.Env = slices.Concat(costVariables, strings.Fields(variables), []string{"SCRIPT_FILENAME=" + command[len(command)-1]})
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	head, page, _ := strings.Cut(out.String(), "\r\n\r\n")
	if err != nil || !strings.HasPrefix(head, "Status: 200 OK\r\n") || page != costPage {
		t.Fatalf("%q: %v; it wrote %.300q, and to stderr %.2000q", command, err, out.String(), log.String())
	}
	return log.String(), cmd.ProcessState.SysUsage().(*syscall.Rusage)
}

// countVariable makes this test binary a CGI program that counts.
const countVariable = "PROXYCGI_COUNT_ALLOCATIONS"

// Before TestMain, which would build proxy.cgi.
func init() {
	if os.Getenv(countVariable) == "" {
		return
	}
	var before, after runtime.MemStats
	ended := make(chan int)
	runtime.GC() // twice, to empty each sync.Pool that variables of other tests
	runtime.GC() // have put something into
	runtime.ReadMemStats(&before)
	go func() { ended <- cgiproxy.ServeCGI(nil) }() // this goroutine is tied to the main thread
	status := <-ended
	runtime.ReadMemStats(&after)
	fmt.Fprint(os.Stderr, after.Mallocs-before.Mallocs, " ", after.TotalAlloc-before.TotalAlloc)
	os.Exit(status)
}

// countAllocations counts those of ServeCGI in a new process, as in CGI.
func (s *costSite) countAllocations(t *testing.T) (map[string]int, string) {
	script := filepath.Join(s.folder, "count.cgi")
	copyProgram(t, os.Args[0], script)
	stderr, _ := s.get(t, countVariable+"=1", script)
	var allocations, size int
	if _, err := fmt.Sscan(stderr, &allocations, &size); err != nil {
		t.Fatalf("%v in %q", err, stderr)
	}
	return map[string]int{"handler-allocations": allocations, "handler-bytes": size}, stderr
}

var initLine = regexp.MustCompile(`(?m)^init (\S+) @.*, (\d+) bytes, (\d+) allocs$`)

// countInitialisation counts by package, too, outside the standard library: as
// for the go command, that is where the path's first element has a dot.
func (s *costSite) countInitialisation(t *testing.T) (map[string]int, string) {
	stderr, _ := s.get(t, "GODEBUG=inittrace=1", s.script)
	counts := map[string]int{}
	for _, line := range initLine.FindAllStringSubmatch(stderr, -1) {
		size, _ := strconv.Atoi(line[2])
		allocations, _ := strconv.Atoi(line[3])
		counts["init-packages"]++
		counts["init-bytes"] += size
		counts["init-allocations"] += allocations
		if first, _, _ := strings.Cut(line[1], "/"); strings.Contains(first, ".") {
			counts["init-allocations:"+line[1]] = allocations
		}
	}
	return counts, stderr
}

func (s *costSite) countSize(t *testing.T) (map[string]int, string) {
	info, err := os.Stat(s.script)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]int{"binary-bytes": int(info.Size())}, ""
}

func (s *costSite) countPageFaults(t *testing.T) (map[string]int, string) {
	_, used := s.get(t, "", s.script)
	return map[string]int{"page-faults": int(used.Minflt)}, fmt.Sprintf("%+v", *used)
}
