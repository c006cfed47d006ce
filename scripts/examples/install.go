// What each example needs on this machine, and what makes a copy ready to run.

package examples

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrMissing is wrapped by the errors that say what this machine lacks.
var ErrMissing = errors.New("missing here")

// An installer does what the first lines of an example ask a person to do, with a
// copy in dir, and returns the folder that is the app then.
type installer interface {
	prepare(ctx context.Context, dir string) (app string, err error)
}

var installers = map[string]installer{
	"django":  python("django"),
	"express": npm{commands: []string{"ci"}},
	"flask":   python("flask"),
	"go":      golang{},
	"next":    npm{[]string{"ci", "run build"}, ".next/standalone"},
	"php":     php{},
	"sinatra": ruby{},
}

// A python is the module of an app that has its modules in venv. Here that is
// where the system's are.
type python string

func (module python) prepare(_ context.Context, dir string) (string, error) {
	// apt-get installs modules for the system's own, whatever else is in PATH.
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		out, err := exec.Command(python, "-c", fmt.Sprintf("import sys, gunicorn, %s; print(sys.prefix)", module)).Output()
		if err != nil {
			continue
		}
		prefix := strings.TrimSpace(string(out))
		if _, err := os.Stat(filepath.Join(prefix, "bin", "gunicorn")); err == nil {
			return dir, os.Symlink(prefix, filepath.Join(dir, "venv"))
		}
	}
	return "", missing(fmt.Sprintf("python3 with gunicorn and %s", module), fmt.Sprintf("gunicorn python3-%s", module))
}

// An npm is the commands of npm that make an app ready.
type npm struct {
	commands []string
	app      string // the folder that they make it in, "" for where they run
}

func (n npm) prepare(ctx context.Context, dir string) (string, error) {
	if err := need("nodejs npm", "node", "npm"); err != nil {
		return "", err
	}
	for _, command := range n.commands {
		if err := run(ctx, dir, "npm", strings.Fields(command)...); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, n.app), nil
}

type golang struct{}

func (golang) prepare(ctx context.Context, dir string) (string, error) {
	if err := need("golang", "go"); err != nil {
		return "", err
	}
	return dir, run(ctx, dir, "go", "build", "-o", "app", "app.go")
}

type php struct{}

func (php) prepare(_ context.Context, dir string) (string, error) {
	return dir, need("php-cli", "php")
}

// A ruby app has a Gemfile. Here its gems are the system's.
type ruby struct{}

func (ruby) prepare(_ context.Context, dir string) (string, error) {
	const packages = "puma ruby-bundler ruby-sinatra"
	if err := need(packages, "ruby", "bundle"); err != nil {
		return "", err
	}
	if err := exec.Command("ruby", "-e", "gem \"sinatra\"; gem \"puma\"").Run(); err != nil {
		return "", missing("ruby with sinatra and puma", packages)
	}
	return dir, nil
}

func need(packages string, programs ...string) error {
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			return missing(name, packages)
		}
	}
	return nil
}

func missing(what, packages string) error {
	return fmt.Errorf("%w: %s: run scripts/webservers, or apt-get install %s", ErrMissing, what, packages)
}

// run runs a command in dir; the error has what it printed.
func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "NEXT_TELEMETRY_DISABLED=1",
		"npm_config_audit=false", "npm_config_fund=false", "npm_config_ignore_scripts=true")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
