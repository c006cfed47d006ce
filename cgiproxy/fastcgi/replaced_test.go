package fastcgi

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// replaceable returns the program in a new file that is an hour old, and its
// log.
func replaceable(t *testing.T) (*program, *bytes.Buffer) {
	t.Helper()
	path := writeProgram(t, filepath.Join(t.TempDir(), "proxy.fcgi"), "echo proxy.cgi v1", -time.Hour)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	logged := new(bytes.Buffer)
	return &program{path: path, place: withoutLinks(path), file: info, report: reportTo(logged)}, logged
}

// writeProgram puts a shell script in the place of path, as an upload does.
func writeProgram(t *testing.T, path, script string, age time.Duration) string {
	t.Helper()
	next := testkit.WriteFile(t, filepath.Dir(path), "next", "#!/bin/sh\n[ \"$1\" = version ] || exit 9\n"+script+"\n")
	if err := os.Chmod(next, 0o700); err != nil {
		t.Fatal(err)
	}
	touch(t, next, age)
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// await waits for no request.
func await() {}

func TestReplaced(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, path string)
		want   bool
		log    string
	}{
		{"unchanged", func(*testing.T, string) {}, false, ""},
		{"gone", func(t *testing.T, path string) { os.Remove(path) }, false, ""},
		{"new one", func(t *testing.T, path string) { writeProgram(t, path, "echo proxy.cgi v1", -time.Minute) }, true, ""},
		{"older one", func(t *testing.T, path string) { writeProgram(t, path, "echo proxy.cgi v1", -2*time.Hour) }, true, ""},
		{"one from a clock that is ahead", func(t *testing.T, path string) { writeProgram(t, path, "echo proxy.cgi v1", time.Hour) }, true, ""},
		{"overwritten", func(t *testing.T, path string) {
			testkit.WriteFile(t, filepath.Dir(path), filepath.Base(path), "#!/bin/sh\necho proxy.cgi v1\n")
			touch(t, path, -time.Minute)
		}, true, ""},
		{"still being uploaded", func(t *testing.T, path string) { writeProgram(t, path, "echo proxy.cgi v1", 0) }, false, ""},
		{"one that fails", func(t *testing.T, path string) { writeProgram(t, path, "exit 1", -time.Minute) }, false, "does not run, so the old one goes on: exit status 1: is it built"},
		{"another program", func(t *testing.T, path string) { writeProgram(t, path, "echo Content-Type: text/html", -time.Minute) }, false, `writes "Content-Ty" and not "proxy.cgi "`},
		{"one that says nothing", func(t *testing.T, path string) { writeProgram(t, path, "exit 0", -time.Minute) }, false, `writes "" and not "proxy.cgi "`},
		{"one that is no program", func(t *testing.T, path string) {
			testkit.WriteFile(t, filepath.Dir(path), filepath.Base(path), "\x7fELF\r\n")
			touch(t, path, -time.Minute)
		}, false, "exec format error"},
		{"one that may not be run", func(t *testing.T, path string) {
			writeProgram(t, path, "echo proxy.cgi v1", -time.Minute)
			os.Chmod(path, 0o600)
		}, false, "permission denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, logged := replaceable(t)
			tt.change(t, p.path)
			acted := 0
			for range 3 {
				p.whenReplaced(await, func() { acted++ })
			}
			if want := map[bool]int{true: 1}[tt.want]; acted != want {
				t.Errorf("acted %d times, want %d", acted, want)
			}
			testkit.WantText(t, logged.String(), tt.log)
			if lines := bytes.Count(logged.Bytes(), []byte("\n")); tt.log == "" && lines != 0 || lines > 1 {
				t.Errorf("logged %q, want one line for each new file", logged)
			}
		})
	}
}

// After one that does not run, a good one takes over all the same.
func TestReplacedTwice(t *testing.T) {
	p, _ := replaceable(t)
	acted := false
	for _, script := range []string{"exit 1", "exit 0", "echo proxy.cgi v1"} {
		p.whenReplaced(await, func() { t.Error("a program that fails takes over") })
		writeProgram(t, p.path, script, -time.Minute)
	}
	p.whenReplaced(await, func() { acted = true })
	if !acted {
		t.Error("the last one runs, but does not take over")
	}
}

// A file that goes away while requests end, or is uploaded once more, does not take
// over.
func TestReplacedAgain(t *testing.T) {
	for name, change := range map[string]func(path string){
		"gone":                 func(path string) { os.Remove(path) },
		"still being uploaded": func(path string) { writeProgram(t, path, "echo proxy.cgi v2", 0) },
		"one that fails":       func(path string) { writeProgram(t, path, "exit 1", -time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := replaceable(t)
			writeProgram(t, p.path, "echo proxy.cgi v1", -time.Minute)
			p.whenReplaced(func() { change(p.path) }, func() { t.Error("it takes over") })
			writeProgram(t, p.path, "echo proxy.cgi v3", -time.Minute)
			acted := false
			p.whenReplaced(await, func() { acted = true })
			if !acted {
				t.Error("the last one runs, but does not take over")
			}
		})
	}
}

// One that did not run for a reason that has passed takes over in the end.
func TestReplacedLater(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script string
		mode   os.FileMode
		passes func(t *testing.T, p *program)
	}{
		{"permissions", "echo proxy.cgi v1", 0o600, func(t *testing.T, p *program) {
			if err := os.Chmod(p.path, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"a limit", `[ -e "$0.passed" ] && echo proxy.cgi v1`, 0o700, func(t *testing.T, p *program) {
			testkit.WriteFile(t, filepath.Dir(p.path), "proxy.fcgi.passed", "")
			p.tried = time.Now().Add(-retryTime)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, logged := replaceable(t)
			writeProgram(t, p.path, tt.script, -time.Minute)
			if err := os.Chmod(p.path, tt.mode); err != nil {
				t.Fatal(err)
			}
			p.whenReplaced(await, func() { t.Error("it takes over while it does not run") })
			testkit.WantText(t, logged.String(), "chmod 755")
			tt.passes(t, p)
			acted := false
			p.whenReplaced(await, func() { acted = true })
			if !acted {
				t.Error("it runs now, but does not take over")
			}
		})
	}
}

// A process that is told to end while it tries the new one, or cuts requests for it,
// does not become that, which would not know. (It would end this test with status 9.)
func TestTakeOverEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		cuts int // 1: it is told while it cuts
	}{
		{"while it tries", 0},
		{"while it cuts", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, logged := replaceable(t)
			end, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.cuts == 0 {
				cancel()
			}
			cuts := 0
			p.takeOver(end, func() { cuts++; cancel() })
			if cuts != tt.cuts || logged.Len() > 0 {
				t.Errorf("cut %d times, want %d; logged %q", cuts, tt.cuts, logged)
			}
		})
	}
}

func TestLookIsDue(t *testing.T) {
	p := &program{}
	if !p.checkDue() {
		t.Error("the first request does not look")
	}
	if p.checkDue() {
		t.Error("the next one looks again at once")
	}
	for name, before := range map[string]time.Duration{"a second later": -settleTime, "after the clock was set back": time.Hour} {
		p.checked.Store(time.Now().Add(before).UnixMilli())
		if !p.checkDue() {
			t.Errorf("nobody looks %s", name)
		}
	}
}
