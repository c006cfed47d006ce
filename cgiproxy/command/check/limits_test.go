package check

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// foundElsewhere are the rows and checks that TestFindings has not: TestLimits
// has them.
func foundElsewhere() map[string]bool { return map[string]bool{"threads processes": true} }

// TestLimits checks in a process of its own that has few of all, but for
// address space: with too little of that it would not run.
func TestLimits(t *testing.T) {
	if os.Getenv("CHECK_FEW") == "" {
		cmd := exec.Command("bash", "-c", `ulimit -S -v 8192000 -u 20 -t 5 && ulimit -n 50 && exec "$0" "$@"`, os.Args[0], "-test.run=^TestLimits$", "-test.v")
		cmd.Env = append(os.Environ(), "CHECK_FEW=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	s := newTestSite(t)
	want := map[string]struct {
		level   Level
		trouble string
		text    string
	}{
		"memory":    {OK, "", "limited to 8000 MiB"},
		"processes": {Warning, "threads", "20 processes"},
		"files":     {Warning, "", "50 open files"},
		"cpu":       {Warning, "", "5 s of"},
	}
	for _, f := range s.check() {
		if w, ok := want[f.Check]; ok {
			if f.Level != w.level || f.Trouble != w.trouble || (f.Remedy == "") != (w.level == OK) || !strings.Contains(f.Text, w.text) {
				t.Errorf("got %+v, want %+v", f, w)
			}
			delete(want, f.Check)
		}
	}
	if len(want) > 0 {
		t.Errorf("nothing of %v", want)
	}
}

// A 386 program needs little.
func TestMemory386(t *testing.T) {
	s := newTestSite(t)
	program := []byte(smallProgram)
	program[18] = 3 // EM_386
	s.write("proxy.cgi", string(program), 0o755)
	s.rules("RewriteEngine On", "RLimitMEM 200000000\nRewriteEngine On")
	for _, f := range s.check() {
		if f.Check == "memory" && f.Level != OK {
			t.Errorf("got %+v", f)
		}
	}
}
