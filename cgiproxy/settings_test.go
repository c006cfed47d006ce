package cgiproxy

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kelseyhightower/envconfig"
)

// bake links an UPSTREAM in, as `make build UPSTREAM=...` does.
func bake(t *testing.T, upstream string) {
	before := bakedUpstream
	t.Cleanup(func() { bakedUpstream = before })
	bakedUpstream = upstream
}

func TestSettingsOrder(t *testing.T) {
	const plain, redirected = "CGIPROXY_UPSTREAM", "REDIRECT_CGIPROXY_UPSTREAM"
	tests := []struct {
		name  string
		env   Environ
		file  string
		baked string
		want  string // the address, "" for a missing setting
	}{
		{"nowhere", nil, "", "", ""},
		{"environment", Environ{plain: "1"}, "", "", "127.0.0.1:1"},
		{"REDIRECT_", Environ{redirected: "2"}, "", "", "127.0.0.1:2"},
		{"file", nil, "CGIPROXY_UPSTREAM=3\n", "", "127.0.0.1:3"},
		{"baked", nil, "", "4", "127.0.0.1:4"},
		{"the environment counts first", Environ{plain: "1", redirected: "2"}, "CGIPROXY_UPSTREAM=3", "4", "127.0.0.1:1"},
		{"then REDIRECT_", Environ{redirected: "2"}, "CGIPROXY_UPSTREAM=3", "4", "127.0.0.1:2"},
		{"then the file", nil, "CGIPROXY_UPSTREAM=3", "4", "127.0.0.1:3"},
		{"empty is none", Environ{plain: "", redirected: ""}, "CGIPROXY_UPSTREAM=", "4", "127.0.0.1:4"},
		{"empty in the environment", Environ{plain: "", redirected: "2"}, "", "", "127.0.0.1:2"},
		{"empty everywhere", Environ{plain: "", redirected: ""}, "CGIPROXY_UPSTREAM=\nUPSTREAM=''", "", ""},
		{"a name that a visitor can forge", Environ{"HTTP_CGIPROXY_UPSTREAM": "5", "HTTP_UPSTREAM": "5", "REDIRECT_HTTP_CGIPROXY_UPSTREAM": "5"}, "", "", ""},
		{"no prefix in the environment", Environ{"UPSTREAM": "5", "REDIRECT_UPSTREAM": "5"}, "", "", ""},
		{"lower case", Environ{"cgiproxy_upstream": "5"}, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bake(t, tt.baked)
			folder := t.TempDir()
			if tt.file != "" {
				writeFile(t, folder, ".htcgiproxy", tt.file)
			}
			cfg, _, err := loadConfig(tt.env, folder)
			if tt.want == "" {
				wantFailure(t, err, 500)
				wantText(t, err.Error(), "CGIPROXY_UPSTREAM is not set", "CGIPROXY_UPSTREAM=6543", filepath.Join(folder, ".htcgiproxy"))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := cfg.Upstream.String(); got != tt.want {
				t.Errorf("the app is at %s, want %s", got, tt.want)
			}
		})
	}
}

// What one request sets must not stay for the next, as in FastCGI.
func TestSettingsAreForgotten(t *testing.T) {
	configure(t, "MAX_BODY=7", "STRIP_PREFIX=/sub", "TLS_SKIP_VERIFY=true")
	cfg := configure(t)
	if cfg.MaxBody != 0 || cfg.StripPrefix != "" || cfg.TLS.SkipVerify {
		t.Errorf("the second request has MAX_BODY %d, STRIP_PREFIX %q, TLS_SKIP_VERIFY %t of the first", cfg.MaxBody, cfg.StripPrefix, cfg.TLS.SkipVerify)
	}
}

// A setting of our own process under its plain name is found through env only:
// a setting that env does not have must not come from elsewhere.
func TestSettingsComeFromEnv(t *testing.T) {
	t.Setenv("CGIPROXY_MAX_BODY", "7")
	t.Setenv("MAX_BODY", "7")
	if cfg := configure(t); cfg.MaxBody != 0 {
		t.Errorf("MAX_BODY is %d, want the default", cfg.MaxBody)
	}
}

