package settings

import (
	"reflect"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestConfigDefaults(t *testing.T) {
	cfg := configure(t)
	want := Config{
		Upstream:       cfg.Upstream,
		PreserveHost:   true,
		ConnectTimeout: 5 * time.Second,
		HeaderTimeout:  60 * time.Second,
		LogLevel:       LevelWarn,
		Starting:       Starting{StartDir: cfg.folder},
		folder:         cfg.folder,
		written:        cfg.written,
	}
	if !reflect.DeepEqual(*cfg, want) {
		t.Errorf("got %+v\nwant %+v", *cfg, want)
	}
}

func TestStripPrefixSetting(t *testing.T) {
	tests := []struct {
		name, value, want string
	}{
		{"auto", "auto", "auto"},
		{"path", "/sub", "/sub"},
		{"slash at the end", "/sub/", "/sub"},
		{"slashes at the end", "/sub//", "/sub"},
		{"two segments", "/a/b", "/a/b"},
		{"root", "/", ""},
		{"encoded", "/my%20app", "/my app"},
		{"not encoded", "/my app", "/my app"},
		{"8-bit", "/caf\xc3\xa9", "/caf\xc3\xa9"},
		{"dots within a name", "/a..b/.c", "/a..b/.c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := configure(t, "STRIP_PREFIX="+tt.value).StripPrefix; got != tt.want {
				t.Errorf("STRIP_PREFIX=%s is %q, want %q", tt.value, got, tt.want)
			}
		})
	}
}

func TestStripPrefixSettingRefused(t *testing.T) {
	for _, value := range []string{"sub", "AUTO", "sub/", "http://example.com/sub", "//sub", "/a//b", "/a/../b", "/a/..", "/..", "/./a", "/a/.", "/%2e%2e/a", "/a%2f%2e%2e", "/sub?a", "/sub#a", "/%zz"} {
		t.Run(value, func(t *testing.T) {
			cfg, _, err := Load(map[string]string{"CGIPROXY_UPSTREAM": "6543", "CGIPROXY_STRIP_PREFIX": value}, t.TempDir())
			if err == nil {
				t.Fatalf("STRIP_PREFIX=%s is %q, want an error", value, cfg.StripPrefix)
			}
			testkit.WantText(t, explained(t, err), "CGIPROXY_STRIP_PREFIX is \""+value+"\"", "CGIPROXY_STRIP_PREFIX=auto")
		})
	}
}
