package settings

import (
	"errors"
	"path/filepath"
	"strings"
)

// checkLogFile takes LOG_FILE away where the web server would serve it: in or
// below one of these folders, of which htaccess.example serves all files but
// .ht*. The end of the name keeps .htaccess itself from being written to.
func (c *Config) checkLogFile(served ...string) error {
	name := filepath.Base(c.LogFile)
	if c.LogFile == "" || strings.HasPrefix(name, ".ht") && strings.HasSuffix(name, ".log") {
		return nil
	}
	folder := c.withoutLinks(filepath.Dir(c.LogFile))
	for _, root := range served {
		if root != "" && strings.HasPrefix(folder+"/", c.withoutLinks(root)+"/") {
			c.LogFile = ""
			return c.Misconfigured("LOG_FILE", errors.New("visitors could read it: in the folder that is served its name must begin with .ht and end in .log"))
		}
	}
	return nil
}

// checkTwoLogs refuses one file for both logs: an app prints on into a log that it has
// open, and LOG_FILE is renamed where it is long.
func (c *Config) checkTwoLogs() error {
	ours, apps := c.LogFile, c.StartLog
	if ours == "" || filepath.Base(ours) != filepath.Base(apps) || c.withoutLinks(filepath.Dir(ours)) != c.withoutLinks(filepath.Dir(apps)) {
		return nil
	}
	c.LogFile = ""
	return c.Misconfigured("LOG_FILE", errors.New("is the log of the app, too (START_LOG): each needs a file of its own"))
}

// withoutLinks returns the path of a folder without symbolic links. Where there
// is none, OpenOwn opens nothing there.
func (c *Config) withoutLinks(folder string) string {
	if path, err := c.site().resolve(folder); err == nil {
		return path
	}
	return filepath.Clean(folder)
}
