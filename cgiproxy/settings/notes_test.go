package settings

import (
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestSettingsUnknown(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		file string
		want []string
	}{
		{"none", map[string]string{"CGIPROXY_MAX_BODY": "1"}, "IDLE_TIMEOUT=1s", nil},
		{"in the file", nil, "CGIPROXY_UPSTREEM=1", []string{"CGIPROXY_UPSTREEM is no setting: did you mean CGIPROXY_UPSTREAM?"}},
		{"in the file, without prefix", nil, "LOGLEVEL=info", []string{"CGIPROXY_LOGLEVEL is no setting: did you mean CGIPROXY_LOG_LEVEL?"}},
		{"in the file, lower case", nil, "cgiproxy_log_level=info", []string{"cgiproxy_log_level is no setting: did you mean CGIPROXY_LOG_LEVEL?"}},
		{"in the environment", map[string]string{"CGIPROXY_TLS_SKIPVERIFY": "1"}, "", []string{"CGIPROXY_TLS_SKIPVERIFY is no setting: did you mean CGIPROXY_TLS_SKIP_VERIFY?"}},
		{"the value is not shown", nil, "CGIPROXY_TIMEOUT=hunter2", []string{"CGIPROXY_TIMEOUT is no setting"}},
		{"two", nil, "IDLE_TIMEOUTS=1\nCONNECT_RETRYS=1", []string{"CONNECT_RETRY?", "IDLE_TIMEOUT?"}},
		{"others' variables", map[string]string{"MAX_BODIES": "1", "HTTP_CGIPROXY_MAX_BODIES": "1"}, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bake(t, "6543")
			folder := t.TempDir()
			testkit.WriteFile(t, folder, ".htcgiproxy", "# none\n"+tt.file)
			_, notes, err := Load(tt.env, folder)
			if err != nil {
				t.Fatal(err)
			}
			unknown := texts(notes, LevelWarn)
			if len(unknown) != len(tt.want) {
				t.Fatalf("got %q, want %d of them", unknown, len(tt.want))
			}
			slices.Sort(unknown)
			for i, message := range unknown {
				testkit.WantText(t, message, tt.want[i])
				if strings.Contains(message, "hunter2") {
					t.Errorf("the log gets the value: %s", message)
				}
			}
		})
	}
}

// An owner who wonders which of two counts finds it in the log.
func TestSettingsNotes(t *testing.T) {
	env := map[string]string{"CGIPROXY_MAX_BODY": "1", "REDIRECT_CGIPROXY_MAX_BODY": "2", "CGIPROXY_IDLE_TIMEOUT": "1s", "CGIPROXY_SECRET": "hunter1"}
	folder := t.TempDir()
	file := testkit.WriteFile(t, folder, File, "UPSTREAM=6543\nMAX_BODY=3\nIDLE_TIMEOUT=1s\nSECRET=hunter2\n")
	for _, tt := range []struct {
		level string
		want  []Note
	}{
		{"warn", nil},
		{"info", []Note{
			{LevelInfo, "CGIPROXY_MAX_BODY counts as " + file + " has it, not as SetEnv has it"},
			{LevelInfo, "CGIPROXY_SECRET counts as " + file + " has it, not as SetEnv has it"},
		}},
		{"debug", []Note{
			{LevelInfo, "CGIPROXY_MAX_BODY counts as " + file + " has it, not as SetEnv has it"},
			{LevelInfo, "CGIPROXY_SECRET counts as " + file + " has it, not as SetEnv has it"},
			{LevelDebug, "CGIPROXY_IDLE_TIMEOUT is from " + file},
			{LevelDebug, "CGIPROXY_LOG_LEVEL is from SetEnv"},
			{LevelDebug, "CGIPROXY_MAX_BODY is from " + file},
			{LevelDebug, "CGIPROXY_SECRET is from " + file},
			{LevelDebug, "CGIPROXY_UPSTREAM is from " + file},
		}},
	} {
		t.Run(tt.level, func(t *testing.T) {
			env["CGIPROXY_LOG_LEVEL"] = tt.level
			_, notes, err := Load(env, folder)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(notes, tt.want) {
				t.Errorf("got\n%v\nwant\n%v", notes, tt.want)
			}
		})
	}
}
