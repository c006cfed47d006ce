// Package examples has the apps that people copy, a folder for each, and makes
// them ready to run on this machine: for "make run EXAMPLE=" and the tests.
package examples

import (
	"bytes"
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

// Settings returns an example's lines of .htcgiproxy, for an app in dir and a
// site in folder, "" for the whole domain, as their comments ask to edit them.
func Settings(name, folder, dir string) (string, error) {
	if installers[name] == nil {
		return "", unknown(name)
	}
	text, err := files.ReadFile(path.Join(name, settingsFile))
	lines := strings.ReplaceAll(string(text), "/home/me/app", dir)
	if folder != "" && name != "next" { // whose folder is built in
		lines += "CGIPROXY_STRIP_PREFIX=auto\n"
	}
	return lines, err
}

// Put puts an example into dir, the app's folder, ready to run in a folder of the
// site, "" for the whole domain. What npm makes is kept for the next time. The
// error wraps [ErrMissing] where this machine lacks something.
func Put(ctx context.Context, name, folder, dir string) error {
	if _, slow := installers[name].(npm); slow {
		return putCached(ctx, name, folder, dir)
	}
	if err := copyTo(dir, name, folder); err != nil {
		return err
	}
	_, err := prepare(ctx, name, dir)
	return err
}

func putCached(ctx context.Context, name, folder, dir string) error {
	source, err := os.MkdirTemp("", "proxycgi-example-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(source)
	if err := copyTo(source, name, folder); err != nil {
		return err
	}
	ready, err := Cached(name, os.DirFS(source), func(temp string) (string, error) {
		if err := os.CopyFS(temp, os.DirFS(source)); err != nil {
			return "", err
		}
		return prepare(ctx, name, temp)
	})
	if err != nil {
		return err
	}
	return os.CopyFS(dir, os.DirFS(ready))
}

// copyTo puts the files of an example into dir, as a person copies and edits them.
func copyTo(dir, name, folder string) error {
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
		if file == "next/next.config.mjs" {
			content = bytes.Replace(content, []byte(`basePath: ""`), []byte(`basePath: "`+folder+`"`), 1)
		}
		return os.WriteFile(target, content, 0o644)
	})
}

// prepare gets a copy of an example in dir ready to run, and returns the folder
// that is the app then.
func prepare(ctx context.Context, name, dir string) (app string, err error) {
	if app, err = installers[name].prepare(ctx, dir); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return app, nil
}

func unknown(name string) error {
	return fmt.Errorf("there is no example %q; there are %s", name, strings.Join(Names(), ", "))
}
