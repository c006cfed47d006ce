package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// An Error is a setting that is missing or wrong, or a file of settings that
// cannot be used. What it says is for the owner of the site.
type Error struct {
	Name   string // of the setting, without Prefix; "" where it is the file
	Value  string // as the owner wrote it, "" where there is none
	Err    error  // what is wrong with it
	Remedy string // what to do about it
}

func (e *Error) Error() string {
	switch {
	case e.Name == "":
		return e.Err.Error()
	case e.Value == "":
		return fmt.Sprintf("%s%s %v", Prefix, e.Name, e.Err)
	}
	return fmt.Sprintf("%s%s is %q: %v", Prefix, e.Name, e.Value, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Misconfigured returns the error of a setting that turns out to be wrong when
// it is used, with how to write it.
func (c *Config) Misconfigured(name string, err error) *Error {
	e := &Error{Name: name, Err: err}
	if !IsSecret(name) {
		e.Value = c.written[name].value
	}
	for _, s := range List() {
		if s.Name == name {
			e.Remedy = fmt.Sprintf("write for example %s%s=%s into %s", Prefix, name, s.Example, filepath.Join(c.folder, File))
		}
	}
	return e
}

// FewDescriptors is the remedy where a process may open no more files.
const FewDescriptors = "the host allows too few open files (ulimit -n)"

// FileRemedy returns what to do about a file of the owner that cannot be used:
// otherwise, where the cause does not suggest another remedy.
func FileRemedy(err error, otherwise string) string {
	if bad, ok := errors.AsType[*strangerError](err); ok {
		return bad.remedy
	}
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return FewDescriptors
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("the web server runs scripts as user %d, who may not read it: set its permissions to 644", os.Geteuid())
	}
	return otherwise
}
