package settings

import (
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestStatusPair(t *testing.T) {
	for _, tt := range []struct{ name, lines, wrong string }{
		{"neither", "", ""},
		{"both", "STATUS_PATH=/my-status\nSTATUS_TOKEN=0123456789abcdef\n", ""},
		{"a letter of two bytes counts once", "STATUS_PATH=/s\nSTATUS_TOKEN=ääääääääääääääää\n", ""},
		{"no token", "STATUS_PATH=/my-status\n", "CGIPROXY_STATUS_TOKEN is not set, and CGIPROXY_STATUS_PATH is"},
		{"no path", "STATUS_TOKEN=0123456789abcdef\n", "CGIPROXY_STATUS_PATH is not set, and CGIPROXY_STATUS_TOKEN is"},
		{"a short token", "STATUS_PATH=/my-status\nSTATUS_TOKEN=0123456789abcde\n", "CGIPROXY_STATUS_TOKEN is shorter than 16 characters"},
		{"the manual's token", "STATUS_PATH=/my-status\nSTATUS_TOKEN='16 letters or more, at random'\n", "CGIPROXY_STATUS_TOKEN is the one in the manual"},
		{"another fault first", "UPSTREAM=nowhere\nSTATUS_PATH=/my-status\nSTATUS_TOKEN=0123456789abcdef\n", "CGIPROXY_UPSTREAM is"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			testkit.WriteFile(t, folder, File, "UPSTREAM=6543\n"+tt.lines)
			cfg, _, err := Load(nil, folder)
			hasPage := strings.Count(tt.lines, "STATUS") == 2 && !strings.Contains(tt.wrong, "STATUS")
			if got := cfg.StatusPath != "" && cfg.StatusToken != ""; got != hasPage {
				t.Errorf("there is a page: %v, want %v", got, hasPage)
			}
			if tt.wrong == "" {
				testkit.WantError(t, err, "")
				return
			}
			text := explained(t, err)
			testkit.WantText(t, text, tt.wrong, "write for example CGIPROXY_")
			if strings.Contains(text, "0123456789") {
				t.Errorf("the token is in what the log says: %s", text)
			}
		})
	}
}
