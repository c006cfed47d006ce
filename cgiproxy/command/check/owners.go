package check

import (
	"errors"
	"io/fs"
	"os"

	"proxy.cgi/cgiproxy/settings"
)

// The rules of suEXEC (httpd's support/suexec.c): it lets a program run only
// where nobody but its owner can have written it.

func checkLink(s *site) (all []Finding) {
	for _, name := range s.scripts {
		if info, err := os.Lstat(s.path(name)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			all = append(all, cause{"suexec", "put the program itself there in place of the link"}.fault("%s is a symbolic link: hosts that run scripts as you (suEXEC) refuse it", name)...)
		}
	}
	for _, folder := range s.folders() {
		link, err := os.Lstat(folder)
		if err != nil || link.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := os.Stat(folder)
		if err != nil {
			continue
		}
		by, _ := ownerOf(link)
		to, _ := ownerOf(target)
		if by != to && by != 0 {
			all = append(all, cause{"forbidden", "make the link as the user who owns the folder"}.warning("%s is a link of user %d to a folder of user %d: where the host follows only links to one's own (SymLinksIfOwnerMatch), pages are 403", folder, by, to)...)
		}
	}
	return all
}

func checkOwner(s *site) []Finding {
	remedy := cause{"suexec", "delete it and upload it again as the user of the site"}
	uid, gid := ownerOf(s.info)
	if uid != s.uid {
		return remedy.fault("the folder belongs to user %d, and not to user %d: hosts that run scripts as you (suEXEC) refuse it", uid, s.uid)
	}
	all := s.eachScript(func(name string) []Finding {
		info, err := os.Lstat(s.path(name))
		if err != nil {
			return nil
		}
		owner, group := ownerOf(info)
		switch {
		case owner != uid:
			return remedy.fault("%s belongs to user %d and its folder to user %d: hosts that run scripts as you (suEXEC) refuse it", name, owner, uid)
		case group != gid:
			return cause{"suexec", "if pages are 500: give both the group of the user (chgrp)"}.warning("%s belongs to group %d and its folder to group %d: some hosts that run scripts as you (suEXEC) refuse that", name, group, gid)
		}
		return nil
	})
	if all == nil {
		return fine("program and folder belong to user %d, group %d", uid, gid)
	}
	return all
}

func checkWritable(s *site) (all []Finding) {
	remedy := cause{"suexec", "set its permissions to 755"}
	const why = "others may write there, and hosts that run scripts as you (suEXEC) then refuse it"
	if mode := s.info.Mode(); mode.Perm()&0o022 != 0 {
		all = append(all, remedy.fault("the folder has permissions %03o: %s", mode.Perm(), why)...)
	}
	all = append(all, s.eachScript(func(name string) []Finding {
		info, err := os.Stat(s.path(name))
		switch {
		case err != nil:
			return nil
		case info.Mode().Perm()&0o022 != 0:
			return remedy.fault("%s has permissions %03o: %s", name, info.Mode().Perm(), why)
		case info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0:
			return remedy.fault("%s has the setuid or setgid bit, which suEXEC refuses", name)
		}
		return nil
	})...)
	if all == nil {
		return fine("nobody else may write to the program or its folder")
	}
	return all
}

// checkFolders looks whether the web server, which is another user, comes as far
// as the folder.
func checkFolders(s *site) (all []Finding) {
	for _, folder := range s.folders() {
		info, err := os.Stat(folder)
		switch {
		case err != nil:
			all = append(all, cause{"forbidden", "set the permissions of the folders above to 711 or 755"}.fault("%v", err)...)
		case !s.serverMay(info, 1):
			all = append(all, cause{"forbidden", "set its permissions to 755 (711 for the home folder)"}.fault("%s has permissions %03o: the web server may not enter it", folder, info.Mode().Perm())...)
		}
	}
	if all == nil {
		return fine("the web server may enter the folder and those above it")
	}
	return all
}

// checkWay looks who could put another folder in the place of the site's. Where scripts
// run as another user, to whom the status page belongs, its owner is a stranger to that.
func checkWay(s *site) []Finding {
	if owner, _ := ownerOf(s.info); owner != s.uid {
		return nil
	}
	if bad, ok := errors.AsType[*settings.Error](settings.CheckWay(s.folder)); ok {
		return cause{"", bad.Remedy}.warning("%v, and could put another folder in the place of the site's", bad)
	}
	return nil
}
