package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// Relative paths start where the owner would look for them.
func TestStartPaths(t *testing.T) {
	type paths struct{ dir, socket, log, restart string }
	tests := []struct {
		name     string
		settings []string
		want     paths // without the folder of the executable
	}{
		{"defaults", []string{"UPSTREAM=unix:app.sock"}, paths{"", "app.sock", "app.log", "tmp/restart.txt"}},
		{"below", []string{"START_DIR=app", "UPSTREAM=unix:tmp/s"}, paths{"app", "app/tmp/s", "app/app.log", "app/tmp/restart.txt"}},
		{"beside", []string{"START_DIR=../app", "UPSTREAM=unix:s"}, paths{"../app", "../app/s", "../app/app.log", "../app/tmp/restart.txt"}},
		{"named", []string{"UPSTREAM=unix:s", "START_LOG=logs/l", "RESTART_FILE=r"}, paths{"", "s", "logs/l", "r"}},
		{"absolute", []string{"START_DIR=/srv/a", "UPSTREAM=unix:/run/s", "START_LOG=/var/l", "RESTART_FILE=/srv/r"}, paths{"/srv/a", "/run/s", "/var/l", "/srv/r"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configure(t, append(tt.settings, "START=./app")...)
			got := []string{cfg.StartDir, cfg.Upstream.Address, cfg.StartLog, cfg.RestartFile}
			want := []string{tt.want.dir, tt.want.socket, tt.want.log, tt.want.restart}
			for i := range want {
				want[i] = within(cfg.folder, want[i])
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
	if cfg := configure(t, "UPSTREAM=unix:app.sock"); cfg.Upstream.Address != filepath.Join(cfg.folder, "app.sock") {
		t.Errorf("without START the socket is %q", cfg.Upstream.Address)
	}
}

// Which app is started may be another for each request where SetEnv has a say.
func TestStartFile(t *testing.T) {
	for _, tt := range []struct {
		name, file, setEnv string
		want               bool
	}{
		{"the file", "START=./app", "", true},
		{"the file, with a folder", "START=./app\nSTART_DIR=/srv/a", "CGIPROXY_START_DIR=/srv/b", true},
		{"the folder by SetEnv", "START=./app", "CGIPROXY_START_DIR=/srv/b", false},
		{"SetEnv", "", "CGIPROXY_START=./app", false},
		{"no START", "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder, vars := t.TempDir(), map[string]string{}
			file := testkit.WriteFile(t, folder, File, "UPSTREAM=6543\n"+tt.file+"\n")
			if name, value, ok := strings.Cut(tt.setEnv, "="); ok {
				vars[name] = value
			}
			cfg, _, err := Load(vars, folder)
			if err != nil {
				t.Fatal(err)
			}
			got, changed := cfg.StartFile()
			if got != "" && got != file || (got != "") != tt.want {
				t.Errorf("got %q, want %q: %t", got, file, tt.want)
			}
			if info, err := os.Stat(file); err != nil || tt.want != changed.Equal(ChangeTime(info)) {
				t.Errorf("changed %v, %v, want that of the file: %t", changed, err, tt.want)
			}
		})
	}
}

// With START the listener has to be ours, unless the owner says otherwise.
func TestStartOwner(t *testing.T) {
	for _, tt := range []struct {
		settings []string
		want     bool
	}{
		{nil, false},
		{[]string{"START=./app"}, true},
		{[]string{"START=./app", "REQUIRE_OWNER=false"}, false},
	} {
		if got := configure(t, tt.settings...).RequireOwner; got != tt.want {
			t.Errorf("%q: RequireOwner is %t, want %t", tt.settings, got, tt.want)
		}
	}
}

// The app gets the variables that START_ENV names, and no warning says that they
// are no settings.
func TestStartVars(t *testing.T) {
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", strings.Join([]string{
		"UPSTREAM=auto", "START=./app", "START_ENV=DATABASE_URL,A, PATH EMPTY", "DATABASE_URL='postgres://u:p@h/d'", "NOT_NAMED=1",
	}, "\n"))
	cfg, notes, err := Load(map[string]string{"A": "set", "REDIRECT_A": "no", "REDIRECT_PATH": "/bin", "DATABASE_URL": "no", "OTHER": "x"}, folder)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"DATABASE_URL=postgres://u:p@h/d"}; !slices.Equal(cfg.StartVars, want) {
		t.Errorf("the app gets %q from the file, want %q", cfg.StartVars, want)
	}
	if want := []string{"A=set", "PATH=/bin"}; !slices.Equal(cfg.StartPassing, want) {
		t.Errorf("the app gets %q from the environment, want %q", cfg.StartPassing, want)
	}
	if got, want := texts(notes, LevelWarn), []string{"CGIPROXY_NOT_NAMED is no setting"}; !slices.Equal(got, want) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

// The app checks signatures with SECRET. One of SetEnv, which not all requests have,
// does not restart it.
func TestStartSecret(t *testing.T) {
	for _, tt := range []struct {
		name, file    string
		vars          map[string]string
		vary, passing []string
	}{
		{"the file", "CGIPROXY_SECRET=s3cret", nil, []string{"SECRET=s3cret"}, nil},
		{"the file, without the prefix", "SECRET=s3cret", nil, []string{"SECRET=s3cret"}, nil},
		{"SetEnv", "", map[string]string{"CGIPROXY_SECRET": "s3cret"}, nil, []string{"SECRET=s3cret"}},
		{"none", "", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			testkit.WriteFile(t, folder, File, "UPSTREAM=auto\nSTART=./app\nSTART_ENV=SECRET\n"+tt.file+"\n")
			cfg, _, err := Load(tt.vars, folder)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(cfg.StartVars, tt.vary) || !slices.Equal(cfg.StartPassing, tt.passing) {
				t.Errorf("the app gets %q and %q, want %q and %q", cfg.StartVars, cfg.StartPassing, tt.vary, tt.passing)
			}
		})
	}
}
