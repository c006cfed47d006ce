package check

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"proxy.cgi/cgiproxy/settings"
)

// A site is what the checks look at.
type site struct {
	ctx    context.Context
	folder string // absolute
	real   string // the same without links, where relative settings begin
	info   fs.FileInfo

	// Whom scripts run as where the host runs them as the owner (suEXEC): who
	// runs the check, or for root the owner of the folder.
	uid, gid int

	scripts []string     // names of the program that are in the folder
	rules   []*rulesFile // of all folders from the root down; the site's own is last

	cfg      *settings.Config
	notes    []settings.Note
	cfgErr   error
	upstream string            // as it is set, which auto does not say of the port
	inherits map[string]string // where SetEnv says a setting: the path of the file

	listeners []listener // what is at the app's addresses
}

func newSite(ctx context.Context, folder string) (*site, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", folder)
	}
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, err
	}
	s := &site{ctx: ctx, folder: folder, real: real, info: info, uid: os.Geteuid(), gid: os.Getegid()}
	if s.uid == 0 {
		s.uid, s.gid = ownerOf(info)
	}
	for _, name := range []string{"proxy.cgi", "proxy.fcgi"} {
		if _, err := os.Lstat(s.path(name)); err == nil {
			s.scripts = append(s.scripts, name)
		}
	}
	for _, folder := range s.folders() {
		s.rules = append(s.rules, readHtaccess(filepath.Join(folder, ".htaccess")))
	}
	vars := map[string]string{}
	s.inherits = map[string]string{}
	for _, d := range s.lines("setenv") {
		if name, value, _ := strings.Cut(d.args, " "); strings.HasPrefix(name, settings.Prefix) {
			vars[name] = unquote(strings.TrimSpace(value))
			s.inherits[strings.TrimPrefix(name, settings.Prefix)] = d.file
		}
	}
	s.cfg, s.notes, s.cfgErr = settings.Explain(vars, real)
	if s.cfgErr == nil {
		s.upstream = s.cfg.Upstream.String()
	}
	s.listeners = s.findListeners()
	return s, nil
}

func (s *site) path(name string) string { return filepath.Join(s.folder, name) }

// folders returns the site's folder and those above it, from the root down.
func (s *site) folders() []string {
	list := []string{s.folder}
	for folder := s.folder; folder != filepath.Dir(folder); {
		folder = filepath.Dir(folder)
		list = append(list, folder)
	}
	slices.Reverse(list)
	return list
}

// own returns the .htaccess of the site itself.
func (s *site) own() *rulesFile { return s.rules[len(s.rules)-1] }

// lines returns the directives of a name, in lower case, from the root down.
func (s *site) lines(name string) (found []directive) {
	for _, h := range s.rules {
		found = append(found, h.lines(name)...)
	}
	return found
}

// eachScript calls f with each program that is in the folder.
func (s *site) eachScript(f func(name string) []Finding) (all []Finding) {
	for _, name := range s.scripts {
		all = append(all, f(name)...)
	}
	return all
}

// ownerOf returns the user and the group that a file belongs to.
func ownerOf(info fs.FileInfo) (uid, gid int) {
	stat := info.Sys().(*syscall.Stat_t)
	return int(stat.Uid), int(stat.Gid)
}

// may reports whether a user has all of the permissions (4 read, 2 write, 1
// enter or execute) on a file.
func may(info fs.FileInfo, uid, gid int, bits fs.FileMode) bool {
	owner, group := ownerOf(info)
	mode := info.Mode().Perm()
	switch {
	case uid == 0:
		return true
	case owner == uid:
		mode >>= 6
	case group == gid, uid == os.Geteuid() && isOurs(group):
		mode >>= 3
	}
	return mode&bits == bits
}

// isOurs reports whether we have a group, as suEXEC gives a user all of his.
func isOurs(group int) bool {
	groups, _ := os.Getgroups()
	return slices.Contains(groups, group)
}

// serverMay reports whether the web server has the permissions on a file: as
// one of the others, or by a group that is not the owner's (cPanel gives
// public_html to the group nobody).
func (s *site) serverMay(info fs.FileInfo, bits fs.FileMode) bool {
	_, group := ownerOf(info)
	mode := info.Mode().Perm()
	return mode&bits == bits || group != s.gid && mode>>3&bits == bits
}

// firstFew returns at most five of the names, and how many more there are.
func firstFew(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
