package settings

import (
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

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
	testkit.WantText(t, err.Error(), "error", "warn", "info", "debug")
}
