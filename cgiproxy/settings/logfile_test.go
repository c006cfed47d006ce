package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// What is in the folder of proxy.cgi, or elsewhere below the document root,
// visitors can read, unless its name keeps it from them.
func TestLogFile(t *testing.T) {
	root := tree(t, []entry{
		{"public/site/x", 0o600, 0, ""}, {"public/logs", fs.ModeDir | 0o755, 0, ""}, {"publication", fs.ModeDir | 0o755, 0, ""},
		{"www", 0, 0, "public"}, {"private", fs.ModeDir | 0o755, 0, ""},
	})
	tests := []struct {
		name, value, documentRoot, want string // want is "" where it is refused
	}{
		{"beside proxy.cgi", ".htproxy.log", "", "public/site/.htproxy.log"},
		{"in a folder there", "logs/.ht.log", "", "public/site/logs/.ht.log"},
		{"absolute", "{root}/public/site/.htproxy.log", "", "public/site/.htproxy.log"},
		{"outside", "{root}/private/proxy.log", "public", "private/proxy.log"},
		{"outside, relative", "../../private/x", "public", "private/x"},
		{"in a folder whose name starts alike", "{root}/publication/x", "public", "publication/x"},
		{"in a folder that is not there", "{root}/missing/x", "public", "missing/x"},
		{"at the document root, hidden", "{root}/public/.htproxy.log", "public", "public/.htproxy.log"},

		{"served", "proxy.log", "", ""},
		{"served, absolute", "{root}/public/site/proxy.log", "", ""},
		{"served, through a link", "{root}/www/site/proxy.log", "", ""},
		{"served, in a folder that is not there", "missing/proxy.log", "", ""},
		{"below the document root", "../proxy.log", "public", ""},
		{"below the document root, which is a link", "../logs/proxy.log", "www", ""},
		{".htaccess", ".htaccess", "", ""},
		{".htaccess of a folder above", "../.htaccess", "public", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vars := map[string]string{"CGIPROXY_UPSTREAM": "6543", "CGIPROXY_LOG_FILE": expand(tt.value, root)}
			if tt.documentRoot != "" {
				vars["DOCUMENT_ROOT"] = filepath.Join(root, tt.documentRoot)
			}
			cfg, _, err := Load(vars, filepath.Join(root, "public/site"))
			if tt.want == "" {
				testkit.WantText(t, explained(t, err), "CGIPROXY_LOG_FILE is ", "must begin with .ht and end in .log", "CGIPROXY_LOG_FILE=.htproxy.log")
				if cfg.LogFile != "" {
					t.Errorf("%s counts all the same", cfg.LogFile)
				}
				return
			}
			if err != nil || cfg.LogFile != filepath.Join(root, tt.want) {
				t.Errorf("got %q, error %v, want %s", cfg.LogFile, err, tt.want)
			}
		})
	}
}

// The app prints on into what it has open, whatever that is renamed to.
func TestLogFileOfApp(t *testing.T) {
	root := tree(t, []entry{{"app/x", 0o600, 0, ""}, {"link", 0, 0, "app"}, {"site", fs.ModeDir | 0o755, 0, ""}})
	for _, tt := range []struct {
		name, logFile, startLog string
		same                    bool
	}{
		{"the default", "../app/app.log", "", true},
		{"named, through a link", "../link/all.log", "all.log", true},
		{"another name", "../app/proxy.log", "", false},
		{"another folder", "../app.log", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			vars := map[string]string{"CGIPROXY_UPSTREAM": "auto", "CGIPROXY_START": "true", "CGIPROXY_START_DIR": root + "/app", "CGIPROXY_LOG_FILE": tt.logFile, "CGIPROXY_START_LOG": tt.startLog}
			cfg, _, err := Load(vars, root+"/site")
			if !tt.same {
				if err != nil || cfg.LogFile == "" {
					t.Errorf("LOG_FILE %q, %v, want that it counts", cfg.LogFile, err)
				}
				return
			}
			testkit.WantText(t, explained(t, err), "CGIPROXY_LOG_FILE is ", "START_LOG", "CGIPROXY_LOG_FILE=.htproxy.log")
			if cfg.LogFile != "" {
				t.Errorf("%s counts all the same", cfg.LogFile)
			}
		})
	}
}

// What is wrong with other settings is to be read there.
func TestLogFileBesideBadSettings(t *testing.T) {
	folder := t.TempDir()
	for _, text := range []string{"UPSTREAM=app", "", "MAX_BODY=x\nUPSTREAM=6543"} {
		testkit.WriteFile(t, folder, File, "LOG_FILE=.htx.log\n"+text)
		cfg, _, err := Load(nil, folder)
		if err == nil || cfg.LogFile != filepath.Join(folder, ".htx.log") {
			t.Errorf("%q: got LOG_FILE %q and error %v", text, cfg.LogFile, err)
		}
	}
}

// A file of ours is made for us alone. The owner's may be one that others may
// write to, for without suEXEC scripts run as another user.
func TestOpenOwn(t *testing.T) {
	root := tree(t, []entry{{"own/all.log", 0o666, 0, ""}, {"own/stranger.log", 0o666, 65534, ""}, {"own/pipe", fs.ModeNamedPipe | 0o666, 0, ""}, {"stranger", fs.ModeDir | 0o755, 65534, ""}})
	cfg := Config{folder: root + "/site"}
	for _, tt := range []struct {
		name string
		mode fs.FileMode
		want string // the error
	}{
		{"own/new.log", 0o600, ""},
		{"own/all.log", 0o666, ""},
		{"own/stranger.log", 0, "belongs to user 65534"},
		{"own/pipe", 0, "no such device"}, // a pipe that nobody reads
		{"stranger/new.log", 0, "belongs to user 65534"},
		{"missing/new.log", 0, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, info, err := cfg.OpenOwn(filepath.Join(root, tt.name), os.O_WRONLY|os.O_APPEND|os.O_CREATE)
			testkit.WantError(t, err, tt.want)
			if err != nil {
				return
			}
			_, err = f.WriteString("x")
			if err := errors.Join(err, f.Close()); err != nil || info.Mode() != tt.mode {
				t.Errorf("mode %v, want %v; error %v", info.Mode(), tt.mode, err)
			}
		})
	}
}
