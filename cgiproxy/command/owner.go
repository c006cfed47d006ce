package command

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/settings"
)

// becomeOwner makes root the user that a folder belongs to, for good. Who owns
// the folder can put a link in the place of any file there, or of the folder
// itself, between two looks at it: what is then read, written or started by way
// of it is what he may read, write and start himself.
func becomeOwner(folder string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	uid := ownerOf(info)
	if err := checkWay(folder, uid); err != nil || uid == 0 {
		return err
	}
	if err := becomeUser(uid); err != nil {
		return fmt.Errorf("%s belongs to user %d, whom root cannot become here: %w: run this as that user", folder, uid, err)
	}
	return nil
}

// maxLinks is what the kernel itself follows: path_resolution(7).
const maxLinks = 40

// checkWay refuses a folder on whose way there is a folder or a link of a third
// user, who may lead it elsewhere at any time.
func checkWay(folder string, uid int) error {
	at, rest, links := "/", folder, 0
	for rest != "" {
		part, after, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := filepath.Join(at, part) // also for "..": there is no link in at
		info, err := os.Lstat(next)
		if err != nil {
			return err
		}
		if owner := ownerOf(info); owner != 0 && owner != uid {
			return fmt.Errorf("%s belongs to user %d, and the folder that it leads to, %s, to user %d: run this as one of them, not as root", next, owner, folder, uid)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at, rest = next, after
			continue
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "open", Path: folder, Err: syscall.ELOOP}
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = target + "/" + after
	}
	return nil
}

// becomeUser leaves nothing of root: neither groups, nor variables that the app
// of another could ask for (START_ENV). Nobody but root may trace the process
// (PR_SET_DUMPABLE in prctl(2)).
func becomeUser(uid int) error {
	account, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return err
	}
	var groups []int
	ids, err := account.GroupIds()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if group, err := strconv.Atoi(id); err == nil {
			groups = append(groups, group)
		}
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, settings.Prefix) && !slices.Contains([]string{"PATH", "LANG", "TZ", "NO_COLOR"}, name) {
			os.Unsetenv(name)
		}
	}
	if err := syscall.Setgroups(groups); err != nil {
		return err
	}
	if err := syscall.Setgid(gid); err != nil {
		return err
	}
	return syscall.Setuid(uid)
}

// checkExecutable refuses to start an app with a program that its user may not
// run: it is started by proxy.cgi itself.
func checkExecutable(folder string) error {
	path, err := os.Executable()
	if err != nil || unix.Access("/proc/self/exe", unix.X_OK) == nil || unix.Access(path, unix.X_OK) == nil {
		return err
	}
	return fmt.Errorf("user %d, whom %s belongs to, may not run %s: run the proxy.cgi that is in that folder, or chmod 755 this one", os.Geteuid(), folder, path)
}

// ownerOf returns the user that a file belongs to.
func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }
