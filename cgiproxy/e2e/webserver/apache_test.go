package webserver

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestSuexecRoot(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		allowed      bool
	}{
		{"Debian's", "/var/www\npublic_html/cgi-bin\n# The first two lines\n", true},
		{"slash at the end", "/var/www/\n", true},
		{"folder above", "/var\n", true},
		{"whole machine", "/\n", true},
		{"one line", "/var/www", true},
		{"folder below", "/var/www/html\n", false},
		{"another folder", "/srv/www\npublic_html\n", false},
		{"same beginning", "/var/w\n", false},
		{"disabled", "#/var/www\npublic_html\n", false},
		{"empty", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "www-data")
			if err := os.WriteFile(config, []byte(tt.config), 0o644); err != nil {
				t.Fatal(err)
			}
			err := checkSuexecRoot(config)
			if tt.allowed && err != nil || !tt.allowed && !errors.Is(err, ErrUnavailable) {
				t.Errorf("%q: got %v, want it allowed: %v", tt.config, err, tt.allowed)
			}
		})
	}
	if err := checkSuexecRoot(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no file: got %v", err)
	}
}
