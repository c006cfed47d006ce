package check

import (
	"os"
	"path/filepath"
	"testing"

	"proxy.cgi/cgiproxy/settings"
)

// Of a command that only the shell can read, nothing is known.
func TestFirstProgram(t *testing.T) {
	for command, want := range map[string]string{
		"venv/bin/gunicorn app:app":             "venv/bin/gunicorn",
		"PORT=1 exec ./run && ./b":              "./run",
		"exec env A=b /opt/app -x":              "/opt/app",
		"if test -e ./run; then exec ./run; fi": "if",
		"exec ~/bin/run":                        "",
		"./migrate.sh; exec ./run.sh":           "",
		`exec "./my app/run"`:                   "",
		"./run.sh>my.log":                       "",
		"(./migrate.sh) && ./run.sh":            "",
		`A="/x /y" ./run.sh`:                    "",
		"A=`cat /a` ./run.sh":                   "",
		"$HOME/bin/run":                         "",
		`./my\ app/run`:                         "",
		"A=b exec":                              "",
	} {
		if got := firstProgram(command); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

// A script that was uploaded from Windows as it was there.
func TestWindowsScript(t *testing.T) {
	for text, want := range map[string]bool{
		"#!/bin/sh\r\nexec app\r\n": true, "#!/bin/sh\r": true, "#!/bin/sh -e\r\n": true,
		"#!/usr/bin/perl -w\r\n": false, "#!/usr/bin/perl\r\n": true, "#!/usr/bin/env perl\r\n": true,
		"#!/bin/sh\nexec app\r\n": false, "\x7fELF\r\n": false, "": false,
	} {
		path := filepath.Join(t.TempDir(), "run.sh")
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		if got := hasWindowsScript(path); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}

// A program that only the shell finds, or finds elsewhere, is not what the web server
// starts.
func TestOnlyHere(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"myapp", "sh"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/bin/cat", filepath.Join(folder, "cat")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path, start string
		vars              []string
		want              string
	}{
		{"nowhere else", folder, "exec myapp -x", nil, "myapp"},
		{"another elsewhere", folder + ":/bin", "sh run.sh", nil, "sh"},
		{"the same elsewhere", folder, "cat x", nil, ""},
		{"behind that of scripts", "/bin:" + folder, "sh run.sh", nil, ""},
		{"nowhere at all", folder, "yourapp", nil, ""},
		{"no program", folder, "$HOME/myapp", nil, ""},
		{"a path", folder, "./myapp", nil, ""},
		{"PATH in START", folder, "PATH=/opt/bin exec myapp", nil, ""},
		{"PATH in START_ENV", folder, "exec myapp", []string{"PATH=/opt/bin"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PATH", tt.path)
			if tt.want != "" {
				tt.want = filepath.Join(folder, tt.want)
			}
			if got := OnlyHere(&settings.Config{Starting: settings.Starting{Start: tt.start, StartVars: tt.vars}}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
