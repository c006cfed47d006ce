package check

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

	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/upstream"
)

// checkStart looks at what a request would start, and what the app said when
// that was done last.
func checkStart(s *site) (all []Finding) {
	cfg := s.cfg
	if cfg.Start == "" || s.cfgErr != nil {
		return nil
	}
	info, err := os.Stat(cfg.StartDir)
	if err == nil && !info.IsDir() {
		return s.startFault("START_DIR", "%s is no folder", cfg.StartDir)
	}
	if err != nil {
		return s.startFault("START_DIR", "%v", err)
	}
	if !may(info, s.uid, s.gid, 3) {
		return s.startFault("START_DIR", "user %d may not write to %s: the app's log and state are kept there", s.uid, cfg.StartDir)
	}
	if _, err := upstream.NewApp(cfg).Status(); err != nil {
		if e, ok := errors.AsType[*ondemand.Error](err); ok && e.Kind == ondemand.Shared {
			return cause{"setting", e.Remedy}.fault("%v", e)
		}
	}
	if bad := slices.Concat(s.checkState(), s.checkStartLog()); bad != nil {
		return bad
	}
	if program := firstProgram(cfg.Start); strings.Contains(program, "/") {
		path := program
		if !filepath.IsAbs(path) {
			path = filepath.Join(cfg.StartDir, path)
		}
		if info, err := os.Stat(path); err != nil {
			return s.startFault("START", "%v", err)
		} else if !may(info, s.uid, s.gid, 1) || info.Mode().Perm()&0o111 == 0 {
			return s.startFault("START", "user %d may not run %s (permissions %03o)", s.uid, path, info.Mode().Perm())
		} else if hasWindowsScript(path) {
			return cause{"503", "save it with the line ends of Unix (dos2unix; ASCII mode of FTP)"}.fault("%s begins with #! and a line that ends as on Windows, so that it does not run", path)
		}
	}
	all = fine("START runs in %s: %s", cfg.StartDir, cfg.Start)
	if path := OnlyHere(cfg); path != "" {
		all = append(all, cause{"503", OnlyHereRemedy}.warning(OnlyHereText, path)...)
	}
	if dir, err := filepath.EvalSymlinks(cfg.StartDir); err == nil && (dir == s.real || strings.HasPrefix(dir, s.real+"/")) {
		all = append(all, cause{"", "move the app's files out of what is served, and set " + settings.Prefix + "START_DIR to where they are"}.warning("START_DIR is in the folder that is served")...)
	}
	if s.uid == 0 { // root looks, at a folder of its own
		if bad, ok := errors.AsType[*settings.Error](settings.CheckWay(cfg.StartDir + "/.")); ok {
			all = append(all, cause{"", bad.Remedy + ", or run proxy.cgi app as the user whose app it is"}.warning("where root runs app start, it refuses START_DIR: %v", bad)...)
		}
	}
	if lines := lastLines(cfg.StartLog); lines != "" && len(s.listening()) == 0 && !wasStopped(cfg) {
		all = append(all, cause{"503", "if these are why it ended: correct that"}.warning("the app is not running; the last lines of %s are: %s", cfg.StartLog, lines)...)
	}
	return all
}

func (s *site) startFault(name, format string, args ...any) []Finding {
	return cause{"503", "correct " + settings.Prefix + name + " in " + s.path(settings.File)}.fault(format, args...)
}

// checkState looks at the folder where it is noted what runs. Where that is root's, an
// app that runs is served on where it can be found, and no restart counts. One of
// another user is of the web server, which runs the scripts as itself.
func (s *site) checkState() []Finding {
	folder := filepath.Join(s.cfg.StartDir, ".cgiproxy")
	info, err := os.Lstat(folder)
	if err != nil {
		return nil
	}
	owner, _ := ownerOf(info)
	if info.IsDir() && owner == s.uid || owner != s.uid && owner != 0 {
		return nil // what the owner cannot use there, the next request mends
	}
	remedy := fmt.Sprintf("rename %s, as FTP programs can: the next request makes another, and starts the app anew", folder)
	return cause{"503", remedy}.fault("user %d cannot use %s (user %d, %v): no restart of the app counts, and it is not started again", s.uid, folder, owner, info.Mode())
}

// wasStopped reports whether the app does not run because somebody wanted that.
func wasStopped(cfg *settings.Config) bool {
	status, err := upstream.NewApp(cfg).Status()
	return err == nil && strings.HasPrefix(status.LastExit, "stopped")
}

// checkRestart tells of a new app that did not start in the place of one that
// works: visitors notice nothing, until that one has to be started again.
func checkRestart(s *site) []Finding {
	if s.cfg.Start == "" || s.cfgErr != nil {
		return nil
	}
	if folder := filepath.Dir(s.cfg.RestartFile); s.hides(folder) {
		remedy := fmt.Sprintf("set the permissions of %s to 755, or delete it and make it as this user", folder)
		return cause{"", remedy}.warning("user %d cannot see %s, in a folder that he may not enter: no restart that it asks for counts", s.uid, s.cfg.RestartFile)
	}
	status, err := upstream.NewApp(s.cfg).Status()
	if err != nil || status.Unreplaced == "" {
		return nil
	}
	goesOn := ""
	if status.Running {
		goesOn = ", and the app from before goes on"
	}
	remedy := fmt.Sprintf("correct what %s says, and upload or touch %s: the next start, after a reboot of the machine for one, may fail, too", s.cfg.StartLog, s.cfg.RestartFile)
	if s.cfg.Upstream.Auto {
		remedy += "; an app that cannot run twice at once (a second port, a pid file, a lock) needs UPSTREAM=unix:app.sock or a port, for which the old one is stopped first"
	}
	return cause{"503", remedy}.warning("the last restart failed (%s)%s", status.Unreplaced, goesOn)
}

// hides reports whether a folder is there that scripts may not enter.
func (s *site) hides(folder string) bool {
	info, err := os.Stat(folder)
	return errors.Is(err, fs.ErrPermission) || err == nil && info.IsDir() && !may(info, s.uid, s.gid, 1)
}

// firstProgram returns the program that a command of the shell runs first: what
// stands behind NAME=value and exec. Where the shell makes something else of that, or
// of what is before it, it is "".
func firstProgram(command string) string {
	for word := range strings.FieldsSeq(command) {
		switch {
		case strings.ContainsAny(word, "\"'`\\~$;&|<>()[]{}*?#!"):
			return ""
		case word != "exec" && word != "env" && !strings.Contains(word, "="):
			return word
		}
	}
	return ""
}

// hasWindowsScript reports whether a program is a script of which the kernel takes the
// carriage return for the end of its interpreter's name (execve(2)), or of an argument.
func hasWindowsScript(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	const longest = 256 // bytes, of which no kernel reads more
	begin := make([]byte, longest)
	n, _ := io.ReadFull(f, begin)
	line, _, _ := strings.Cut(string(begin[:n]), "\n")
	if program, switches, _ := strings.Cut(line, " "); strings.HasPrefix(filepath.Base(program), "perl") && strings.HasPrefix(switches, "-") {
		return false // which takes it among its switches
	}
	return strings.HasPrefix(line, "#!") && strings.HasSuffix(line, "\r")
}

// lastLines returns the last three lines of a log, "" where there is none.
func lastLines(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would hold it up
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	const tail = 2048 // bytes
	text, _ := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-tail), tail))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}
