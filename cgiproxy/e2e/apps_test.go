package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/scripts/examples"
)

// newFront starts an Apache with proxy.cgi in the given folders, "" for the
// document root, each with its lines of .htcgiproxy.
func newFront(t *testing.T, settings map[string]string) *webserver.Server {
	t.Helper()
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{})
	for folder, lines := range settings {
		s.Install(t, filepath.Join(folder, "proxy.cgi"), binary)
		s.WriteFile(t, filepath.Join(folder, ".htcgiproxy"), lines, 0o600)
		s.WriteFile(t, filepath.Join(folder, ".htaccess"), example(t), 0o644)
	}
	return s
}

// needPrograms skips the test where one of the programs is missing.
func needPrograms(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			webserver.Need(t, fmt.Errorf("%w: %s is missing: run scripts/webservers", webserver.ErrUnavailable, name))
		}
	}
}

// startNode runs a program that prints the port it listens on, and that ends
// with its standard input. It returns the port.
func startNode(t *testing.T, program, modules string) string {
	t.Helper()
	cmd := exec.Command("node", program)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "NODE_ENV=test") // no log of each 4xx
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close() // ends it
		kill := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("node: %v\n%s", err, stderr.String())
		}
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("node did not say its port: %v", err)
	}
	return strings.TrimSpace(port)
}

// nodeModules returns a folder with the modules that source/package-lock.json
// lists.
func nodeModules(t *testing.T, source string) string {
	t.Helper()
	files := os.DirFS(source)
	folder, err := examples.Cached(filepath.Base(source), files, func(temp string) (string, error) {
		if err := os.CopyFS(temp, files); err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
		npm.Dir = temp
		if out, err := npm.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: npm ci: %w\n%s", webserver.ErrUnavailable, err, out)
		}
		return temp, nil
	})
	webserver.Need(t, err)
	return filepath.Join(folder, "node_modules")
}
