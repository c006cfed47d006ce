package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ReadOwn reads a file of at most limit bytes that the owner of the site has
// written, and that no other user of the machine can have written or chosen.
func (c *Config) ReadOwn(name string, limit int) ([]byte, error) {
	text, _, err := c.ReadOwnFile(name, limit)
	return text, err
}

// ReadOwnFile is ReadOwn for one who wants to know how old the file is, too.
func (c *Config) ReadOwnFile(name string, limit int) ([]byte, fs.FileInfo, error) {
	return c.site().read(name, limit)
}

// OpenOwn opens a file that the owner of the site has made, or that we have,
// and that no other user of the machine can have chosen; others may be allowed
// to write to it. flag is as for os.OpenFile.
func (c *Config) OpenOwn(name string, flag int) (*os.File, fs.FileInfo, error) {
	return c.site().open(name, flag)
}

func (c *Config) site() site { return site{c.folder, c.own} }

// CheckWay refuses a folder that belongs to a user who is neither ours nor root,
// or that one could lead elsewhere: by a link or a folder of his on the way to it,
// or in a folder on the way that others may write to. Whether they may write to
// the folder itself is no matter; for that, ask with "/." behind it.
func CheckWay(folder string) error {
	s := site{folder, true}
	path, err := s.resolve(folder)
	if err != nil {
		return explainStranger(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	return explainStranger(s.checkOwner("the folder "+path, info, ownFolder))
}

// explainStranger returns an error of a stranger's file with its remedy.
func explainStranger(err error) error {
	if bad, ok := errors.AsType[*strangerError](err); ok {
		return &Error{Err: bad, Remedy: bad.remedy}
	}
	return err
}

// A site is the owner's part of a machine that he shares with others. They
// would have us read, and show to the world, a file that only we may read, or
// have what they have written count as the owner's: through a link, a file or a
// folder of theirs in the place of his, or a pipe that never ends.
type site struct {
	folder string // of the executable
	own    bool   // what the folder's owner has counts only where he is our user
}

func (s site) read(name string, limit int) ([]byte, fs.FileInfo, error) {
	f, info, err := s.open(name, os.O_RDONLY)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if err := checkPermissions(name, info, "set its permissions to 600 (or 644 where the web server runs scripts as another user)"); err != nil {
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

// open looks at the file it has opened, and at no name for it: that may be
// another file's a moment later.
func (s site) open(name string, flag int) (*os.File, fs.FileInfo, error) {
	f, err := s.openHere(name, flag)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no regular file", name)
	default:
		err = s.checkOwner(f.Name(), info, "delete it and upload it again")
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// openHere opens a file. The way to one beside the executable is not looked at:
// the kernel has told it, without links, and who could change it could put
// another executable there.
func (s site) openHere(name string, flag int) (*os.File, error) {
	if filepath.Dir(name) == s.folder {
		f, err := openNoLink(name, flag)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	path, err := s.resolve(name)
	if err != nil {
		return nil, err
	}
	return openNoLink(path, flag)
}

// maxLinks is what the kernel itself follows: path_resolution(7).
const maxLinks = 40

// resolve returns the path of a file, which need not be there, without links.
// Each link on the way has to be of the owner's, and each folder, too, where
// nobody else may put something in the place of what is there: so the path that
// is opened afterwards is still the one that was looked at.
func (s site) resolve(name string) (string, error) {
	path, rest := "/", name
	for links := 0; rest != ""; {
		part, after, isFolder := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := filepath.Join(path, part) // also for "..": there is no link in path
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !isFolder:
			return next, nil
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return "", fmt.Errorf("%s has more than %d symbolic links on its way", name, maxLinks)
			}
			if rest, err = s.followLink(next, info); err != nil {
				return "", err
			}
			if isFolder {
				rest += "/" + after
			}
			path = "/"
			continue
		case isFolder:
			if err := s.checkFolder(next, info); err != nil {
				return "", err
			}
		}
		path, rest = next, after
	}
	return path, nil
}

// followLink returns what a symbolic link of the owner's stands for.
func (s site) followLink(link string, info fs.FileInfo) (string, error) {
	if err := s.checkOwner("the symbolic link "+link, info, "make one of your own"); err != nil {
		return "", err
	}
	target, err := os.Readlink(link)
	if err == nil && !filepath.IsAbs(target) {
		target = filepath.Dir(link) + "/" + target
	}
	return target, err
}

const ownFolder = "keep what is in it in a folder of your own"

// checkFolder refuses a folder where others can put something in the place of
// a file or folder of the owner's: in one with the sticky bit (/tmp) they can
// only add what is theirs.
func (s site) checkFolder(folder string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", folder)
	}
	if err := s.checkOwner("the folder "+folder, info, ownFolder); err != nil || info.Mode()&fs.ModeSticky != 0 {
		return err
	}
	return checkPermissions("the folder "+folder, info, "set its permissions to 755 (chmod go-w)")
}

// checkOwner refuses what belongs to a stranger. The site's owner, whom the
// executable's folder belongs to, and the user that scripts run as are two
// where there is no suEXEC. Where they have to be one (own), the folder is not
// looked at: by now another may be under its name.
func (s site) checkOwner(name string, info fs.FileInfo, remedy string) error {
	owner := ownerOf(info)
	if owner == os.Geteuid() || owner == 0 {
		return nil
	}
	if s.own {
		return &strangerError{fmt.Sprintf("%s belongs to user %d, who is neither root nor ours, user %d", name, owner, os.Geteuid()), remedy}
	}
	if folder, err := os.Stat(s.folder); err == nil && ownerOf(folder) == owner {
		return nil
	}
	return &strangerError{
		fmt.Sprintf("%s belongs to user %d, who is neither ours, user %d, nor the owner of the folder of proxy.cgi", name, owner, os.Geteuid()),
		remedy,
	}
}

// checkPermissions refuses what others may change: the app that a .htcgiproxy
// names gets all that clients send.
func checkPermissions(name string, info fs.FileInfo, remedy string) error {
	if info.Mode().Perm()&0o022 == 0 {
		return nil
	}
	return &strangerError{fmt.Sprintf("%s has permissions %03o: others may write to it", name, info.Mode().Perm()), remedy}
}

// A strangerError is a file, or something on the way to it, that somebody else
// can have put there.
type strangerError struct{ what, remedy string }

func (e *strangerError) Error() string { return e.what }
