package settings

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ReadOwn reads a file of at most limit bytes that the owner of the site has
// written: .htcgiproxy and those that it names. On a machine with other users
// something else may be in its place: a link of theirs to a file that only we
// may read, a pipe that never ends, or what they have written into it.
func ReadOwn(name string, limit int) ([]byte, fs.FileInfo, error) {
	f, info, err := openOwn(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if err := checkAuthor(name, info); err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(text) > limit {
		err = fmt.Errorf("%s is over %d bytes", name, limit)
	}
	if err != nil {
		return nil, nil, err
	}
	return text, info, nil
}

func openOwn(name string) (*os.File, fs.FileInfo, error) {
	link, err := os.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if owner := ownerOf(link); link.Mode()&fs.ModeSymlink != 0 && owner != os.Geteuid() && owner != 0 {
		return nil, nil, fmt.Errorf("%s is a symbolic link of user %d, not of ours, user %d", name, owner, os.Geteuid())
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe without a writer would hold up open
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// checkAuthor refuses a file that others can have written: the app that a
// .htcgiproxy names gets all that clients send. Its folder's owner may have
// written it, who can put another file in its place anyway: without suEXEC he
// and the user that scripts run as are two.
func checkAuthor(name string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o022 != 0 {
		return &authorError{
			fmt.Sprintf("%s has permissions %03o: others may write to it", name, info.Mode().Perm()),
			"set its permissions to 600 (or 644 where the web server runs scripts as another user)",
		}
	}
	owner := ownerOf(info)
	if owner == os.Geteuid() || owner == 0 {
		return nil
	}
	if folder, err := os.Stat(filepath.Dir(name)); err == nil && ownerOf(folder) == owner {
		return nil
	}
	return &authorError{
		fmt.Sprintf("%s belongs to user %d, who is neither ours, user %d, nor the folder's", name, owner, os.Geteuid()),
		"delete it and upload it again",
	}
}

// An authorError is a file that somebody else can have written.
type authorError struct{ what, remedy string }

func (e *authorError) Error() string { return e.what }

func readableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o004 != 0 }

// ownerOf returns the user that a file belongs to.
func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }
