package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this test binary as proxy.cgi.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"proxy.cgi": func() {
			os.Exit(Main(os.Args[1:], os.Getenv("HTACCESS_EXAMPLE"), os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs the command line as a person does.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HTACCESS_EXAMPLE", example(t))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mode":   checkMode,
			"status": checkStatus,
			"empty":  checkEmpty,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// example returns htaccess.example.
func example(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../htaccess.example")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkMode is the script command "mode 755 file".
func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode PERMISSIONS FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%03o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has permissions %s, want %s", args[1], got, args[0])
	}
}

// checkStatus is the script command "status 2 program arguments...".
func checkStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status NUMBER PROGRAM [ARGUMENT]...")
	}
	err := ts.Exec(args[1], args[2:]...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || fmt.Sprint(exit.ExitCode()) != args[0] {
		ts.Fatalf("%q: %v, want status %s", args[1:], err, args[0])
	}
}

// checkEmpty is the script command "empty folder".
func checkEmpty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: empty FOLDER")
	}
	files, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) > 0 {
		ts.Fatalf("%s is not empty: %v", args[0], files)
	}
}
