package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

var systemCall = regexp.MustCompile(`(?m)^\d+ +(\w+)\(`)

// notCounted are system calls that depend on how threads are scheduled and on
// where the heap grows; and poll, which a request makes that takes long.
var notCounted = strings.Fields(`futex nanosleep clock_nanosleep sched_yield epoll_pwait
	clone clone3 gettid sigaltstack rt_sigprocmask mmap munmap madvise prctl
	tgkill getpid rt_sigreturn restart_syscall poll`)

// countSystemCalls counts from where package os is initialised: what the
// runtime asks before that depends on the machine's control groups.
func (s *costSite) countSystemCalls(t *testing.T) (map[string]int, string) {
	needPrograms(t, "strace")
	file := filepath.Join(s.folder, "trace")
	if out, err := exec.Command("strace", "-f", "-o", file, "true").CombinedOutput(); err != nil {
		webserver.Need(t, fmt.Errorf("%w: strace may not trace: %w: %s", webserver.ErrUnavailable, err, out))
	}
	counts, all := map[string]int{}, ""
	for name, env := range map[string]string{
		"system-calls":               "",
		"system-calls:START":         "CGIPROXY_START=true CGIPROXY_REQUIRE_OWNER=false",
		"system-calls:REQUIRE_OWNER": "CGIPROXY_REQUIRE_OWNER=true",
	} {
		s.get(t, env, "strace", "-f", "-o", file, s.script)
		n, trace := countCalls(t, file)
		counts[name], all = n, all+trace
	}
	counts["system-calls:/proc/net"] = strings.Count(all, `"/proc/net/`)
	return counts, all
}

func countCalls(t *testing.T, file string) (int, string) {
	t.Helper()
	trace, err := os.ReadFile(file)
	_, request, _ := strings.Cut(string(trace), `"/proc/self/exe"`)
	calls := systemCall.FindAllStringSubmatch(request, -1)
	if err != nil || len(calls) == 0 {
		t.Fatalf("%v; no system call after the one for /proc/self/exe:\n%s", err, trace)
	}
	n := 0
	for _, call := range calls {
		if !slices.Contains(notCounted, call[1]) {
			n++
		}
	}
	return n, request
}

// countThreads has two processors: with more the runtime starts more threads.
func (s *costSite) countThreads(t *testing.T) (map[string]int, string) {
	s.get(t, "GOMAXPROCS=2 HTTP_X_COUNT=threads", s.script)
	n := <-s.threads
	if n == 0 {
		t.Fatal("proxy.cgi does not come to rest while the app thinks: it must wait, not look again and again")
	}
	return map[string]int{"threads": n}, ""
}

// threadsAtRest counts the threads of the folder's process when all sleep, or 0.
func threadsAtRest(t *testing.T, folder string) int {
	for deadline := time.Now().Add(3 * patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		threads, asleep := 0, 0
		for _, pid := range scripts(t, site{Server: &webserver.Server{Root: folder}}) {
			stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			threads += len(stats)
			for _, file := range stats {
				if text, _ := os.ReadFile(file); bytes.Contains(text, []byte(") S ")) { // proc(5)
					asleep++
				}
			}
		}
		if asleep == threads && threads > 0 {
			return threads
		}
	}
	return 0
}
