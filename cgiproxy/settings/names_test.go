package settings

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kelseyhightower/envconfig"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// anyString are the settings for which every value is one; a file that they
// name is looked at when it is needed.
var anyString = []string{"ERROR_PAGE", "SECRET", "TLS_CA", "START", "START_DIR", "START_LOG", "RESTART_FILE"}

func TestSettingsBad(t *testing.T) {
	bad := map[string][]string{
		"UPSTREAM":        {"app", "0", "http://", "ftp://localhost/", "auto", "unix:" + strings.Repeat("a", 103)},
		"STRIP_PREFIX":    {"sub", "/a?b"},
		"USE_PATH_INFO":   {"maybe", "2"},
		"PRESERVE_HOST":   {"on", "2"},
		"TRUSTED_PROXIES": {"localhost", "10.0.0.0/33"},
		"CONNECT_TIMEOUT": {"5", "soon", "-1s"},
		"HEADER_TIMEOUT":  {"60", "1 m", "-1ms"},
		"IDLE_TIMEOUT":    {"1day", "-5m"},
		"CONNECT_RETRY":   {"ten", "-10s"},
		"MAX_BODY":        {"10M", "1e6", "-1", "9223372036854775808", "0x10", "0o10", "1_000", "+1"},
		"TLS_SKIP_VERIFY": {"maybe"},
		"REQUIRE_OWNER":   {"maybe"},
		"LOG_LEVEL":       {"loud", "3"},
		"START_TIMEOUT":   {"30", "-1s"},
		"START_ENV":       {"A-B", "HTTP_HOST", "QUERY_STRING", "PORT", "CGIPROXY_SECRET", "STATUS_TOKEN", "LOG_LEVEL", "A=1"},
		"START_PAGE":      {"maybe"},
		"IDLE_STOP":       {"30", "-1m"},
		"LOG_FILE":        {"proxy.log", "logs/proxy.log", "logs/../proxy.log", ".htaccess", ".htcgiproxy", "log.htproxy"},
		"STATUS_PATH":     {"status", "/", "//status", "/a?b", "/a#b", "/a b", "/a;b", "/ä"},
		"STATUS_TOKEN":    {"fifteen letters", "äöüäöüäöüäöüäöü"},
	}
	for _, s := range List() {
		if slices.Contains(anyString, s.Name) {
			continue
		}
		if bad[s.Name] == nil {
			t.Errorf("%s: add bad values of it to this test", s.Name)
		}
		for _, value := range bad[s.Name] {
			t.Run(s.Name+"="+value, func(t *testing.T) {
				bake(t, "6543")
				folder := t.TempDir()
				cfg, _, err := Load(map[string]string{"CGIPROXY_" + s.Name: value}, folder)
				testkit.WantText(t, explained(t, err), "CGIPROXY_"+s.Name+" is ", "write for example CGIPROXY_"+s.Name+"="+s.Example, filepath.Join(folder, ".htcgiproxy"))
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

func process(cfg *Config) error {
	return errors.Join(envconfig.Process("", cfg), envconfig.Process("", &cfg.Starting), envconfig.Process("", &cfg.Status))
}

// The names that this package tells the owner are those envconfig reads, and
// no value comes from a name without prefix.
func TestSettingsNames(t *testing.T) {
	for _, s := range List() { // another test may have left some
		t.Setenv("CGIPROXY_"+s.Name, "") // puts back what was
		os.Unsetenv("CGIPROXY_" + s.Name)
	}
	var standard Config
	if err := process(&standard); err != nil {
		t.Fatal(err)
	}
	for _, s := range List() {
		t.Run(s.Name, func(t *testing.T) {
			value := s.Example
			if value == s.Default {
				value = "7s"
			}
			t.Setenv("CGIPROXY_"+s.Name, value)
			var cfg Config
			if err := process(&cfg); err != nil {
				t.Fatalf("CGIPROXY_%s=%s: %v", s.Name, value, err)
			}
			if reflect.DeepEqual(cfg, standard) {
				t.Errorf("CGIPROXY_%s=%s changes nothing", s.Name, value)
			}

			os.Unsetenv("CGIPROXY_" + s.Name)
			t.Setenv(s.Name, value)
			cfg = Config{}
			if err := process(&cfg); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(cfg, standard) {
				t.Errorf("%s=%s, without prefix, counts too", s.Name, value)
			}
		})
	}
}

// The list has each field of Config, in its order and with its default.
func TestList(t *testing.T) {
	var tags, list []string
	for _, group := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Starting](), reflect.TypeFor[Status]()} {
		for field := range group.Fields() {
			if name := field.Tag.Get("envconfig"); name != "" {
				tags = append(tags, name+", default "+field.Tag.Get("default"))
			}
		}
	}
	for _, s := range List() {
		list = append(list, Prefix+s.Name+", default "+s.Default)
	}
	if !slices.Equal(list, tags) {
		t.Errorf("the list has\n%s\nand the fields are\n%s", strings.Join(list, "\n"), strings.Join(tags, "\n"))
	}
}

// Each setting's default and example are values it takes.
func TestSettingsExamples(t *testing.T) {
	for _, s := range List() {
		for _, value := range []string{s.Default, s.Example} {
			if value != "" && !strings.HasPrefix(s.Name, "STATUS_") { // see TestStatusPair
				configure(t, s.Name+"="+value)
			}
		}
		if s.Example == "" || s.Desc == "" {
			t.Errorf("%s has no example or no description", s.Name)
		}
	}
}

func TestMeantSetting(t *testing.T) {
	for name, want := range map[string]string{
		"PORT": "UPSTREAM", "HOST": "UPSTREAM", "SOCKET": "UPSTREAM", "BACKEND": "UPSTREAM", "TARGET": "UPSTREAM", "URL": "UPSTREAM", "port": "UPSTREAM",
		"UPSTREEM": "UPSTREAM", "UPSTRAEM": "UPSTREAM", "upstream": "UPSTREAM", "MAXBODY": "MAX_BODY", "SECRETS": "SECRET", "REQUIREOWNER": "REQUIRE_OWNER", "LOGLEVEL": "LOG_LEVEL", "ERRORPAGE": "ERROR_PAGE", "cgiproxy_max_body": "MAX_BODY",
		"X": "", "TIMEOUT": "", "USER": "", "PASSWORD": "", "TLS": "", "DEBUG": "", "CACHE": "", "WORKERS": "",
	} {
		if got := meantSetting(name); got != want {
			t.Errorf("for %s %q was meant, want %q", name, got, want)
		}
	}
}

// A protection that does not count for the spelling of its name is refused: nothing
// else would tell.
func TestMistypedProtection(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		file string
		want string // "" where it is a note at most
	}{
		{"without underscores", nil, "REQUIREOWNER=true", "CGIPROXY_REQUIREOWNER is no setting: did you mean CGIPROXY_REQUIRE_OWNER?: write it so in "},
		{"in lower case", nil, "cgiproxy_require_owner=true", "cgiproxy_require_owner is no setting: did you mean CGIPROXY_REQUIRE_OWNER?"},
		{"in lower case, without prefix", nil, "secret=x", "CGIPROXY_secret is no setting: did you mean CGIPROXY_SECRET?"},
		{"a prefix without underscore", nil, "CGIPROXYSECRET=x", "did you mean CGIPROXY_SECRET?"},
		{"underscores elsewhere", nil, "CGIPROXY_TRUSTEDPROXIES_=10.0.0.1", "did you mean CGIPROXY_TRUSTED_PROXIES?"},
		{"the size of uploads", nil, "Max_Body=1", "did you mean CGIPROXY_MAX_BODY?"},
		{"a token of the status page, before what that lacks", nil, "STATUS_PATH=/s\nSTATUSTOKEN=0123456789abcdef", "did you mean CGIPROXY_STATUS_TOKEN?"},
		{"certificates", nil, "TLSCA=ca.pem", "did you mean CGIPROXY_TLS_CA?"},
		{"beside the right one", nil, "SECRET=x\nsecret=y", "did you mean CGIPROXY_SECRET?"},
		{"other letters", nil, "SECRETS=x\nREQUIRE_OWNR=true", ""},
		{"what protects nothing", nil, "LOGLEVEL=info\nerror_page=x", ""},
		{"of the app", nil, "UPSTREAM=auto\nSTART=x\nSTART_ENV=Secret\nSecret=x", ""},
		{"of the app, by SetEnv", map[string]string{"secret": "x"}, "", ""},
		{"in the environment", map[string]string{"CGIPROXY_REQUIREOWNER": "true"}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bake(t, "6543")
			folder := t.TempDir()
			testkit.WriteFile(t, folder, File, tt.file+"\n# a line\n")
			_, _, err := Load(tt.env, folder)
			if tt.want == "" {
				testkit.WantError(t, err, "")
				return
			}
			testkit.WantText(t, explained(t, err), tt.want, File)
		})
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
		if got := EditDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("EditDistance(%q, %q) is %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
