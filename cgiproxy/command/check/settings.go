package check

import (
	"errors"
	"os"
	"path/filepath"

	"proxy.cgi/cgiproxy/settings"
)

func checkSettingsFile(s *site) []Finding {
	info, err := os.Stat(s.path(settings.File))
	switch {
	case os.IsNotExist(err):
		for _, name := range []string{"htcgiproxy", ".htcgiproxy.txt", "htcgiproxy.txt"} {
			if _, err := os.Lstat(s.path(name)); err == nil {
				return cause{"setting", "rename it; without the dot visitors can read it"}.fault("there is no %s, but %s, which proxy.cgi does not read", settings.File, name)
			}
		}
		return cause{"setting", "write " + settings.Prefix + "UPSTREAM=6543, with the port of your app, into " + s.path(settings.File)}.warning("there is no %s: hosts that run scripts as you (suEXEC) drop what SetEnv says", settings.File)
	case err != nil:
		return cause{"setting", "set the permissions of " + settings.File + " to 600"}.fault("%v", err)
	case info.Mode().Perm()&0o022 != 0:
		return nil // see settings
	case !may(info, s.uid, s.gid, 4):
		return cause{"setting", "set its permissions to 600, and delete it and upload it again if it is not yours"}.fault("%s has permissions %03o: user %d may not read it", settings.File, info.Mode().Perm(), s.uid)
	case info.Mode().Perm()&0o004 == 0:
		return fine("%s may be read by you alone (where every page is 500 and the log says \"permission denied\", scripts run as another user: set its permissions to 644)", settings.File)
	}
	return fine("%s may be read", settings.File)
}

func checkSettings(s *site) []Finding {
	if s.cfgErr != nil {
		c := cause{trouble: "setting"}
		if bad, ok := errors.AsType[*settings.Error](s.cfgErr); ok {
			c.remedy = bad.Remedy
		}
		return c.fault("%v", s.cfgErr)
	}
	return fine("the settings can be used; the app is at %s, as %s has it", s.upstream, s.sourceOf("UPSTREAM"))
}

// sourceOf returns where a setting is from, "" for its default.
func (s *site) sourceOf(name string) string {
	source := s.cfg.Source(name)
	if source == "SetEnv" && s.inherits[name] != "" {
		return "SetEnv in " + s.inherits[name]
	}
	return source
}

// checkNotes passes on what the log of a request would say: names that no
// setting has, a SECRET that others may read, SetEnv against the file.
func checkNotes(s *site) (all []Finding) {
	for _, note := range s.notes {
		c := cause{"setting", "correct it in " + s.path(settings.File)}
		switch note.Level {
		case settings.LevelWarn:
			all = append(all, c.warning("%s", note.Text)...)
		case settings.LevelInfo:
			all = append(all, fine("%s", note.Text)...)
		}
	}
	return all
}

// checkSetEnv looks at the settings that are not in the file: suEXEC drops them,
// and those of a folder above were not meant for this one.
func checkSetEnv(s *site) (all []Finding) {
	for _, setting := range settings.List() {
		name := setting.Name
		if s.cfg.Source(name) != "SetEnv" {
			continue
		}
		write := "write " + settings.Prefix + name + "=... into " + s.path(settings.File)
		if from := s.inherits[name]; filepath.Dir(from) != s.folder {
			trouble := "setting"
			if name == "UPSTREAM" {
				trouble = "other-app"
			}
			all = append(all, cause{trouble, write}.warning("%s%s is inherited from %s", settings.Prefix, name, from)...)
			continue
		}
		all = append(all, cause{"setting", write}.warning("%s%s is said by SetEnv alone, which hosts that run scripts as you (suEXEC) drop", settings.Prefix, name)...)
	}
	return all
}

// checkSecondSite looks for a site above that has the same app, as one does that
// has the same .htaccess and no file.
func checkSecondSite(s *site) []Finding {
	if _, err := os.Stat(s.path(settings.File)); err == nil || s.cfg.Upstream == (settings.Upstream{}) {
		return nil
	}
	folders := s.folders()
	for _, above := range folders[:len(folders)-1] {
		if _, err := os.Stat(filepath.Join(above, ".htaccess")); err != nil {
			continue // it is no site: a home folder, say, to which the archive was unpacked
		}
		for _, name := range [...]string{"proxy.cgi", "proxy.fcgi"} {
			if _, err := os.Stat(filepath.Join(above, name)); err == nil {
				return cause{"other-app", "write " + settings.Prefix + "UPSTREAM=... with the port of this folder's app into " + s.path(settings.File)}.
					fault("%s has a proxy.cgi, too, and nothing but %s says which app this folder has", above, s.sourceOf("UPSTREAM"))
			}
		}
	}
	return nil
}

func checkMaxBody(s *site) []Finding {
	const small = 1 << 20
	most := s.cfg.MaxBody
	switch {
	case most == 0:
		return nil
	case most < small:
		return cause{"413", "raise " + settings.Prefix + "MAX_BODY if larger ones should pass"}.warning("uploads over %d bytes are refused (413): a photo may have more", most)
	}
	return fine("uploads over %d bytes are refused (413), as %sMAX_BODY says", most, settings.Prefix)
}
