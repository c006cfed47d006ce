package main

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/scripts/deploy/remote"
)

// secrets are names of files that hold keys, passwords or tokens, whatever their
// permissions here are.
var secrets = []string{
	".env*", "*.key", "*.pem", "*.p12", "*.pfx", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
	".npmrc", ".pypirc", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".git-credentials", ".htcgiproxy",
}

func isSecret(name string) bool {
	return slices.ContainsFunc(secrets, func(pattern string) bool {
		is, _ := path.Match(pattern, strings.ToLower(path.Base(name)))
		return is
	})
}

// fileMode is the permissions of a file on the host: who may not read it here may
// not there. Others than the owner never write: suEXEC runs no such program.
func fileMode(name string, here fs.FileMode, isProgram bool) fs.FileMode {
	if isSecret(name) {
		return 0o600
	}
	mode := 0o600 | here.Perm()&0o044
	if isProgram {
		mode |= 0o100 | (mode&0o044)>>2 // for who may read it
	}
	return mode
}

// reach is the part of a file's permissions that is of use to who can get through
// a folder on its way.
func reach(folder fs.FileMode) fs.FileMode {
	return 0o700 | (folder&0o011)*7
}

// folderMode is the same for a folder.
func folderMode(here fs.FileMode) fs.FileMode { return 0o700 | here.Perm()&0o055 }

// isPrivate reports whether a folder's permissions are for its owner alone.
func isPrivate(mode fs.FileMode) bool { return mode&0o077 == 0 }

// makePrivate makes a folder that others cannot enter: the FTP server's umask, or
// an upload under another name, shows nobody what comes there.
func makePrivate(host remote.Host, name string) error {
	if err := host.Mkdir(name, 0o700); err != nil {
		return err
	}
	return host.Chmod(name, 0o700) // it may have been there
}

// closed is a .htaccess for a folder of which visitors are shown nothing. LiteSpeed
// reads only the rule.
const closed = `# The app's own files, which are for nobody else.
Require all denied
<IfModule mod_rewrite.c>
	RewriteEngine On
	RewriteRule ^ - [F]
</IfModule>
`

// shut keeps visitors from an app's folder that is in the served one. The rules of the
// site come after the app's files, and go with --uninstall.
func (a *app) shut(changes []replaced) error {
	name := a.path(install.HtaccessFile)
	isInSite := strings.HasPrefix(a.site, "..") && strings.Trim(a.site, "./") == "" // all the way up
	hasOwn := slices.ContainsFunc(changes, func(c replaced) bool { return a.path(c.Path) == name })
	if !isInSite || hasOwn {
		return nil
	}
	if _, err := a.host.Size(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return put(a.host, name, []byte(closed), 0o644, meter{})
}