func TestSettingsFile(t *testing.T) {
	tests := []struct {
		name, text string
		maxBody    int64
		errorPage  string
	}{
		{"plain", "CGIPROXY_UPSTREAM=6543\nCGIPROXY_MAX_BODY=7\nCGIPROXY_ERROR_PAGE=/a b.html\n", 7, "/a b.html"},
		{"no line end at the end", "CGIPROXY_UPSTREAM=6543\nCGIPROXY_MAX_BODY=7", 7, ""},
		{"byte order mark", "\ufeffCGIPROXY_UPSTREAM=6543\nCGIPROXY_MAX_BODY=7\n", 7, ""},
		{"CRLF", "CGIPROXY_UPSTREAM=6543\r\nCGIPROXY_MAX_BODY=7\r\nCGIPROXY_ERROR_PAGE=e.html\r\n", 7, "e.html"},
		{"CRLF and byte order mark", "\ufeff# first\r\nCGIPROXY_UPSTREAM=6543\r\nCGIPROXY_MAX_BODY=7\r\n", 7, ""},
		{"comments and empty lines", "# a comment\n\n  # another\nCGIPROXY_UPSTREAM=6543 # the app\n#CGIPROXY_MAX_BODY=8\nCGIPROXY_MAX_BODY=7\n\n", 7, ""},
		{"export", "export CGIPROXY_UPSTREAM=6543\nexport CGIPROXY_MAX_BODY=7\n", 7, ""},
		{"single quotes", "CGIPROXY_UPSTREAM='6543'\nCGIPROXY_MAX_BODY='7'\nCGIPROXY_ERROR_PAGE='/a $b #c.html'\n", 7, "/a $b #c.html"},
		{"double quotes", "CGIPROXY_UPSTREAM=\"6543\"\nCGIPROXY_MAX_BODY=\"7\"\nCGIPROXY_ERROR_PAGE=\"/a #b.html\"\n", 7, "/a #b.html"},
		{"blanks around", "  CGIPROXY_UPSTREAM = 6543  \n\tCGIPROXY_MAX_BODY = 7\t\n", 7, ""},
		{"names without prefix", "UPSTREAM=6543\nMAX_BODY=7\n", 7, ""},
		{"with prefix counts first", "CGIPROXY_MAX_BODY=7\nMAX_BODY=8\nUPSTREAM=6543\n", 7, ""},
		{"with prefix counts first, in the other order", "MAX_BODY=8\nCGIPROXY_MAX_BODY=7\nUPSTREAM=6543\n", 7, ""},
		{"the last of two", "UPSTREAM=6543\nMAX_BODY=8\nMAX_BODY=7\n", 7, ""},
		{"empty values", "UPSTREAM=6543\nMAX_BODY=\nERROR_PAGE=''\n", 0, ""},
		{"as large as it may be", "UPSTREAM=6543\nMAX_BODY=7\n#" + strings.Repeat("x", maxSettingsFile-27) + "\n", 7, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			writeFile(t, folder, ".htcgiproxy", tt.text)
			cfg, unknown, err := loadConfig(nil, folder)
			if err != nil {
				t.Fatalf("%.200q: %v", tt.text, err)
			}
			if unknown != nil {
				t.Errorf("unknown names %q in %.200q", unknown, tt.text)
			}
			if got := cfg.Upstream.String(); got != "127.0.0.1:6543" || cfg.MaxBody != tt.maxBody || cfg.ErrorPage != tt.errorPage {
				t.Errorf("%.200q\n got UPSTREAM %s, MAX_BODY %d, ERROR_PAGE %q\nwant 127.0.0.1:6543, %d, %q", tt.text, got, cfg.MaxBody, cfg.ErrorPage, tt.maxBody, tt.errorPage)
			}
		})
	}
}

