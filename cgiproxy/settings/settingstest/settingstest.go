// Package settingstest makes settings for tests.
package settingstest

import (
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/settings"
)

// Config returns the settings "NAME=value", with an app on port 6543 unless
// they say otherwise.
func Config(t testing.TB, vars ...string) *settings.Config {
	t.Helper()
	env := map[string]string{"CGIPROXY_UPSTREAM": "6543"}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		env["CGIPROXY_"+name] = value
	}
	cfg, notes, err := settings.Load(env, t.TempDir())
	for _, note := range notes {
		if note.Level <= settings.LevelWarn {
			t.Fatalf("settings %q: %s", vars, note.Text)
		}
	}
	if err != nil {
		t.Fatalf("settings %q: %v", vars, err)
	}
	return cfg
}
