package settings

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kelseyhightower/envconfig"
)

const (
	// Prefix starts the name of each setting. In File it may be left out.
	Prefix = "CGIPROXY_"

	// File is beside the executable. Stock Apache and LiteSpeed serve no .ht*
	// file, and suEXEC, which strips SetEnv, cannot take it away.
	File = ".htcgiproxy"

	// maxFile is far more than anybody writes by hand.
	maxFile = 64 << 10
)

// bakedUpstream is the UPSTREAM that `make build UPSTREAM=...` links in.
var bakedUpstream string

// A Note is something to tell the owner about settings that can be used.
type Note struct {
	Level Level
	Text  string
}

// Load finds, decodes and checks the settings. vars are the CGI variables, and
// folder is where the executable is. A setting counts where it is found first:
//
//   - in File in folder, which is nearest to the site: SetEnv is inherited by
//     all folders below the one that says it, also by those of other sites;
//   - in vars, where SetEnv puts it;
//   - there under REDIRECT_, to which an internal redirect renames it;
//   - in the executable.
//
// An empty one is as good as none. The Config is usable for logging and the
// error page also where there is an error, which is an *Error.
func Load(vars map[string]string, folder string) (*Config, []Note, error) {
	return load(finder{}, vars, folder)
}

// Explain is Load for a person who looks: with the notes up to LevelInfo, also
// where LOG_LEVEL is lower.
func Explain(vars map[string]string, folder string) (*Config, []Note, error) {
	return load(finder{least: LevelInfo}, vars, folder)
}

// LoadOwn is Load for a command that starts what the settings say: no file counts
// that is another user's than ours or root's, whoever the folder belongs to.
func LoadOwn(vars map[string]string, folder string) (*Config, []Note, error) {
	return load(finder{own: true}, vars, folder)
}

func load(found finder, vars map[string]string, folder string) (*Config, []Note, error) {
	found.counted = map[string]setting{}
	notes, err := found.addFile(folder)
	cfg, more, err := found.load(vars, folder, err)
	return cfg, append(notes, more...), err
}

// Check does what Load would do with a File of this text in folder, and with
// nothing from elsewhere.
func Check(text []byte, folder string) (*Config, []Note, error) {
	found := finder{counted: map[string]setting{}}
	return found.load(nil, folder, found.addText(filepath.Join(folder, File), text))
}

// load adds what is not from a file, and decodes and checks all.
func (f *finder) load(vars map[string]string, folder string, fileErr error) (*Config, []Note, error) {
	f.add(vars, Prefix, "SetEnv")
	f.add(vars, "REDIRECT_"+Prefix, "SetEnv")
	if bakedUpstream != "" {
		f.add(map[string]string{"UPSTREAM": bakedUpstream}, "", "the build")
	}

	cfg, err := f.decode(folder)
	unknown := f.unknown(cfg.StartEnv)
	if err == nil {
		err = f.mistyped(unknown, folder)
	}
	cfg.addStartVars(f, vars)
	for _, file := range [...]*string{&cfg.ErrorPage, &cfg.TLSCA, &cfg.LogFile} {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(folder, *file)
		}
	}
	logErr := cfg.checkLogFile(folder, vars["DOCUMENT_ROOT"], vars["CONTEXT_DOCUMENT_ROOT"])
	statusErr := f.statusPage(cfg)
	switch {
	case fileErr != nil: // first, for it may be why others are missing
		err = &Error{Err: fileErr, Remedy: FileRemedy(fileErr, "it must be a text file with lines like "+Prefix+"UPSTREAM=6543")}
	case err == nil && logErr != nil:
		err = logErr
	case err == nil && statusErr != nil:
		err = statusErr
	case err == nil:
		err = cfg.check()
	}
	return cfg, f.notes(unknown, max(f.least, cfg.LogLevel)), err
}

// A finder collects settings, those that count first.
type finder struct {
	counted   map[string]setting // by their names without Prefix
	overruled []string           // about others that differ
	least     Level              // notes are up to this one, or LOG_LEVEL's
	own       bool               // see site
	changed   time.Time          // see Config
}

type setting struct{ value, source string }

// add adds what stands under prefix in vars.
func (f *finder) add(vars map[string]string, prefix, source string) {
	for name, value := range vars {
		name, ok := strings.CutPrefix(name, prefix)
		if !ok || value == "" {
			continue
		}
		first, ok := f.counted[name]
		switch {
		case !ok:
			f.counted[name] = setting{value, source}
		case first.value != value:
			f.overruled = append(f.overruled, fmt.Sprintf("%s%s counts as %s has it, not as %s has it", Prefix, name, first.source, source))
		}
	}
}