func TestSettingsFileUnusable(t *testing.T) {
	const secret = "hunter2-hunter2"
	tests := []struct {
		name string
		make func(t *testing.T, folder string)
		want string
	}{
		// Permission bits do not stop root, who may run the tests.
		{"unreadable", func(t *testing.T, folder string) {
			if err := os.Mkdir(filepath.Join(folder, ".htcgiproxy"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "directory"},
		{"too large", func(t *testing.T, folder string) {
			writeFile(t, folder, ".htcgiproxy", "SECRET="+secret+"\n#"+strings.Repeat("x", maxSettingsFile))
		}, "over 65536 bytes"},
		{"no equals sign", func(t *testing.T, folder string) {
			writeFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\nSECRET "+secret+"\n")
		}, "lines NAME=value"},
		{"open quote", func(t *testing.T, folder string) {
			writeFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\nSECRET='"+secret+"\n")
		}, "lines NAME=value"},
		{"binary", func(t *testing.T, folder string) {
			writeFile(t, folder, ".htcgiproxy", "\x7fELF\x02\x01\x00"+secret)
		}, "lines NAME=value"},
		{"UTF-16", func(t *testing.T, folder string) {
			writeFile(t, folder, ".htcgiproxy", "\xff\xfeU\x00P\x00S\x00"+secret)
		}, "lines NAME=value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			tt.make(t, folder)
			cfg, _, err := loadConfig(Environ{"CGIPROXY_UPSTREAM": "6543"}, folder)
			wantFailure(t, err, 500)
			wantText(t, err.Error(), tt.want, ".htcgiproxy", "CGIPROXY_UPSTREAM=6543")
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the log gets the content of the file: %v", err)
			}
			if cfg == nil {
				t.Error("got no Config to log with")
			}
		})
	}
}

func TestSettingsUnknown(t *testing.T) {
	tests := []struct {
		name string
		env  Environ
		file string
		want []string
	}{
		{"none", Environ{"CGIPROXY_MAX_BODY": "1"}, "IDLE_TIMEOUT=1s", nil},
		{"in the file", nil, "CGIPROXY_UPSTREEM=1", []string{"CGIPROXY_UPSTREEM is no setting: did you mean CGIPROXY_UPSTREAM?"}},
		{"in the file, without prefix", nil, "MAXBODY=1", []string{"CGIPROXY_MAXBODY is no setting: did you mean CGIPROXY_MAX_BODY?"}},
		{"in the file, lower case", nil, "cgiproxy_max_body=1", []string{"CGIPROXY_cgiproxy_max_body is no setting"}},
		{"in the environment", Environ{"CGIPROXY_TLS_SKIPVERIFY": "1"}, "", []string{"CGIPROXY_TLS_SKIPVERIFY is no setting: did you mean CGIPROXY_TLS_SKIP_VERIFY?"}},
		{"the value is not shown", nil, "CGIPROXY_TIMEOUT=hunter2", []string{"CGIPROXY_TIMEOUT is no setting"}},
		{"two", nil, "IDLE_TIMEOUTS=1\nCONNECT_RETRYS=1", []string{"CONNECT_RETRY?", "IDLE_TIMEOUT?"}},
		{"others' variables", Environ{"MAX_BODIES": "1", "HTTP_CGIPROXY_MAX_BODIES": "1"}, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bake(t, "6543")
			folder := t.TempDir()
			writeFile(t, folder, ".htcgiproxy", tt.file)
			_, unknown, err := loadConfig(tt.env, folder)
			if err != nil {
				t.Fatal(err)
			}
			if len(unknown) != len(tt.want) {
				t.Fatalf("got %q, want %d of them", unknown, len(tt.want))
			}
			slices.Sort(unknown)
			for i, message := range unknown {
				wantText(t, message, tt.want[i])
				if strings.Contains(message, "hunter2") {
					t.Errorf("the log gets the value: %s", message)
				}
			}
		})
	}
}

