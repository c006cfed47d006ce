package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/scripts/deploy/remote"
)

// TestTail shows the last lines: more of them where somebody asks for the log.
func TestTail(t *testing.T) {
	name := filepath.Join(t.TempDir(), "app.log")
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "%d %s\n", i, strings.Repeat("x", 200))
	}
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := remote.ParseTarget(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	host, err := target.Open("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	d := &deploy{options: &options{target: target}, out: &out, host: host, served: &served{host: host, folder: target.Folder}}
	l := &log{name: name}
	d.logs = []*log{l}
	for _, file := range []string{name, "app.log"} { // by its whole path, too
		out.Reset()
		d.lines = []byte("CGIPROXY_LOG_FILE=" + file + "\n")
		if err := d.showLogs(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"--logs", out.String(), 40},
		{"beside an error", d.newLines(), 15},
	} {
		if got := strings.Count(c.text, "    "); got != c.want || !strings.Contains(c.text, "    99 x") {
			t.Errorf("%s: %d lines, want %d:\n%.300s", c.name, got, c.want, c.text)
		}
	}
}

// TestLogFile has LOG_FILE where proxy.cgi writes it, and how FTP calls that.
func TestLogFile(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"beside proxy.cgi", ".htproxy.log", "public_html/.htproxy.log"},
		{"beside proxy.cgi, absolute", "/home/me/public_html/.htproxy.log", "public_html/.htproxy.log"},
		{"in START_DIR", "/home/me/app/proxy.log", "app/proxy.log"},
		{"below START_DIR, where nothing is yet", "/home/me/app/logs/proxy.log", "app/logs/proxy.log"},
		{"elsewhere", "/home/me/logs/proxy.log", "logs/proxy.log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, home := thisHost(t)
			writeFiles(t, home, map[string]string{"public_html/x": "x", "app/x": "x", "logs/x": "x"})
			host := rooted{here, home}
			d := &deploy{
				options: &options{target: &remote.Target{User: "me", Folder: "public_html"}},
				host:    host, served: &served{host: host, folder: "public_html"},
				lines: []byte("CGIPROXY_START=x\nCGIPROXY_START_DIR=/home/me/app\nCGIPROXY_LOG_FILE=" + c.file + "\n"),
			}
			d.places = d.findPlaces()
			if l := d.findLogs()[1]; l.name != c.want {
				t.Errorf("it is %q, want %q", l.name, c.want)
			}
		})
	}
}

// TestUnquoted shows a traceback once, where two logs have it.
func TestUnquoted(t *testing.T) {
	const shown = "app/app.log:\n    Traceback:\n      line 1\n    ImportError: no x"
	const failed = "logs/error_log:\n    [date] the app's command ended: see app.log"
	for _, c := range []struct{ name, text, want string }{
		{"shown", failed + "; its last lines: Traceback: |   line 1 | ImportError: no x\n    next", failed + "\n    next"},
		{"not shown", failed + "; its last lines: Traceback: | ImportError: no y", failed + "; its last lines: Traceback: | ImportError: no y"},
		{"nothing quoted", failed, failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := unquoted(c.text, shown); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestTracebackOnce has both logs of an app that does not start.
func TestTracebackOnce(t *testing.T) {
	target, err := remote.ParseTarget(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	host, err := target.Open("", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	d := &deploy{options: &options{target: target}, host: host}
	for name, text := range map[string]string{
		"app.log":   "Traceback:\n  import x\nImportError: no x\n",
		"error_log": "503 the app's command ended: see the app's log; its last lines: Traceback: |   import x | ImportError: no x\n",
	} {
		if err := os.WriteFile(filepath.Join(target.Folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.logs = []*log{{name: target.Folder + "/app.log"}, {name: target.Folder + "/error_log"}}
	if text := d.newLines(); strings.Count(text, "ImportError") != 1 || !strings.Contains(text, "503 the app's command ended: see the app's log") {
		t.Errorf("shown is %s", text)
	}
}
