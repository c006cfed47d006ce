// The settings that a deploy has changed with the app, which go back with it.

package main

import (
	"bytes"
	"fmt"
	"slices"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/settings"
)

// A changedSetting is one of .htcgiproxy that a deploy has changed with the app: the
// version before may need the old one, the command that starts it most of all.
type changedSetting struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

func (d *deploy) changedSettings() (changed []changedSetting) {
	for _, s := range install.SettingFlags() {
		old, now := settings.ValueIn(d.lines, s.Setting), d.setting(s.Setting)
		if old != "" && now != old {
			changed = append(changed, changedSetting{s.Setting, old, now})
		}
	}
	return changed
}

// addSettings adds what a deploy has changed that brought no file: the app goes back to
// files from before both.
func (a *app) addSettings() error {
	if a.settings == nil || a.now.Last == nil {
		return nil
	}
	m := *a.now
	m.Settings = slices.Clone(m.Settings)
	for _, s := range a.settings {
		i := slices.IndexFunc(m.Settings, func(before changedSetting) bool { return before.Name == s.Name })
		switch {
		case i < 0:
			m.Settings = append(m.Settings, s)
		case m.Settings[i].New == s.Old: // else somebody has changed it in between
			m.Settings[i].New = s.New
		}
	}
	return a.write(&m)
}

// planFormerSettings takes back what the last deploy has changed, but for what somebody
// has changed since.
func (d *deploy) planFormerSettings() error {
	if d.app.now.Settings == nil {
		return nil
	}
	file, err := d.served.read(settings.File)
	if err != nil {
		return err
	}
	file.New, file.Mode = file.Old, file.OldMode
	for _, s := range d.app.now.Settings {
		if is := settings.ValueIn(file.New, s.Name); is != s.New {
			if is != s.Old { // which it is where that deploy broke off
				d.note(fmt.Sprintf("%s%s stays as it is, for it has been changed since deploy %d, before which it was: %s", settings.Prefix, s.Name, d.app.now.Number, s.Old))
			}
			continue
		}
		if file.New, err = settings.WithSetting(file.New, s.Name, s.Old); err != nil {
			return err
		}
	}
	if !bytes.Equal(file.New, file.Old) {
		d.siteWork, d.lines = []install.Change{file}, file.New
	}
	return nil
}
