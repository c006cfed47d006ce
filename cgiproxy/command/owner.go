package command

import (
	"errors"
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
// of it is what he may read, write and start himself. A third user must not have
// led root there.
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
	if uid != 0 {
		if err := becomeUser(uid); err != nil {
			return fmt.Errorf("%s belongs to user %d, whom root cannot become here: %w: run this as that user", folder, uid, err)
		}
	}
	err = settings.CheckWay(folder)
	if bad, ok := errors.AsType[*settings.Error](err); ok {
		return fmt.Errorf("root could be led elsewhere than to %s of user %d: %v: %s", folder, uid, bad, bad.Remedy)
	}
	return err
}

// checkRunner refuses to run what another user has put into the folder of a site,
// as this one, unless that is root. Root runs nothing of anybody's but its own.
// (git's safe.directory is there for the same.)
func checkRunner(folder string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	if owner, me := ownerOf(info), os.Geteuid(); owner != me && owner != 0 {
		return fmt.Errorf("%s belongs to user %d, whose %sSTART would run as you, user %d: run this as user %d, or leave it to a request, which restarts the app where tmp/restart.txt is new",
			folder, owner, settings.Prefix, me, owner)
	}
	return nil
}

// checkStartDir refuses to have root run what others can have put there, or what
// they can put in the place of that.
func checkStartDir(cfg *settings.Config) error {
	if os.Geteuid() != 0 {
		return nil
	}
	err := settings.CheckWay(cfg.StartDir + "/.")
	if bad, ok := errors.AsType[*settings.Error](err); ok {
		return fmt.Errorf("root would run what others can put into %sSTART_DIR: %v: %s, or run this as the user whose app it is", settings.Prefix, bad, bad.Remedy)
	}
	return err
}

// becomeUser leaves nothing of root that may be left: neither groups, nor variables
// that the app of another could ask for (START_ENV), nor limits, umask and keys of
// root's session. Its control group stays: to leave that is the system's to do. Nobody
// but root may trace the process (PR_SET_DUMPABLE in prctl(2)).
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
	syscall.Umask(0o022) // as most logins have it
	for _, leave := range [...]func() error{
		boundLimits,
		func() error { return syscall.Setgroups(groups) },
		func() error { return syscall.Setgid(gid) },
		func() error { return syscall.Setuid(uid) },
		joinNewKeyring, // which is then the user's
	} {
		if err := leave(); err != nil {
			return err
		}
	}
	return nil
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
