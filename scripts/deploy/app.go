package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// leftOut are names of files and folders that do not belong on the host: they
// are made there anew, are of this machine only, or are secret.
var leftOut = []string{
	".git", ".hg", ".svn", ".gitignore", ".gitattributes", ".github",
	"node_modules", "venv", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox",
	".env", ".htcgiproxy", ".idea", ".vscode", ".DS_Store", "Thumbs.db", "desktop.ini",
	".cgiproxy", stateFolder, "app.log", "restart.txt", "always_restart.txt",
}

// leftOutEnds are ends of such names: what Python compiles, and copies of editors.
var leftOutEnds = []string{".pyc", "~", ".swp", ".swo"}

// notRegular is behind the name of a link and the like, which are left out, too.
const notRegular = " (no regular file)"

// A file is one of the app's.
type file struct {
	Size   int64       `json:"size"`
	SHA256 string      `json:"sha256"`
	Mode   fs.FileMode `json:"mode"`
}

// findApp finds out whether the app's folder is there; "" is none.
func findApp(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder %s on this machine: --app names the one that the app's files are in", dir)
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is no folder: --app names the one that the app's files are in, as in --app %s", dir, filepath.Dir(dir))
	}
	return err
}

// scan returns the files of a folder, by their paths with slashes, and what it
// has left out.
func scan(dir string, include []string) (files map[string]file, out []string, err error) {
	files = map[string]file{}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // which WalkDir does not follow
		return nil, nil, err
	}
	reached := map[string]fs.FileMode{".": 0o777} // by folder
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case !slices.Contains(include, e.Name()) && isLeftOut(name, e):
			if e.IsDir() {
				out = append(out, rel+"/")
				return filepath.SkipDir
			}
			out = append(out, rel)
			return nil
		case e.IsDir():
			info, err := e.Info()
			if err != nil {
				return err
			}
			reached[rel] = reached[path.Dir(rel)] & reach(info.Mode())
			return nil
		case !utf8.ValidString(rel) || strings.ContainsFunc(rel, unicode.IsControl) || strings.Contains(rel+"/", " /"):
			return fmt.Errorf("%q has a name that is no UTF-8, has a control character or ends in a blank, which not every host keeps as it is: rename it", rel)
		case !e.Type().IsRegular():
			out = append(out, rel+notRegular)
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		files[rel] = describe(rel, content, info.Mode()&reached[path.Dir(rel)])
		return nil
	})
	out = append(out, leaveUsed(files)...)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("there is no file in %s to upload", dir)
	}
	return files, out, err
}

func isLeftOut(name string, e fs.DirEntry) bool {
	if e.IsDir() {
		if isFile(filepath.Join(name, "pyvenv.cfg")) { // a virtualenv has paths of this machine
			return true
		}
	}
	return isLeftOutName(e.Name())
}

func isLeftOutName(name string) bool {
	return slices.Contains(leftOut, name) || slices.ContainsFunc(leftOutEnds, func(end string) bool { return strings.HasSuffix(name, end) })
}

// describe tells a program by its content, too: Windows has no x permission.
func describe(name string, content []byte, mode fs.FileMode) file {
	isProgram := mode&0o100 != 0 || bytes.HasPrefix(content, []byte("\x7fELF")) || bytes.HasPrefix(content, []byte("#!"))
	return file{Size: int64(len(content)), SHA256: sum(content), Mode: fileMode(name, mode, isProgram)}
}

func sum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
