// The settings that a deploy has changed with the app, which go back with it.

package main

import (
	"bytes"

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
		if settings.ValueIn(file.New, s.Name) != s.New {
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
