package cgiproxy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A site is what a set of settings makes: its configuration, or why there is
// none, and the connections to its app.
type site struct {
	cfg     *Config
	err     error
	unknown []string
	client  *client
}

// loadSite reads the settings that count for env.
func loadSite(env Environ, folder string) *site {
	s := &site{}
	s.cfg, s.unknown, s.err = loadConfig(env, folder)
	s.client = &client{cfg: s.cfg}
	return s
}

// maxSites is far more sets of settings than one FastCGI process meets.
const maxSites = 100

// A siteCache keeps the sites of a FastCGI process, which gets SetEnv with each
// request: one for each set of settings, until .htcgiproxy changes.
type siteCache struct {
	folder string

	mu    sync.Mutex
	file  fileStamp
	sites map[string]*site
}

// A fileStamp tells one state of a file from the next.
type fileStamp struct {
	modified time.Time
	size     int64
}

func newSites(folder string) *siteCache {
	return &siteCache{folder: folder, sites: map[string]*site{}}
}

// site returns the site for the settings in env. One with an error is not
// kept: chmod mends it without changing the file's time.
func (c *siteCache) site(env Environ) *site {
	key := settingsKey(env)
	c.mu.Lock()
	defer c.mu.Unlock()
	if stamp := stampOf(filepath.Join(c.folder, settingsFile)); stamp != c.file || len(c.sites) >= maxSites {
		c.file = stamp
		c.clear()
	}
	if s, ok := c.sites[key]; ok {
		known := *s
		known.unknown = nil // was said once
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

func stampOf(file string) fileStamp {
	info, err := os.Stat(file)
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{info.ModTime(), info.Size()}
}
