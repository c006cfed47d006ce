package cgiproxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/upstream"
)

// A Site is what a set of settings makes: how it is configured, or why it is
// not, and the way to its app.
type Site struct {
	folder    string // of the executable
	cfg       *settings.Config
	err       error // why the settings cannot be used
	notes     atomic.Pointer[[]settings.Note]
	mark      string // of this site in a loop: see loop.go
	transport upstream.Transport
}

// LoadSite reads the settings that count for env, with those of the file in
// folder, which is the executable's. Where they cannot be used, Serve answers
// with an error page.
func LoadSite(env Environ, folder string) *Site { return loadSite(settings.Load, env, folder) }

// LoadOwnSite is LoadSite for a command of a person's: see settings.LoadOwn.
func LoadOwnSite(env Environ, folder string) *Site { return loadSite(settings.LoadOwn, env, folder) }

type loader func(vars map[string]string, folder string) (*settings.Config, []settings.Note, error)

func loadSite(load loader, env Environ, folder string) *Site {
	cfg, notes, err := load(env, folder)
	s := &Site{folder: folder, cfg: cfg, err: err, mark: siteMark(folder, &cfg.Upstream), transport: upstream.Transport{Config: cfg}}
	if err == nil {
		s.transport.App = upstream.NewApp(cfg)
	}
	if cfg.Secret != "" {
		s.transport.Sign = func(req *http.Request) { sign(req, cfg.Secret, time.Now()) }
	}
	if s.transport.App != nil {
		s.transport.App.Warn = func(text string) { s.Note(settings.Note{Level: settings.LevelWarn, Text: text}) }
	}
	if len(notes) > 0 {
		s.notes.Store(&notes)
	}
	return s
}

// Note keeps something to tell the owner for the next line of the log.
func (s *Site) Note(note settings.Note) {
	for {
		before := s.notes.Load()
		notes := []settings.Note{note}
		if before != nil {
			notes = append(slices.Clone(*before), note)
		}
		if s.notes.CompareAndSwap(before, &notes) {
			return
		}
	}
}

// App returns the app that START starts, or nil.
func (s *Site) App() *ondemand.App { return s.transport.App }

// enter marks a request as under way, until leave is called, where the app may be
// stopped.
func (s *Site) enter(ctx context.Context) (leave func(), err error) {
	if s.transport.App != nil {
		leave, err = s.transport.App.Enter(ctx)
	}
	if leave == nil {
		leave = func() {}
	}
	return leave, err
}

// KeepConnections makes the site keep connections to its app for the requests
// to come, until Close. keepTime and bodyLinger are upstream.Transport's.
func (s *Site) KeepConnections(keepTime, bodyLinger time.Duration) {
	s.transport.KeepTime, s.transport.BodyLinger = keepTime, bodyLinger
}

// Close closes the connections that are kept and not in use.
func (s *Site) Close() { s.transport.CloseIdle() }

// Err returns why the settings cannot be used, or nil.
func (s *Site) Err() error { return s.err }

// takeNotes returns what there is to tell the owner, once.
func (s *Site) takeNotes() []settings.Note {
	if s.notes.Load() == nil { // no write for each request
		return nil
	}
	if notes := s.notes.Swap(nil); notes != nil {
		return *notes
	}
	return nil
}

// Folder returns the folder of proxy.cgi.
func (s *Site) Folder() string { return s.folder }

// Config returns the settings. They are not to be changed.
func (s *Site) Config() *settings.Config { return s.cfg }

// checkLink refuses a script that is a link to the program of another site where it has
// settings of its own beside it: those of the other would count, app, secret and all.
func (s *Site) checkLink(script string) error {
	if script == "" || filepath.Dir(script) == s.folder {
		return nil
	}
	if info, err := os.Lstat(script); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return nil // another name of the folder, as homes have, or not our program at all
	}
	if program, err := filepath.EvalSymlinks(script); err != nil || filepath.Dir(program) != s.folder {
		return nil
	}
	beside := filepath.Join(filepath.Dir(script), settings.File)
	if _, err := os.Lstat(beside); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	own, err := os.Stat(beside)
	if read, readErr := os.Stat(filepath.Join(s.folder, settings.File)); err == nil && readErr == nil && os.SameFile(own, read) {
		return nil
	}
	return fmt.Errorf("%s is not read, for %s is a link to the program in %s: put a copy of that in the place of the link", beside, script, s.folder)
}
