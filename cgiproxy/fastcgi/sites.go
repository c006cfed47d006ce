package fastcgi

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/settings"
)

// maxSites is a choice: far more sets of settings than one FastCGI process
// meets, and a bound to its memory where each request brings another one.
const maxSites = 1000

// A siteCache keeps the sites of a FastCGI process, which gets SetEnv with each
// request: one for each set of settings, until .htcgiproxy changes.
type siteCache struct {
	folder          string
	processSettings []string // which those of a request replace

	mu      sync.Mutex
	file    os.FileInfo // nil for none
	sites   map[string]*cgiproxy.Site
	passing settings.Names // what the apps of the sites get of a request's environment
	reports []settings.Note
}

// newSites returns an empty cache. environ is the environment of the process:
// lighttpd's bin-environment and mod_fcgid's FcgidInitialEnv put settings
// there.
func newSites(folder string, environ []string) *siteCache {
	c := &siteCache{folder: folder, sites: map[string]*cgiproxy.Site{}}
	for _, v := range environ {
		if strings.HasPrefix(v, settings.Prefix) {
			c.processSettings = append(c.processSettings, v)
		}
	}
	return c
}

// withProcessSettings returns env with the settings of the process that it has
// not.
func (c *siteCache) withProcessSettings(env cgiproxy.Environ) cgiproxy.Environ {
	if len(c.processSettings) == 0 {
		return env
	}
	all := maps.Clone(env)
	for _, v := range c.processSettings {
		name, value, _ := strings.Cut(v, "=")
		if all[name] == "" && all["REDIRECT_"+name] == "" {
			all[name] = value
		}
	}
	return all
}

// site returns the site for the settings in env. One with an error is not
// kept: chmod mends it without changing the file's time.
func (c *siteCache) site(env cgiproxy.Environ) *cgiproxy.Site {
	env = c.withProcessSettings(env)
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.find(env)
	for _, note := range c.reports {
		s.Note(note)
	}
	c.reports = nil
	return s
}

// find is site with mu held, and env as the process completes it.
func (c *siteCache) find(env cgiproxy.Environ) *cgiproxy.Site {
	file, _ := os.Stat(filepath.Join(c.folder, settings.File))
	if !sameSettings(file, c.file) {
		c.file = file
		c.clear()
	}
	if s, ok := c.sites[c.key(env)]; ok {
		return s
	}
	if len(c.sites) >= maxSites {
		c.clear()
	}
	s := cgiproxy.LoadSite(env, c.folder)
	s.KeepConnections(keepTime, bodyLinger)
	if s.Err() == nil {
		c.pass(s.Config().StartEnv)
		c.sites[c.key(env)] = s
	}
	return s
}

// report keeps what there is to tell of the process for the log of the next request.
func (c *siteCache) report(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reports = append(c.reports, settings.Note{Level: settings.LevelError, Text: fmt.Sprintf(format, args...)})
}

// A reporter tells the owner of what is no request's.
type reporter func(format string, args ...any)

// sameSettings is sameFile for a file that is uploaded in place, too, maybe with the
// time that it had before.
func sameSettings(a, b os.FileInfo) bool {
	return sameFile(a, b) && (a == nil || settings.ChangeTime(a).Equal(settings.ChangeTime(b)))
}

func (c *siteCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
}

func (c *siteCache) clear() {
	for _, s := range c.sites {
		s.Close()
	}
	clear(c.sites)
	c.passing = nil
}

// pass adds names to those that apps get.
func (c *siteCache) pass(names settings.Names) {
	for _, name := range names {
		if !slices.Contains(c.passing, name) {
			c.passing = append(c.passing, name)
		}
	}
}

// key joins the settings in env, and what apps get of it, in a fixed order.
func (c *siteCache) key(env cgiproxy.Environ) string {
	var list []string
	for name, value := range env {
		setting := strings.TrimPrefix(name, "REDIRECT_")
		if strings.HasPrefix(setting, settings.Prefix) || slices.Contains(c.passing, setting) {
			list = append(list, name+"="+value)
		}
	}
	slices.Sort(list)
	return strings.Join(list, "\x00")
}
