package cgiproxy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
)

// logFileOf returns the logger of a request to a site with a LOG_FILE.
func logFileOf(file string, errorLog *bytes.Buffer) *Logger {
	cfg := &settings.Config{LogFile: file}
	log := logTo(errorLog)
	log.W = &logFile{errorLog: *log, cfg: cfg}
	return log
}

func TestLogFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "proxy.log")
	var errorLog bytes.Buffer
	logFileOf(file, &errorLog).Warnf("x")
	const line = "proxy.cgi: warn: [test] x\n"
	wantDated(t, readFile(t, file), line)
	if errorLog.String() != line {
		t.Errorf("the error log has %q, want %q", errorLog.String(), line)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("got mode %v, error %v, want 600", info.Mode(), err)
	}
}

// What is wrong with the file is said once, and the lines are in the error log
// all the same.
func TestLogFileUnusable(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(file string) error
		want string
	}{
		{"a folder", func(file string) error { return os.Mkdir(file, 0o700) }, "is a directory"},
		{"a pipe that nobody reads", func(file string) error { return unix.Mkfifo(file, 0o600) }, "no such device"},
		{"no folder", func(file string) error { return os.Remove(filepath.Dir(file)) }, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "proxy.log")
			if err := tt.make(file); err != nil {
				t.Fatal(err)
			}
			var errorLog bytes.Buffer
			log := logFileOf(file, &errorLog)
			log.Warnf("one")
			log.Warnf("two")
			lines := strings.SplitAfter(errorLog.String(), "\n")
			if len(lines) != 4 || lines[1] != "proxy.cgi: warn: [test] one\n" || lines[2] != "proxy.cgi: warn: [test] two\n" {
				t.Fatalf("the error log has %q", lines)
			}
			testkit.WantText(t, lines[0], "proxy.cgi: error: [test] CGIPROXY_LOG_FILE: ", filepath.Dir(file), tt.want)
		})
	}
}

// A full file is renamed in place of the one before, or emptied where nothing
// can be renamed.
func TestLogFileFull(t *testing.T) {
	full := strings.Repeat("x", maxLogFile-10) + "\n"
	for _, tt := range []struct {
		name   string
		make   func(older string) error
		before string // in the older file afterwards
	}{
		{"the first time", func(string) error { return nil }, full},
		{"again", func(older string) error { return os.WriteFile(older, []byte("old\n"), 0o600) }, full},
		{"nothing can be renamed", func(older string) error { return os.MkdirAll(older+"/x", 0o700) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := testkit.WriteFile(t, t.TempDir(), "proxy.log", full)
			older := file + ".1"
			if err := tt.make(older); err != nil {
				t.Fatal(err)
			}
			var errorLog bytes.Buffer
			logFileOf(file, &errorLog).Warnf("new")
			wantDated(t, readFile(t, file), "proxy.cgi: warn: [test] new\n")
			if tt.before != "" && readFile(t, older) != tt.before {
				t.Errorf("%s is not the file that was full", older)
			}
			if strings.Contains(errorLog.String(), "LOG_FILE") {
				t.Errorf("the error log has %q", errorLog.String())
			}
		})
	}
}

// Another process has found the file full, too: it has its lock, or has renamed
// or emptied it already. What is there by now stays.
func TestLogFileFullElsewhere(t *testing.T) {
	lock := func(file string) error {
		f, err := os.Open(file)
		if err == nil {
			t.Cleanup(func() { f.Close() })
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
		return err
	}
	for _, tt := range []struct {
		name, before string
		do           func(file string) error
		want         string
	}{
		{"locked", "full", lock, "full"},
		{"locked for ever", strings.Repeat("x", 2*maxLogFile), lock, ""},
		{"renamed", "full", func(file string) error { return os.Rename(file, file+".1") }, ""},
		{"renamed, and there is a new one", "full", func(file string) error {
			return errors.Join(os.Rename(file, file+".1"), os.WriteFile(file, []byte("a new one"), 0o600))
		}, "a new one"},
		{"emptied", "full", func(file string) error { return os.WriteFile(file, []byte("new"), 0o600) }, "new"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := testkit.WriteFile(t, t.TempDir(), "proxy.log", tt.before)
			f, full, err := openLogFile(&settings.Config{LogFile: file})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := tt.do(file); err != nil {
				t.Fatal(err)
			}
			makeRoom(f, full)
			if text, err := os.ReadFile(file); string(text) != tt.want {
				t.Errorf("the file has %.20q, %d bytes, error %v, want %q", text, len(text), err, tt.want)
			}
		})
	}
}

// Many write at once, and find the file full: none of their lines is lost, and
// none is in the middle of another.
func TestLogFileTogether(t *testing.T) {
	file := testkit.WriteFile(t, t.TempDir(), "proxy.log", strings.Repeat("x", maxLogFile-1000)+"\n")
	const writers, lines = 20, 50
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			var errorLog bytes.Buffer
			log := logFileOf(file, &errorLog)
			for j := range lines {
				log.Warnf("line %d of %d.", j, i)
			}
			if strings.Contains(errorLog.String(), "LOG_FILE") {
				t.Errorf("writer %d: the error log has %q", i, errorLog.String())
			}
		})
	}
	all.Wait()
	checkLogLines(t, readFile(t, file+".1")+readFile(t, file), writers, lines)
}

func checkLogLines(t *testing.T, text string, writers, lines int) {
	t.Helper()
	for i := range writers {
		for j := range lines {
			if n := strings.Count(text, fmt.Sprintf("] proxy.cgi: warn: [test] line %d of %d.\n", j, i)); n != 1 {
				t.Fatalf("line %d of writer %d is there %d times", j, i, n)
			}
		}
	}
	if got := strings.Count(text, "\n"); got != writers*lines+1 {
		t.Errorf("%d lines, want %d", got, writers*lines+1)
	}
}
