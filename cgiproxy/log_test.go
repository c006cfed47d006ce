package cgiproxy

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/settings"
)

func TestLogger(t *testing.T) {
	tests := []struct {
		level settings.Level
		want  string
	}{
		{settings.LevelError, "e"}, {settings.LevelWarn, "ew"}, {settings.LevelInfo, "ewi"}, {settings.LevelDebug, "ewid"},
	}
	for _, tt := range tests {
		t.Run(tt.level.String(), func(t *testing.T) {
			var b bytes.Buffer
			log := Logger{W: &b, Level: tt.level, ID: "id"}
			log.Errorf("e")
			log.Warnf("w")
			log.Infof("i")
			log.Debugf("d")
			var got string
			for line := range strings.Lines(b.String()) {
				got += strings.TrimSpace(line[strings.LastIndex(line, "]")+1:])
			}
			if got != tt.want {
				t.Errorf("logged %q, want %q", got, tt.want)
			}
		})
	}
}

// A log that is a file is one that no web server puts the date into: stderr
// under mod_cgid, and nowhere else.
func TestLogDate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "error.log")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	(&Logger{W: f, ID: "id"}).Warnf("x")
	wantDated(t, readFile(t, file), "proxy.cgi: warn: [id] x\n")

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	(&Logger{W: w, ID: "id"}).Warnf("x")
	w.Close()
	if got, err := io.ReadAll(r); string(got) != "proxy.cgi: warn: [id] x\n" {
		t.Errorf("through a pipe: got %q, error %v, want no date", got, err)
	}
}

// wantDated wants one line, with the time that it is now before it.
func wantDated(t *testing.T, got, want string) {
	t.Helper()
	date, line, _ := strings.Cut(got, "] ")
	when, err := time.ParseInLocation("[Mon Jan 02 15:04:05.000000 2006", date, time.Local)
	if line != want || err != nil || time.Since(when).Abs() > time.Hour {
		t.Errorf("logged %q, want the date and %q; error %v", got, want, err)
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A client must not be able to write a line of its own, nor to have one look
// like another.
func TestLogLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain", "/a\tb \\x41 'c'", "/a\tb \\x41 'c'"},
		{"letters of all kinds", "/caf\u00e9/\u6f22\u5b57/\U0001f600", "/caf\u00e9/\u6f22\u5b57/\U0001f600"},
		{"line ends", "/\r\nproxy.cgi: error: [x] forged", "/  proxy.cgi: error: [x] forged"},
		{"control bytes", "/\x00\x1b[2J\x7f", "/  [2J "},
		{"C1 controls", "/\u0085\u009b2J", "/\\u0085\\u009b2J"},
		{"C1 bytes", "/\x85\x9b2J", "/\\x85\\x9b2J"},
		{"line and paragraph separators", "/\u2028a\u2029", "/\\u2028a\\u2029"},
		{"overrides of direction", "/\u202egpj.\u202c\u2066\u200f", "/\\u202egpj.\\u202c\\u2066\\u200f"},
		{"tags", "/\U000e0041", "/\\U000e0041"},
		{"no UTF-8", "/caf\xe9\xff\xe2\x80", "/caf\\xe9\\xff\\xe2\\x80"},
		{"replacement character", "/\ufffd", "/\ufffd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			logTo(&b).Warnf("path %s", tt.text)
			if want := "proxy.cgi: warn: [test] path " + tt.want + "\n"; b.String() != want {
				t.Errorf("logged %q, want %q", b.String(), want)
			}
		})
	}
}

// What a client sends fills no log: a line of a request that is refused is short.
func TestLogRefused(t *testing.T) {
	long := strings.Repeat("\xff", 8000)
	for _, request := range []string{
		"REQUEST_URI=" + long,
		"REQUEST_URI=/" + long + "/;/x",
		"REQUEST_URI=/" + long + "/..%2Fx",
		"REQUEST_URI=/" + long + "/..;/x",
		"REQUEST_URI=/" + long + "//..%2f/",
		"REQUEST_URI=/" + long + "#x",
		"REQUEST_METHOD=" + long,
		"HTTP_HOST=" + long,
		"CONTENT_LENGTH=" + long,
		"HTTP_TRANSFER_ENCODING=" + long,
	} {
		name := request[:strings.Index(request, "\xff")] + request[strings.LastIndex(request, "\xff"):]
		_, _, err := newRequest(visit(request), configure(t), "mark")
		if err == nil {
			t.Errorf("%q is not refused", name)
		} else if text := asFailure(err).Error(); len(text) > 1200 {
			t.Errorf("%q: a line of %d bytes, %.300s", name, len(text), text)
		}
	}
}
