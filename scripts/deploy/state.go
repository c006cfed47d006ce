package main

import (
	"cmp"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// An appState is what proxy.cgi has noted of the app that it started.
type appState struct {
	began string // the start of the one that serves
	seen  string // of what it has taken notice: settings and restart.txt
	exit  string // how it last ended, or why it did not start
	phase string // running: it has listened
	pid   string // of its first process

	unreplaced string // why the last restart failed, where the app from before went on

	closed bool // this login may not read it: scripts run as another user
}

// failure is why the app does not start; an older proxy.cgi notes it as exit in
// any case.
func (s appState) failure() string { return cmp.Or(s.unreplaced, s.exit) }

// warning is what to say of a restart that has failed.
func (s appState) warning() string {
	return fmt.Sprintf("warning  restart: the last one failed (%s), and the app from before went on: the next start, after a reboot of the host for one, may fail, too; --logs may say why", printable(s.unreplaced))
}

// since tells what has become of an app: whether the one that serves has started
// since then, and whether proxy.cgi has tried that. It has begun nothing where
// somebody else starts the app.
func (s appState) since(before appState) (started, tried bool) {
	return s.began == "" || s.began != before.began, s.seen != before.seen
}

// appState reads it; where there is none it is empty.
func (d *deploy) appState() (s appState) {
	if d.places.dir == "" {
		return s
	}
	const folder = ".cgiproxy"
	text, err := d.host.Read(path.Join(d.places.dir, folder, "state"), 0, maxText)
	if err != nil {
		list, _ := d.host.List(d.places.dir)
		_, isThere := entryIn(list, folder)
		_, err := d.host.List(path.Join(d.places.dir, folder))
		s.closed = isThere && err != nil
		return s
	}
	for line := range strings.Lines(string(text)) {
		name, quoted, _ := strings.Cut(strings.TrimSpace(line), " ")
		value, err := strconv.Unquote(quoted)
		switch {
		case err != nil:
		case name == "began":
			s.began = value
		case name == "settings" || name == "stamp":
			s.seen += value
		case name == "exit":
			s.exit = value
		case name == "unreplaced":
			s.unreplaced = value
		case name == "phase":
			s.phase = value
		case name == "pid":
			s.pid = value
		}
	}
	return s
}
