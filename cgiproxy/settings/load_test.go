package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
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
		env   map[string]string
		file  string
		baked string
		want  string // the address, "" for a missing setting
	}{
		{"nowhere", nil, "", "", ""},
		{"environment", map[string]string{plain: "1"}, "", "", "127.0.0.1:1"},
		{"REDIRECT_", map[string]string{redirected: "2"}, "", "", "127.0.0.1:2"},
		{"file", nil, "CGIPROXY_UPSTREAM=3\n", "", "127.0.0.1:3"},
		{"baked", nil, "", "4", "127.0.0.1:4"},
		{"the file counts first", map[string]string{plain: "1", redirected: "2"}, "CGIPROXY_UPSTREAM=3", "4", "127.0.0.1:3"},
		{"then the environment", map[string]string{plain: "1", redirected: "2"}, "", "4", "127.0.0.1:1"},
		{"then REDIRECT_", map[string]string{redirected: "2"}, "", "4", "127.0.0.1:2"},
		{"an empty one in the file", map[string]string{plain: "1"}, "CGIPROXY_UPSTREAM=", "4", "127.0.0.1:1"},
		{"empty is none", map[string]string{plain: "", redirected: ""}, "CGIPROXY_UPSTREAM=", "4", "127.0.0.1:4"},
		{"empty in the environment", map[string]string{plain: "", redirected: "2"}, "", "", "127.0.0.1:2"},
		{"empty everywhere", map[string]string{plain: "", redirected: ""}, "CGIPROXY_UPSTREAM=\nUPSTREAM=''", "", ""},
		{"a name that a client can forge", map[string]string{"HTTP_CGIPROXY_UPSTREAM": "5", "HTTP_UPSTREAM": "5", "REDIRECT_HTTP_CGIPROXY_UPSTREAM": "5"}, "", "", ""},
		{"no prefix in the environment", map[string]string{"UPSTREAM": "5", "REDIRECT_UPSTREAM": "5"}, "", "", ""},
		{"lower case", map[string]string{"cgiproxy_upstream": "5"}, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bake(t, tt.baked)
			folder := t.TempDir()
			if tt.file != "" {
				testkit.WriteFile(t, folder, ".htcgiproxy", tt.file)
			}
			cfg, _, err := Load(tt.env, folder)
			if tt.want == "" {
				testkit.WantText(t, explained(t, err), "CGIPROXY_UPSTREAM is not set", "CGIPROXY_UPSTREAM=6543", filepath.Join(folder, ".htcgiproxy"))
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
	if cfg.MaxBody != 0 || cfg.StripPrefix != "" || cfg.TLSSkipVerify {
		t.Errorf("the second request has MAX_BODY %d, STRIP_PREFIX %q, TLS_SKIP_VERIFY %t of the first", cfg.MaxBody, cfg.StripPrefix, cfg.TLSSkipVerify)
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
		maxBody    ByteCount
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
		{"a dollar", "UPSTREAM=6543\nMAX_BODY=7\nERROR_PAGE=/$ECRET1.html\n", 7, "/$ECRET1.html"},
		{"zeros first", "UPSTREAM=6543\nMAX_BODY=0100\n", 100, ""},
		{"double quotes", "CGIPROXY_UPSTREAM=\"6543\"\nCGIPROXY_MAX_BODY=\"7\"\nCGIPROXY_ERROR_PAGE=\"/a #b.html\"\n", 7, "/a #b.html"},
		{"blanks around", "  CGIPROXY_UPSTREAM = 6543  \n\tCGIPROXY_MAX_BODY = 7\t\n", 7, ""},
		{"names without prefix", "UPSTREAM=6543\nMAX_BODY=7\n", 7, ""},
		{"with prefix counts first", "CGIPROXY_MAX_BODY=7\nMAX_BODY=8\nUPSTREAM=6543\n", 7, ""},
		{"with prefix counts first, in the other order", "MAX_BODY=8\nCGIPROXY_MAX_BODY=7\nUPSTREAM=6543\n", 7, ""},
		{"the last of two", "UPSTREAM=6543\nMAX_BODY=8\nMAX_BODY=7\n", 7, ""},
		{"empty values", "UPSTREAM=6543\nMAX_BODY=\nERROR_PAGE=''\n", 0, ""},
		{"as large as it may be", "UPSTREAM=6543\nMAX_BODY=7\n#" + strings.Repeat("x", maxFile-27) + "\n", 7, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			testkit.WriteFile(t, folder, ".htcgiproxy", tt.text)
			cfg, notes, err := Load(nil, folder)
			if err != nil {
				t.Fatalf("%.200q: %v", tt.text, err)
			}
			if unknown := texts(notes, LevelWarn); unknown != nil {
				t.Errorf("unknown names %q in %.200q", unknown, tt.text)
			}
			cfg.ErrorPage = strings.TrimPrefix(cfg.ErrorPage, folder+"/")
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
		{"a folder", func(t *testing.T, folder string) {
			if err := os.Mkdir(filepath.Join(folder, ".htcgiproxy"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "no regular file"},
		{"too large", func(t *testing.T, folder string) {
			testkit.WriteFile(t, folder, ".htcgiproxy", "SECRET="+secret+"\n#"+strings.Repeat("x", maxFile))
		}, "over 65536 bytes"},
		{"no equals sign", func(t *testing.T, folder string) {
			testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\nSECRET "+secret+"\n")
		}, "lines NAME=value"},
		{"cut off in its last line", func(t *testing.T, folder string) {
			testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\nSECRET='"+secret+"'\nREQUIRE_OWNER")
		}, "line 3 has no NAME="},
		{"emptied", func(t *testing.T, folder string) {
			testkit.WriteFile(t, folder, ".htcgiproxy", "")
		}, "is it being uploaded?"},
		{"a link to a file that is away", func(t *testing.T, folder string) {
			if err := os.Symlink("site.env", filepath.Join(folder, ".htcgiproxy")); err != nil {
				t.Fatal(err)
			}
		}, "leads nowhere"},
		{"a link to a folder that is away", func(t *testing.T, folder string) {
			if err := os.Symlink("../away/site.env", filepath.Join(folder, ".htcgiproxy")); err != nil {
				t.Fatal(err)
			}
		}, "leads nowhere"},
		{"line ends alone", func(t *testing.T, folder string) {
			testkit.WriteFile(t, folder, ".htcgiproxy", "\r\n")
		}, "is it being uploaded?"},
		{"open quote", func(t *testing.T, folder string) {
			testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\nSECRET='"+secret+"\n")
		}, "lines NAME=value"},
		{"binary", func(t *testing.T, folder string) {
			testkit.WriteFile(t, folder, ".htcgiproxy", "\x7fELF\x02\x01\x00"+secret)
		}, "lines NAME=value"},
		{"UTF-16", func(t *testing.T, folder string) {
			testkit.WriteFile(t, folder, ".htcgiproxy", "\xff\xfeU\x00P\x00S\x00"+secret)
		}, "lines NAME=value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			tt.make(t, folder)
			cfg, _, err := Load(map[string]string{"CGIPROXY_UPSTREAM": "6543"}, folder)
			testkit.WantText(t, explained(t, err), tt.want, ".htcgiproxy", "CGIPROXY_UPSTREAM=6543")
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the log gets the content of the file: %v", err)
			}
			if cfg == nil {
				t.Error("got no Config to log with")
			}
		})
	}
}

// TestSettingsBesideWrong wants all settings to count but those that are wrong, of
// which the first is named: the log and the status page need some of them.
func TestSettingsBesideWrong(t *testing.T) {
	const right = "STRIP_PREFIX=/sub\nLOG_LEVEL=debug\nLOG_FILE=.ht.log\nERROR_PAGE=e.html\nSTART_ENV=A\nIDLE_STOP=5m\n"
	for _, tt := range []struct{ name, wrong, first string }{
		{"the first", "UPSTREAM=nowhere\n", "UPSTREAM"},
		{"one between", "UPSTREAM=6543\nUSE_PATH_INFO=maybe\n", "USE_PATH_INFO"},
		{"one of START's", "UPSTREAM=6543\nSTART_TIMEOUT=soon\n", "START_TIMEOUT"},
		{"several", "START_TIMEOUT=soon\nMAX_BODY=1k\nPRESERVE_HOST=ja\nUPSTREAM=6543\n", "PRESERVE_HOST"},
		{"the second of a list", "UPSTREAM=6543\nTRUSTED_PROXIES=10.0.0.0/8,nowhere\n", "TRUSTED_PROXIES"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			testkit.WriteFile(t, folder, File, tt.wrong+right+"A=b\n")
			cfg, notes, err := Load(nil, folder)
			testkit.WantText(t, explained(t, err), "CGIPROXY_"+tt.first+" is ")
			if unknown := texts(notes, LevelWarn); unknown != nil {
				t.Errorf("unknown names %q", unknown)
			}
			got := []any{cfg.StripPrefix, cfg.LogLevel, cfg.LogFile, cfg.ErrorPage, cfg.StartVars, cfg.IdleStop, len(cfg.TrustedProxies)}
			want := []any{"/sub", LevelDebug, filepath.Join(folder, ".ht.log"), filepath.Join(folder, "e.html"), []string{"A=b"}, 5 * time.Minute, 0}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// Explain tells what a log would not, and a Config where its values are from.
func TestExplain(t *testing.T) {
	folder := t.TempDir()
	file := testkit.WriteFile(t, folder, File, "UPSTREAM=6543\n")
	vars := map[string]string{"CGIPROXY_UPSTREAM": "7000", "CGIPROXY_MAX_BODY": "1"}
	if _, notes, err := Load(vars, folder); err != nil || len(notes) > 0 {
		t.Errorf("Load: got %v and %v", notes, err)
	}
	cfg, notes, err := Explain(vars, folder)
	if err != nil || len(notes) != 1 || notes[0].Level != LevelInfo || !strings.Contains(notes[0].Text, "not as SetEnv has it") {
		t.Errorf("Explain: got %v and %v", notes, err)
	}
	for name, want := range map[string]string{"UPSTREAM": file, "MAX_BODY": "SetEnv", "SECRET": ""} {
		if got := cfg.Source(name); got != want {
			t.Errorf("%s is from %q, want %q", name, got, want)
		}
	}
}
