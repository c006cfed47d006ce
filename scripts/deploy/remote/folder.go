package remote

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// folder is this machine.
type folder struct{}

func (folder) List(name string) ([]Entry, error) {
	files, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			continue // gone meanwhile
		}
		list = append(list, Entry{f.Name(), info.Size(), info.Mode()})
	}
	return list, nil
}

func (folder) Real(name string) (string, error) {
	real, err := filepath.Abs(filepath.FromSlash(name))
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	return filepath.ToSlash(real), err
}

func (folder) Size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no regular file", name)
	}
	return info.Size(), nil
}

func (folder) Read(name string, offset, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return readMost(f, most)
}

// Write makes a file of its own in place of what is there, which may be a link to
// another one, or open in a program that may not read the new one.
func (folder) Write(name string, content []byte, mode fs.FileMode, tell func(int)) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) // O_EXCL follows no link (open(2))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(mode); err != nil { // without the umask, and before there is anything to read
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	tell(len(content))
	return f.Sync()
}

func (folder) Chmod(name string, mode fs.FileMode) error { return os.Chmod(name, mode) }
func (folder) Rename(from, to string) error              { return os.Rename(from, to) }
func (folder) Link(name, second string) error            { return os.Link(name, second) }
func (folder) Remove(name string) error                  { return os.Remove(name) }
func (folder) Close() error                              { return nil }

func (folder) Touch(name string) error {
	now := time.Now()
	return os.Chtimes(name, now, now)
}

func (folder) Rmdir(name string) error { return os.Remove(name) }

func (folder) Mkdir(name string, mode fs.FileMode) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	if err := os.Mkdir(name, mode); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}