// anyString are the settings for which every value is one; a file that they
// name is looked at when it is needed.
var anyString = []string{"ERROR_PAGE", "TLS_CA"}

func TestSettingsBad(t *testing.T) {
	bad := map[string][]string{
		"UPSTREAM":        {"app", "0", "http://", "ftp://localhost/"},
		"STRIP_PREFIX":    {"sub", "/a?b"},
		"USE_PATH_INFO":   {"maybe", "2"},
		"PRESERVE_HOST":   {"on", "2"},
		"TRUSTED_PROXIES": {"localhost", "10.0.0.0/33"},
		"CONNECT_TIMEOUT": {"5", "soon", "-1s"},
		"HEADER_TIMEOUT":  {"60", "1 m", "-1ms"},
		"IDLE_TIMEOUT":    {"1day", "-5m"},
		"CONNECT_RETRY":   {"ten", "-10s"},
		"MAX_BODY":        {"10M", "1e6", "-1", "9223372036854775808"},
		"TLS_SKIP_VERIFY": {"maybe"},
		"LOG_LEVEL":       {"loud", "3"},
	}
	for _, s := range settings() {
		if slices.Contains(anyString, s.name) {
			continue
		}
		if bad[s.name] == nil {
			t.Errorf("%s: add bad values of it to this test", s.name)
		}
		for _, value := range bad[s.name] {
			t.Run(s.name+"="+value, func(t *testing.T) {
				bake(t, "6543")
				folder := t.TempDir()
				cfg, _, err := loadConfig(Environ{"CGIPROXY_" + s.name: value}, folder)
				wantFailure(t, err, 500)
				wantText(t, err.Error(), "CGIPROXY_"+s.name+" is ", "write for example CGIPROXY_"+s.name+"="+s.example, filepath.Join(folder, ".htcgiproxy"))
				if strings.Contains(err.Error(), "strconv") || strings.Contains(err.Error(), "envconfig") {
					t.Errorf("the message is not for an owner: %v", err)
				}
				if cfg == nil {
					t.Error("got no Config to log with")
				}
			})
		}
	}
}

// The names that this package tells the owner are those envconfig reads, and
// no value comes from a name without prefix.
func TestSettingsNames(t *testing.T) {
	for _, s := range settings() { // another test may have left some
		t.Setenv("CGIPROXY_"+s.name, "") // puts back what was
		os.Unsetenv("CGIPROXY_" + s.name)
	}
	var standard Config
	if err := envconfig.Process("CGIPROXY", &standard); err != nil {
		t.Fatal(err)
	}
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) {
			value := s.example
			if value == s.standard {
				value = "7s"
			}
			t.Setenv("CGIPROXY_"+s.name, value)
			var cfg Config
			if err := envconfig.Process("CGIPROXY", &cfg); err != nil {
				t.Fatalf("CGIPROXY_%s=%s: %v", s.name, value, err)
			}
			if reflect.DeepEqual(cfg, standard) {
				t.Errorf("CGIPROXY_%s=%s changes nothing", s.name, value)
			}

			os.Unsetenv("CGIPROXY_" + s.name)
			t.Setenv(s.name, value)
			cfg = Config{}
			if err := envconfig.Process("CGIPROXY", &cfg); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(cfg, standard) {
				t.Errorf("%s=%s, without prefix, counts too", s.name, value)
			}
		})
	}
}

// Each setting's default and example are values it takes.
func TestSettingsExamples(t *testing.T) {
	for _, s := range settings() {
		for _, value := range []string{s.standard, s.example} {
			if value != "" {
				configure(t, s.name+"="+value)
			}
		}
		if s.example == "" || s.desc == "" {
			t.Errorf("%s has no example or no description", s.name)
		}
	}
}

func TestEditDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "xabc", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 2},
	}
	for _, tt := range tests {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("editDistance(%q, %q) is %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

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
