package e2e

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// What README tells owners that a host must allow, in the units of ulimit. Each
// is more than what was found to be the least: for linux/386 47500, for
// linux/amd64 850000, 7 threads on a machine with many processors, 9
// descriptors, one of them for the moment of a look at the client.
const (
	enoughMemory386  = "60000"   // ulimit -v
	enoughMemory64   = "1400000" // about 1200000 there is a hole
	enoughProcesses  = "10"      // ulimit -u, which counts threads
	enoughOpenFiles  = "16"      // ulimit -n
	fewestOpenFiles  = "9"
	usualMemoryLimit = "200000" // ulimit -v of cPanel's fork bomb protection
)

// noMemory is what Go's runtime says before any code of ours runs.
const noMemory = "failed to reserve page summary memory"

// limitCases are the places that proxy.cgi may find itself in.
var limitCases = []limitCase{
	{name: "nothing but the CGI variables"},
	{
		name:  "no variable but REQUEST_METHOD",
		place: `exec env -i REQUEST_METHOD="$REQUEST_METHOD" "$@"`,
		want: map[string]outcome{
			"GET":  {status: "200 Fine", body: hashed("GET", "/", ""), log: logged},
			"POST": {status: "200 Fine", body: hashed("POST", "/", ""), log: logged}, // no length, no body
		},
	},
	{name: "no HOME and no temporary folder", env: []string{"HOME=/nonexistent", "TMPDIR=/nonexistent", "PATH="}},

	{name: "memory of 386: -v " + usualMemoryLimit, place: "ulimit -v " + usualMemoryLimit + `; exec "$@"`, build386: true},
	{name: "memory of 386: -v " + enoughMemory386, place: "ulimit -v " + enoughMemory386 + `; exec "$@"`, build386: true},
	{name: "memory: -v " + enoughMemory64, place: "ulimit -v " + enoughMemory64 + `; exec "$@"`},
	{name: "memory: -v " + usualMemoryLimit, place: "ulimit -v " + usualMemoryLimit + `; exec "$@"`, dies: noMemory, skip: on32Bit()},

	// A scheduler that has many processors starts more threads.
	{name: "processes: -u " + enoughProcesses, place: `exec prlimit --nproc=` + enoughProcesses + ` "$@"`, user: true, env: []string{"GOMAXPROCS=64"}},
	{name: "processes: -u 7", place: `exec prlimit --nproc=7 "$@"`, user: true, mayDie: noThread},
	{name: "processes: -u 4", place: `exec prlimit --nproc=4 "$@"`, user: true, mayDie: noThread},
	{name: "processes: -u 3", place: `exec prlimit --nproc=3 "$@"`, user: true, mayDie: noThread},
	{name: "processes: -u 1", place: `exec prlimit --nproc=1 "$@"`, user: true, dies: noThread},

	{name: "open files: -n " + enoughOpenFiles, place: "ulimit -n " + enoughOpenFiles + `; exec "$@"`},
	{name: "open files: -n " + fewestOpenFiles, place: "ulimit -n " + fewestOpenFiles + `; exec "$@"`},
	{name: "open files: -n 3", place: `ulimit -n 3; exec "$@"`, dies: noPoll},

	{name: "full disk: stderr", place: `exec "$@" 2>/dev/full`, noLog: true},
	{
		name:  "full disk: stdout",
		place: `exec "$@" >/dev/full`,
		want: map[string]outcome{
			"GET":     {exit: 1, log: "no space left on device"},
			"POST":    {exit: 1, log: "no space left on device"},
			"refused": {exit: 1, log: "is the app running?"},
		},
	},
	{name: "full disk: the folder", mounts: true, place: `
		mkdir -p full
		mount -t tmpfs -o size=32m none full
		cp proxy.cgi .htcgiproxy full
		cd full
		cat /dev/zero >fill 2>/dev/null || true
		if echo x 2>/dev/null >probe; then echo "the disk is not full" >&2; exit 99; fi
		exec "$@"`},
	{name: "read-only: folder and home", mounts: true, place: `
		mount --bind . .
		cd "$PWD" # into what has been mounted
		mount -o remount,bind,ro .
		if touch probe 2>/dev/null; then echo "the folder is not read-only" >&2; exit 99; fi
		HOME=$PWD TMPDIR=$PWD exec "$@"`},
	{name: "read-only: another user's folder", user: true, place: `
		if touch probe 2>/dev/null; then echo "the folder is not read-only" >&2; exit 99; fi
		HOME=$PWD exec "$@"`},

	{name: "no proc", mounts: true, place: `while umount -l /proc 2>/dev/null; do :; done; exec "$@"`},
	{name: "an empty proc", mounts: true, place: `mount -t tmpfs none /proc; exec "$@"`},
	{name: "no null device", mounts: true, place: `mount -t tmpfs none /dev; exec "$@"`},
	{name: "nothing but its folder", chroot: true, place: `exec chroot . "$@"`},
	{
		name: "no proc, another working folder", mounts: true,
		place: `while umount -l /proc 2>/dev/null; do :; done; program=$PWD/$1; cd /; exec "$program"`,
		want: map[string]outcome{
			"GET":     {status: "500 Internal Server Error", log: "CGIPROXY_UPSTREAM", notAsked: true},
			"POST":    {status: "500 Internal Server Error", log: "CGIPROXY_UPSTREAM", notAsked: true},
			"refused": {status: "500 Internal Server Error", log: "CGIPROXY_UPSTREAM"},
		},
	},
}

// noThread is what Go's runtime says when it cannot go on. It tells the remedy,
// too: "may need to increase max user processes (ulimit -u)".
const noThread = "failed to create new OS thread"

// noPoll is where Go's runtime gives up when it has no descriptors to wait for
// connections with.
const noPoll = "runtime.netpollinit("

// TestLimits runs proxy.cgi as a web server does, where something is scarce or
// missing: the client gets a whole response, or the owner a line in his log.
// Nothing hangs, and no stack trace gets to the client.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, table := range [][]limitCase{limitCases, closedCases} {
		for _, c := range table {
			t.Run(c.name, c.run)
		}
	}
}

// TestReadmeMemory: README has the words that an owner finds in his log.
func TestReadmeMemory(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), noMemory) {
		t.Errorf("README.md does not explain %q", noMemory)
	}
}

// on32Bit returns why an address space of some hundred megabytes is no problem.
func on32Bit() string {
	if strconv.IntSize == 32 {
		return "a program of 32 bits reserves less"
	}
	return ""
}
