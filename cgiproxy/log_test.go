package cgiproxy

import (
	"bytes"
	"strings"
	"testing"
)

func TestLogger(t *testing.T) {
	tests := []struct {
		level Level
		want  string
	}{
		{LevelError, "e"}, {LevelWarn, "ew"}, {LevelInfo, "ewi"}, {LevelDebug, "ewid"},
	}
	for _, tt := range tests {
		t.Run(tt.level.String(), func(t *testing.T) {
			var b bytes.Buffer
			log := logger{w: &b, level: tt.level, id: "id"}
			log.errorf("e")
			log.warnf("w")
			log.infof("i")
			log.debugf("d")
			var got string
			for line := range strings.Lines(b.String()) {
				got += strings.TrimSpace(line[strings.LastIndex(line, "]")+1:])
			}
			if got != tt.want {
				t.Errorf("logged %q, want %q", got, tt.want)
			}
		})
	}

	// A visitor must not be able to write a line of his own.
	var b bytes.Buffer
	logTo(&b).warnf("path %s", "/\r\nproxy.cgi: error: [x] \x1b[2Jforged")
	if want := "proxy.cgi: warn: [test] path /  proxy.cgi: error: [x]  [2Jforged\n"; b.String() != want {
		t.Errorf("logged %q, want %q", b.String(), want)
	}
}

func TestLevelDecode(t *testing.T) {
	for value, want := range map[string]Level{"error": LevelError, "WARN": LevelWarn, "Info": LevelInfo, "debug": LevelDebug} {
		var got Level
		if err := got.Decode(value); err != nil || got != want {
			t.Errorf("Decode(%q) is %v, error %v, want %v", value, got, err, want)
		}
	}
	var l Level
	err := l.Decode("loud")
	if err == nil {
		t.Fatal(`Decode("loud") has no error`)
	}
	wantText(t, err.Error(), "error", "warn", "info", "debug")
}
