package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestCheckCommand(t *testing.T) {
	folder := t.TempDir() // with nothing in it
	file := testkit.WriteFile(t, folder, "file", "")
	tests := []struct {
		name     string
		args     []string
		status   int
		out, err string
	}{
		{"a fault", []string{folder}, exitFailure, "fault    script: no proxy.cgi", ""},
		{"JSON", []string{folder, "--json"}, exitFailure, `{"check":"script","level":"fault",`, ""},
		{"no such folder", []string{filepath.Join(folder, "x")}, exitUsage, "", "no such file"},
		{"a file", []string{file}, exitUsage, "", "is no folder"},
		{"two folders", []string{folder, folder}, exitUsage, "", "one folder"},
		{"an unknown flag", []string{"--jso"}, exitUsage, "", "not defined"},
		{"help", []string{"--help"}, exitOK, "usage: proxy.cgi check", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, err bytes.Buffer
			if got := Main(append([]string{"check"}, tt.args...), "", strings.NewReader(""), &out, &err); got != tt.status {
				t.Errorf("exit status %d, want %d", got, tt.status)
			}
			if (out.Len() == 0) != (tt.out == "") || (err.Len() == 0) != (tt.err == "") {
				t.Errorf("got %q and %q", out.String(), err.String())
			}
			testkit.WantText(t, out.String(), tt.out)
			testkit.WantText(t, err.String(), tt.err)
			if tt.name == "JSON" && !json.Valid(out.Bytes()) {
				t.Errorf("no JSON: %s", out.String())
			}
		})
	}
}

// Output is plain in a pipe, and colored on a terminal unless NO_COLOR is there.
func TestCheckColors(t *testing.T) {
	findings := []check.Finding{{Check: "app", Level: check.Fault, Text: "a\x1b[1mb", Remedy: "c"}}
	const plain = "fault    app: a [1mb: c\n"
	var pipe bytes.Buffer
	printFindings(&pipe, findings)
	if pipe.String() != plain {
		t.Errorf("in a pipe: got %q, want %q", pipe.String(), plain)
	}
	for noColor, want := range map[string]string{"": "\x1b[31mfault  \x1b[0m  app: a [1mb: c\r\n", "1": "fault    app: a [1mb: c\r\n"} {
		t.Setenv("NO_COLOR", noColor)
		screen, tty := openTerminal(t)
		printFindings(tty, findings)
		b := make([]byte, 1024)
		n, err := screen.Read(b)
		if got := string(b[:n]); err != nil || got != want {
			t.Errorf("on a terminal, NO_COLOR=%q: got %q and %v, want %q", noColor, got, err, want)
		}
	}
}

// The app's log goes into a pipe as it is, and to a terminal without what that
// would obey.
func TestAppLogOnTerminal(t *testing.T) {
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=auto\nSTART=false\n")
	const log = "\x1b]0;title\aa\xc2\x9bb\xff\r\nsecond \u00fc\n"
	testkit.WriteFile(t, folder, "app.log", log)
	var pipe, failure bytes.Buffer
	args := []string{"app", "log", folder}
	if status := Main(args, "", nil, &pipe, &failure); status != exitOK || pipe.String() != log {
		t.Errorf("in a pipe: status %d, got %q, want %q; %s", status, pipe.String(), log, &failure)
	}
	screen, tty := openTerminal(t)
	if status := Main(args, "", nil, tty, &failure); status != exitOK {
		t.Fatalf("on a terminal: status %d; %s", status, &failure)
	}
	b := make([]byte, 1024)
	n, err := screen.Read(b)
	if got, want := string(b[:n]), " ]0;title a\\u009bb\\xff\r\nsecond \u00fc\r\n"; err != nil || got != want {
		t.Errorf("on a terminal: got %q and %v, want %q", got, err, want)
	}
}

// openTerminal returns both ends of a new terminal (pty(7)).
func openTerminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal here: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal here: %v", err)
	}
	t.Cleanup(func() { tty.Close() })
	return screen, tty
}
