// The files of a server: its folders, what tests put into the document root,
// and its logs.

package webserver

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// WriteFile writes a file below the document root, with the folders on its
// way. A server that reads it meanwhile sees the old or the new one, whole.
func (s *Server) WriteFile(t testing.TB, name, content string, mode os.FileMode) {
	t.Helper()
	err := s.place(name, func(temp string) error {
		return s.write(temp, strings.NewReader(content), mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Install puts an executable below the document root, as "proxy.cgi" or
// "sub/proxy.fcgi". The first time it copies binary, after that it links the
// copy, so that a test can install it in many folders.
func (s *Server) Install(t testing.TB, name, binary string) {
	t.Helper()
	if err := s.install(name, binary); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) install(name, binary string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	original, err := s.copyOf(binary)
	if err != nil {
		return err
	}
	return s.place(name, func(temp string) error { return os.Link(original, temp) })
}

// copyOf returns this server's own copy of binary, beside the document root:
// on its file system, but not served.
func (s *Server) copyOf(binary string) (string, error) {
	if original, ok := s.copies[binary]; ok {
		return original, nil
	}
	f, err := os.Open(binary)
	if err != nil {
		return "", err
	}
	defer f.Close()
	original := filepath.Join(filepath.Dir(s.Root), fmt.Sprintf("original-%d", len(s.copies)))
	if err := s.write(original, f, 0o755); err != nil {
		return "", err
	}
	s.copies[binary] = original
	return original, nil
}

// place makes the file name below the document root: create makes it under a
// name that no server serves, in the same folder, and it is moved from there.
// A running program could not be overwritten (text file busy).
func (s *Server) place(name string, create func(temp string) error) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%q leaves the document root", name)
	}
	if err := s.makeFolder(filepath.Dir(name)); err != nil {
		return err
	}
	folder := filepath.Join(s.Root, filepath.Dir(name))
	temp := filepath.Join(folder, ".ht-new-"+filepath.Base(name))
	if err := create(temp); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(folder, filepath.Base(name)))
}

// makeFolder makes a folder below the document root, with those on its way.
func (s *Server) makeFolder(name string) error {
	folder := s.Root
	for part := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		folder = filepath.Join(folder, part)
		err := newSubfolder(folder, account{s.UID, s.GID})
		if err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// write writes a file that belongs to the account of the CGI programs: suEXEC
// wants user and group of program and folder to be its own.
func (s *Server) write(path string, content io.Reader, mode os.FileMode) error {
	// A process that another goroutine starts now would hold this file open
	// for writing until it executes, and executing the file fails for as long
	// (go.dev/issue/22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()

	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	if err := f.Chown(s.UID, s.GID); err != nil {
		return err
	}
	// After chown, which clears set-id bits, and without the umask.
	if err := f.Chmod(mode); err != nil {
		return err
	}
	return f.Close()
}

// newFolder makes a folder with a new name below parent, "" for the folder for
// temporary files, that Stop removes. Unlike one of os.MkdirTemp it is open to
// all, since servers and programs run as other users.
func (s *Server) newFolder(parent string, owner account) (string, error) {
	path, err := os.MkdirTemp(parent, "proxycgi-test-")
	if err != nil {
		return "", err
	}
	s.folders = append(s.folders, path)
	return path, openFolder(path, owner)
}

func newSubfolder(path string, owner account) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return openFolder(path, owner)
}

func openFolder(path string, owner account) error {
	if err := os.Chown(path, owner.uid, owner.gid); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}

// A logFile is a log from an offset on.
type logFile struct {
	path string
	from int64
}

// sinceNow is a log that others write as well, from its present end on.
func sinceNow(path string) logFile {
	info, err := os.Stat(path)
	if err != nil {
		return logFile{path: path}
	}
	return logFile{path: path, from: info.Size()}
}

// ErrorLog returns what the error log holds so far, under suEXEC followed by
// what its log, which all servers share, got since Start. It is empty after
// Stop.
func (s *Server) ErrorLog() string {
	var all strings.Builder
	for _, log := range s.logs {
		f, err := os.Open(log.path)
		if err != nil {
			continue
		}
		if _, err := f.Seek(log.from, io.SeekStart); err == nil {
			_, _ = io.Copy(&all, f) // a part is better than nothing
		}
		f.Close()
	}
	return all.String()
}
