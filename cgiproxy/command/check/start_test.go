package check

import "testing"

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
