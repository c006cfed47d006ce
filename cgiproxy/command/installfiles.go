// The files of a folder, read and replaced.

package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/htaccess"
)

// maxText and maxProgram bound what install reads, in bytes. A file may be all holes,
// and many times as large as the memory.
const maxText, maxProgram = 1 << 20, 64 << 20

// readFile returns a file as it is, refusing what a new one cannot replace
// without a loss.
func readFile(folder, name string) (install.Change, error) {
	c := install.Change{Name: name}
	path := filepath.Join(folder, name)
	// Without O_NONBLOCK a pipe would hold up open.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if to, notLink := os.Readlink(path); err != nil && notLink == nil {
		return c, fmt.Errorf("%s is a symbolic link to %s, which would be replaced: put a file in its place first", path, to)
	}
	if err != nil {
		return c, explained(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return c, err
	}
	owner, me := ownerOf(info), os.Geteuid()
	switch {
	case !info.Mode().IsRegular():
		return c, fmt.Errorf("%s is no regular file: move it away first", path)
	case owner != me:
		return c, fmt.Errorf("%s belongs to user %d, and you are user %d: change its owner, or put a copy of your own in its place", path, owner, me)
	}
	c.OldMode = info.Mode().Perm()
	limit := maxText
	if slices.Contains(htaccess.Both.Names(), name) {
		limit = maxProgram
	}
	c.Old, err = io.ReadAll(io.LimitReader(f, int64(limit)+1))
	switch {
	case err != nil:
		return c, explained(err)
	case len(c.Old) > limit:
		return install.Change{Name: name}, fmt.Errorf("%s is over %d bytes: move it away first", path, limit)
	case c.Old == nil:
		c.Old = []byte{}
	}
	return c, nil
}

// lockFolder keeps other installs out of a folder until unlock, or until the process
// ends. The lock is a file that nobody else may open: the folder itself could be
// locked, for ever, by any user who may read it.
func lockFolder(folder string) (unlock func(), err error) {
	path := filepath.Join(folder, ".htproxycgi-lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return func() {}, nil // what is written there tells why
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // some file systems have none
	locked, err1 := f.Stat()
	there, err2 := os.Lstat(path)
	if errors.Is(err, syscall.EWOULDBLOCK) || err1 != nil || err2 != nil || !os.SameFile(locked, there) { // removed by the one before
		f.Close()
		return nil, fmt.Errorf("another install works on %s: run this again when it is done", folder)
	}
	return func() {
		os.Remove(path)
		f.Close()
	}, nil
}

// stagedPrefix begins the names of new files before they take their places.
const stagedPrefix = ".htproxycgi-new-"

// removeStaged removes what an install has left that was killed.
func removeStaged(folder string) {
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), stagedPrefix) {
			os.Remove(filepath.Join(folder, e.Name()))
		}
	}
}

// apply makes all changes, or none. Each new file is written beside the old one,
// down to the disk, and then takes its place, so that the web server sees whole
// files only.
func apply(folder string, changes []install.Change) error {
	removeStaged(folder)
	staged := make([]string, len(changes))
	defer func() {
		for _, temp := range staged {
			if temp != "" {
				os.Remove(temp) // where it has not been moved
			}
		}
	}()
	for i, c := range changes {
		if c.New == nil {
			continue
		}
		temp, err := stage(folder, c.Name, c.New, c.Mode)
		if err != nil {
			return fmt.Errorf("%s cannot be written: %w; nothing has been changed", c.Name, explained(err))
		}
		staged[i] = temp
	}
	for i, c := range changes {
		if err := place(folder, c.Name, staged[i]); err != nil {
			if err2 := undo(folder, changes[:i]); err2 != nil {
				return fmt.Errorf("%s cannot be replaced: %w; nor could all be put back: %w", c.Name, explained(err), err2)
			}
			return fmt.Errorf("%s cannot be replaced: %w; nothing has been changed", c.Name, explained(err))
		}
	}
	return syncFolder(folder)
}

// stage writes a file under a name that no server serves, and returns its path. It has
// the group of the one whose place it takes: with permissions 640 that is the web
// server's.
func stage(folder, name string, content []byte, mode fs.FileMode) (temp string, err error) {
	f, err := os.CreateTemp(folder, stagedPrefix+"*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err2 := f.Close(); err == nil {
			err = err2
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(content); err != nil {
		return "", err
	}
	if old, err := os.Lstat(filepath.Join(folder, name)); err == nil {
		group := int(old.Sys().(*syscall.Stat_t).Gid)
		if err := f.Chown(-1, group); err != nil && mode>>3&7 != mode&7 {
			return "", fmt.Errorf("it would lose its group %d, which is none of yours (%v): chgrp it, or set its permissions to 600 or 644", group, err)
		}
	}
	if err := f.Chmod(mode); err != nil { // without the umask
		return "", err
	}
	return f.Name(), f.Sync()
}

// place puts a staged file in its place, "" is none.
func place(folder, name, staged string) error {
	path := filepath.Join(folder, name)
	if staged == "" {
		return os.Remove(path)
	}
	return os.Rename(staged, path)
}

// undo puts back what was there before the changes.
func undo(folder string, changes []install.Change) error {
	var errs []error
	for _, c := range slices.Backward(changes) {
		var temp string
		var err error
		if c.Old != nil {
			temp, err = stage(folder, c.Name, c.Old, c.OldMode)
		}
		if err == nil {
			err = place(folder, c.Name, temp)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// syncFolder makes the new names last, too.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // some file systems cannot
		return err
	}
	return nil
}

// explained adds to an error of the system what to do about it.
func explained(err error) error {
	remedy := ""
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		remedy = "free some space or quota, and run this again"
	case errors.Is(err, syscall.EROFS):
		remedy = "the file system is mounted read-only"
	case errors.Is(err, fs.ErrPermission):
		remedy = fmt.Sprintf("you are user %d: run this as the owner of the folder, who must have its w permission (chmod 755)", os.Geteuid())
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, remedy)
}
