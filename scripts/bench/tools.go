package main

// What has to be installed, and what the results are worth without it.

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// A tool is a program the benchmark calls.
type tool struct {
	program  string
	args     []string // a call that works only where all of it is there
	packages string   // of Debian
}

var tools = []tool{
	{"wrk", nil, "wrk"},
	{"gcc", nil, "gcc libc6-dev"},
	{"python3", []string{"-c", "import http.client"}, "python3"},
	{"perl", []string{"-MHTTP::Tiny", "-e1"}, "perl"},
	{"php-cgi", []string{"-n", "-v"}, "php-cgi php-curl"},
}

// find returns where the tool is, or why it cannot be used.
func (t tool) find() (string, error) {
	path, err := exec.LookPath(t.program)
	if err != nil {
		return "", fmt.Errorf("%s is missing: apt-get install %s", t.program, t.packages)
	}
	if t.args == nil {
		return path, nil
	}
	if _, err := output(context.Background(), path, t.args...); err != nil {
		return "", fmt.Errorf("%w: apt-get install %s", err, t.packages)
	}
	return path, nil
}

// findTool is find for one of tools.
func findTool(name string) (string, error) {
	i := slices.IndexFunc(tools, func(t tool) bool { return t.program == name })
	return tools[i].find()
}

// checkTools says, before minutes are spent, what the tables will lack.
func checkTools(install bool) error {
	var missing []string
	for _, t := range tools {
		if _, err := t.find(); err != nil {
			missing = append(missing, strings.Fields(t.packages)...)
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case !install:
		log.Printf("Missing, so left out of the tables: apt-get install %s, or run this with -install.", strings.Join(missing, " "))
		return nil
	}
	cmd := exec.Command("apt-get", append([]string{"install", "-y", "--no-install-recommends"}, missing...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("apt-get install %s: %w: run it as root", strings.Join(missing, " "), err)
	}
	return nil
}
