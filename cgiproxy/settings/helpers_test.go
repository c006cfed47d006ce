package settings

import (
	"errors"
	"strings"
	"testing"
)

// configure returns the settings "NAME=value", with an app on port 6543 unless
// they say otherwise.
func configure(t testing.TB, vars ...string) *Config {
	t.Helper()
	env := map[string]string{"CGIPROXY_UPSTREAM": "6543"}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		env["CGIPROXY_"+name] = value
	}
	cfg, notes, err := Load(env, t.TempDir())
	if warned := texts(notes, LevelWarn); err != nil || warned != nil {
		t.Fatalf("Load(%q): error %v, warnings %q", vars, err, warned)
	}
	return cfg
}

// texts returns the notes of a level.
func texts(notes []Note, level Level) []string {
	var list []string
	for _, note := range notes {
		if note.Level == level {
			list = append(list, note.Text)
		}
	}
	return list
}

// explained returns what the owner reads about an error.
func explained(t *testing.T, err error) string {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got error %v, want an *Error", err)
	}
	return e.Error() + ": " + e.Remedy
}
