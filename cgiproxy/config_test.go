package cgiproxy

import (
	"reflect"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	cfg := configure(t)
	want := Config{
		Upstream:       cfg.Upstream,
		PreserveHost:   true,
		ConnectTimeout: 5 * time.Second,
		HeaderTimeout:  60 * time.Second,
		LogLevel:       LevelWarn,
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
			cfg, _, err := loadConfig(Environ{"CGIPROXY_UPSTREAM": "6543", "CGIPROXY_STRIP_PREFIX": value}, t.TempDir())
			if err == nil {
				t.Fatalf("STRIP_PREFIX=%s is %q, want an error", value, cfg.StripPrefix)
			}
			wantFailure(t, err, 500)
			wantText(t, err.Error(), "CGIPROXY_STRIP_PREFIX is \""+value+"\"", "CGIPROXY_STRIP_PREFIX=auto")
		})
	}
}

func TestLoop(t *testing.T) {
	tests := []struct {
		name, upstream, addr, port string
		want                       bool // it is the web server itself
	}{
		{"port of the server", "80", "127.0.0.1", "80", true},
		{"address of the server", "192.0.2.80:80", "192.0.2.80", "80", true},
		{"URL of the server", "https://192.0.2.80/base", "192.0.2.80", "443", true},
		{"IPv6", "[2001:db8::80]:80", "2001:db8::80", "80", true},
		{"IPv6 in brackets", "[2001:db8::80]:80", "[2001:db8::80]", "80", true},
		{"another port", "6543", "127.0.0.1", "80", false},
		{"another address", "192.0.2.81:80", "192.0.2.80", "80", false},
		{"socket", "unix:/run/app.sock", "192.0.2.80", "80", false},
		{"no SERVER_ADDR", "80", "", "80", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, _, err := loadConfig(Environ{"CGIPROXY_UPSTREAM": tt.upstream}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			loop := cfg.checkLoop(Environ{"SERVER_ADDR": tt.addr, "SERVER_PORT": tt.port})
			if got := loop != nil; got != tt.want {
				t.Fatalf("got error %v, want one: %v", loop, tt.want)
			}
			if loop != nil {
				wantText(t, loop.Error(), "CGIPROXY_UPSTREAM", "this web server itself")
			}
		})
	}
}
