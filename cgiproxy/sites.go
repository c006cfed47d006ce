package cgiproxy

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A site is what a set of settings makes: its configuration, or why there is
// none, and the connections to its app.
type site struct {
	cfg      *Config
	err      error
	warnings []string
	client   *client
}

// loadSite reads the settings that count for env.
func loadSite(env Environ, folder string) *site {
	s := &site{}
	s.cfg, s.warnings, s.err = loadConfig(env, folder)
	s.client = &client{cfg: s.cfg}
	return s
}

// maxSites is far more sets of settings than one FastCGI process meets.
const maxSites = 100

// A siteCache keeps the sites of a FastCGI process, which gets SetEnv with each
// request: one for each set of settings, until .htcgiproxy changes.
type siteCache struct {
	folder   string
	standing []string // settings of the process itself, which those of a request replace

	mu    sync.Mutex
	file  os.FileInfo // nil for none
	sites map[string]*site
}

// newSites returns an empty cache. environ is the environment of the process:
// lighttpd's bin-environment and mod_fcgid's FcgidInitialEnv put settings there.
func newSites(folder string, environ []string) *siteCache {
	c := &siteCache{folder: folder, sites: map[string]*site{}}
	for _, v := range environ {
		if strings.HasPrefix(v, settingPrefix) {
			c.standing = append(c.standing, v)
		}
	}
	return c
}

// withStanding returns env with the settings of the process that it has not.
func (c *siteCache) withStanding(env Environ) Environ {
	if len(c.standing) == 0 {
		return env
	}
	all := maps.Clone(env)
	for _, v := range c.standing {
		name, value, _ := strings.Cut(v, "=")
		if all[name] == "" && all["REDIRECT_"+name] == "" {
			all[name] = value
		}
	}
	return all
}

// site returns the site for the settings in env. One with an error is not
// kept: chmod mends it without changing the file's time.
func (c *siteCache) site(env Environ) *site {
	env = c.withStanding(env)
	key := settingsKey(env)
	c.mu.Lock()
	defer c.mu.Unlock()
	file, _ := os.Stat(filepath.Join(c.folder, settingsFile))
	same := sameFile(file, c.file) && (file == nil || file.Mode() == c.file.Mode()) // others may write to it now
	if !same || len(c.sites) >= maxSites {
		c.file = file
		c.clear()
	}
	if s, ok := c.sites[key]; ok {
		known := *s
		known.warnings = nil // were said once
		return &known
	}
	s := loadSite(env, c.folder)
	s.client.pool = new(pool)
	if s.err == nil {
		c.sites[key] = s
	}
	return s
}

func (c *siteCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
}

func (c *siteCache) clear() {
	for _, s := range c.sites {
		s.client.pool.close()
	}
	clear(c.sites)
}

// settingsKey joins the settings in env in a fixed order.
func settingsKey(env Environ) string {
	var list []string
	for name, value := range env {
		if strings.HasPrefix(strings.TrimPrefix(name, "REDIRECT_"), settingPrefix) {
			list = append(list, name+"="+value)
		}
	}
	slices.Sort(list)
	return strings.Join(list, "\x00")
}
