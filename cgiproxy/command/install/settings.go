// The settings that install writes.

package install

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"

	"proxy.cgi/cgiproxy/htaccess"
	"proxy.cgi/cgiproxy/settings"
)

// VariantFlags defines the flags that say how proxy.cgi is run. Without one that
// stays as it is, for who installs again mostly wants something else: files that
// visitors must not see would be shown.
func VariantFlags(flags *flag.FlagSet, chosen *htaccess.Choice) {
	before := ""
	for _, f := range []struct {
		name    string
		scripts htaccess.Scripts
	}{{"cgi", htaccess.CGI}, {"fastcgi", htaccess.FastCGI}, {"both", htaccess.Both}} {
		flags.BoolFunc(f.name, "", func(value string) error {
			if is, err := strconv.ParseBool(value); err != nil || !is {
				return errors.New("say what else: --cgi, --fastcgi or --both")
			}
			if before != "" && before != f.name {
				return fmt.Errorf("not together with --%s", before)
			}
			before, chosen.Scripts = f.name, &f.scripts
			return nil
		})
	}
	flags.BoolFunc("public-only", "", func(value string) error {
		only, err := strconv.ParseBool(value)
		chosen.PublicOnly = &only
		return err
	})
}

// A SettingFlag is a flag that stands for a setting.
type SettingFlag struct{ Flag, Setting string }

// SettingFlags returns the flags that stand for settings.
func SettingFlags() []SettingFlag {
	return []SettingFlag{
		{"upstream", "UPSTREAM"},
		{"start", "START"},
		{"start-dir", "START_DIR"},
		{"strip-prefix", "STRIP_PREFIX"},
	}
}

// newSettings returns the new text of .htcgiproxy.
func (in *Site) newSettings(text []byte) (_ []byte, notes []string, err error) {
	if text == nil {
		text = []byte{}
	}
	for _, s := range in.Settings {
		if _, err := settings.WithSetting(nil, s.Name, s.Value); err != nil {
			return nil, nil, &UsageError{err.Error()}
		}
		if text, err = settings.WithSetting(text, s.Name, s.Value); err != nil {
			return nil, nil, err
		}
	}
	if settings.ValueIn(text, "START") != "" && settings.ValueIn(text, "UPSTREAM") == "" {
		if text, err = settings.WithSetting(text, "UPSTREAM", "auto"); err != nil {
			return nil, nil, err
		}
	}
	notes, err = in.checkSettings(text)
	return text, append(notes, in.staying(text)...), err
}

// staying tells of what is there from before and has another meaning beside what
// flags give now.
func (in *Site) staying(text []byte) (notes []string) {
	gives := func(name string) bool {
		return slices.ContainsFunc(in.Settings, func(s Assignment) bool { return s.Name == name })
	}
	start, upstream := settings.ValueIn(text, "START"), settings.ValueIn(text, "UPSTREAM")
	switch {
	case start == "" || gives("START") == gives("UPSTREAM"):
	case gives("UPSTREAM") && upstream != "auto":
		notes = append(notes, settings.Prefix+"START is there from before: an app that you start yourself wants its line deleted from "+settings.File)
	case gives("START") && upstream != "auto":
		notes = append(notes, "the app is started at "+settings.Prefix+"UPSTREAM="+upstream+", which is there from before: --upstream auto has a free port chosen")
	}
	return notes
}

// checkSettings reports what is wrong with the text of .htcgiproxy, and what the
// owner should know about it.
func (in *Site) checkSettings(text []byte) (notes []string, err error) {
	_, loaded, err := settings.Check(text, in.Folder)
	if bad, ok := errors.AsType[*settings.Error](err); ok {
		if bad.Name == "UPSTREAM" && bad.Value == "" {
			return nil, &UsageError{"say where the app listens, as in --upstream 6543, or how to start it, as in --start 'python3 app.py'"}
		}
		what := fmt.Sprintf("%v: %s", bad, bad.Remedy)
		for _, s := range in.Settings {
			if s.Name == bad.Name {
				return nil, &UsageError{what}
			}
		}
		return nil, errors.New(what)
	}
	for _, note := range loaded {
		if note.Level <= settings.LevelWarn {
			notes = append(notes, note.Text)
		}
	}
	return notes, err
}

// A UsageError is a setting on the command line that is wrong or missing.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }
