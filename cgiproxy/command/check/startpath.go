package check

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/settings"
)

// scriptsPath is the PATH that suEXEC gives (AP_SAFE_PATH), and that an app gets which
// is started without one. Other web servers have these folders in theirs, too.
const scriptsPath = "/usr/local/bin:/usr/bin:/bin"

// OnlyHereText is what there is to say of OnlyHere, and OnlyHereRemedy what to do.
const (
	OnlyHereText   = "%s is in the PATH of this shell, and may not be in that of the web server"
	OnlyHereRemedy = "give its full path in " + settings.Prefix + "START"
)

// OnlyHere returns the path of the program that START runs first, where the PATH of
// this shell leads to it and that of a script to another or to none, as with nvm and
// ~/.local/bin. "" is none.
func OnlyHere(cfg *settings.Config) string {
	program := firstProgram(cfg.Start)
	hasPath := func(variable string) bool { return strings.HasPrefix(variable, "PATH=") }
	if strings.Contains(program, "/") || strings.Contains(cfg.Start, "PATH=") || slices.ContainsFunc(cfg.StartVars, hasPath) {
		return ""
	}
	path, here := lookUp(program, os.Getenv("PATH"))
	if _, there := lookUp(program, scriptsPath); os.SameFile(here, there) {
		return ""
	}
	return path
}

// lookUp finds a program as the shell does.
func lookUp(program, folders string) (path string, info os.FileInfo) {
	for _, folder := range filepath.SplitList(folders) {
		path := filepath.Join(folder, program)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, info
		}
	}
	return "", nil
}
