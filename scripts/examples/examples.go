// Package examples has the apps that people copy, a folder for each, and makes
// them ready to run on this machine: for "make run EXAMPLE=" and the tests.
package examples

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed all:django all:express all:flask all:go all:next all:php all:sinatra
var files embed.FS

// settingsFile is the one file of an example that belongs beside proxy.cgi, and
// not into the app's folder.
const settingsFile = ".htcgiproxy"

// Names returns the names of all examples.
func Names() []string {
	var names []string
	for name := range installers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Settings returns an example's lines of .htcgiproxy, for an app in dir.
func Settings(name, dir string) (string, error) {
	if installers[name] == nil {
		return "", unknown(name)
	}
	text, err := files.ReadFile(path.Join(name, settingsFile))
	return strings.ReplaceAll(string(text), "/home/me/app", dir), err
}

// Copy puts the files of an example into dir, the app's folder, as a person
// copies them.
func Copy(name, dir string) error {
	if installers[name] == nil {
		return unknown(name)
	}
	return fs.WalkDir(files, name, func(file string, entry fs.DirEntry, err error) error {
		target := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(file, name)))
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case entry.Name() == settingsFile:
			return nil
		}
		content, err := files.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

// Prepare gets a copy of an example ready to run. The error wraps [ErrMissing]
// where this machine lacks something.
func Prepare(ctx context.Context, name, dir string) error {
	if err := installers[name].prepare(ctx, dir); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func unknown(name string) error {
	return fmt.Errorf("there is no example %q; there are %s", name, strings.Join(Names(), ", "))
}