// addFile adds the settings of File in folder, if it is there.
func (f *finder) addFile(folder string) (notes []Note, err error) {
	file := filepath.Join(folder, File)
	text, info, err := site{folder, f.own}.read(file, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuseBrokenLink(file)
	}
	if err != nil {
		return nil, err
	}
	f.changed = ChangeTime(info)
	// An upload empties the file first (STOR in FTP): what SetEnv says meanwhile
	// may be the address of another user's app.
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("%s is empty: is it being uploaded?", file)
	}
	if err := f.addText(file, text); err != nil {
		return nil, err
	}
	for _, text := range f.readableSecrets(file, info.Mode()) {
		notes = append(notes, Note{LevelWarn, text})
	}
	return notes, nil
}

// refuseBrokenLink returns an error where File is a link of which the other end is not
// there, for as long as a release is switched: as with an empty one, what SetEnv says
// meanwhile may be the address of another user's app.
func refuseBrokenLink(file string) error {
	if info, err := os.Lstat(file); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	return fmt.Errorf("%s is a symbolic link that leads nowhere", file)
}

// ReadableSecrets says which secrets the text of File holds that others may read
// with such permissions, and what to do.
func ReadableSecrets(text []byte, mode fs.FileMode) []string {
	found := finder{counted: map[string]setting{}}
	if err := found.addText(File, text); err != nil {
		return nil
	}
	return found.readableSecrets(File, mode)
}

func (f *finder) readableSecrets(file string, mode fs.FileMode) (texts []string) {
	for _, name := range [...]string{"SECRET", "STATUS_TOKEN"} {
		if f.counted[name].value != "" && mode.Perm()&0o004 != 0 {
			texts = append(texts, file+" holds "+Prefix+name+" and others may read it: set its permissions to 600 (where scripts run as another user, who has to read it, keep no secret there)")
		}
	}
	return texts
}

// addText adds the settings in the text of a file.
func (f *finder) addText(file string, text []byte) error {
	vars, err := parseFile(text)
	if err != nil {
		return fmt.Errorf("%s is not made of lines NAME=value: %w", file, err)
	}
	f.add(vars, Prefix, file)
	maps.DeleteFunc(vars, func(name, _ string) bool { return strings.HasPrefix(name, Prefix) })
	f.add(vars, "", file)
	return nil
}

// notes tells what the owner may have meant otherwise, and at LevelDebug where
// each setting comes from.
func (f *finder) notes(unknown []string, level Level) []Note {
	var notes []Note
	for _, name := range unknown {
		notes = append(notes, Note{LevelWarn, noSetting(name, meantSetting(name))})
	}
	if level < LevelInfo {
		return notes
	}
	slices.Sort(f.overruled)
	for _, text := range slices.Compact(f.overruled) {
		notes = append(notes, Note{LevelInfo, text})
	}
	if level < LevelDebug {
		return notes
	}
	for _, name := range slices.Sorted(maps.Keys(f.counted)) {
		notes = append(notes, Note{LevelDebug, fmt.Sprintf("%s%s is from %s", Prefix, name, f.counted[name].source)})
	}
	return notes
}

// Source returns where a setting, named without Prefix, was found: a file's path,
// "SetEnv" or "the build". It is "" where nobody has set it.
func (c *Config) Source(name string) string { return c.written[name].source }

// decodeLock guards the process environment, the only place that envconfig
// reads from.
var decodeLock sync.Mutex

// decode makes a Config through the process environment, where it leaves no
// other setting. The error is that of the first setting that is wrong, and all
// others count: for the log, the error page, and the status page, which has to know
// whose word on https it may take.
func (f *finder) decode(folder string) (*Config, error) {
	decodeLock.Lock()
	defer decodeLock.Unlock()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, Prefix) {
			os.Unsetenv(name)
		}
	}
	cfg := &Config{folder: folder, own: f.own, written: f.counted, changed: f.changed}
	var first error
	for name, s := range f.counted {
		if err := os.Setenv(Prefix+name, s.value); err != nil && first == nil {
			first = cfg.Misconfigured(name, err)
		}
	}
	if err := cfg.decode(cfg); first == nil {
		first = err
	}
	if f.hasStarting() {
		if err := cfg.decode(&cfg.Starting); first == nil {
			first = err
		}
	}
	return cfg, first
}

// decode fills part from the process environment, without those that are wrong,
// and returns the error of the first of these.
func (c *Config) decode(part any) (first error) {
	for {
		err := envconfig.Process("", part)
		bad, ok := errors.AsType[*envconfig.ParseError](err)
		if !ok {
			return cmp.Or(first, err)
		}
		err = bad.Err
		if number, ok := errors.AsType[*strconv.NumError](err); ok {
			err = number.Err // without the function's name
		}
		first = cmp.Or(first, error(c.Misconfigured(strings.TrimPrefix(bad.KeyName, Prefix), err)))
		os.Unsetenv(bad.KeyName)
	}
}
