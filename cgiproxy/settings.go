package cgiproxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/kelseyhightower/envconfig"
)

const (
	settingPrefix = "CGIPROXY_"

	// settingsFile is beside the executable. Stock Apache and LiteSpeed serve
	// no .ht* file, and suEXEC, which strips SetEnv, cannot take it away.
	settingsFile = ".htcgiproxy"

	// maxSettingsFile is far more than anybody writes by hand.
	maxSettingsFile = 64 << 10
)

// bakedUpstream is the UPSTREAM that `make build UPSTREAM=...` links in.
var bakedUpstream string

// loadConfig finds, decodes and checks the settings of one request. A setting
// counts where it is found first: in the environment, there under REDIRECT_,
// in the file in folder, in the executable. An empty one is as good as none.
//
// The Config is usable for logging and the error page also where there is an
// error.
func loadConfig(env Environ, folder string) (cfg *Config, warnings []string, err error) {
	values := map[string]string{}
	if bakedUpstream != "" {
		values["UPSTREAM"] = bakedUpstream
	}
	warnings, fileErr := readSettings(values, folder)
	addSettings(values, env, "REDIRECT_"+settingPrefix)
	addSettings(values, env, settingPrefix)

	cfg, err = decode(values)
	for _, file := range [...]*string{&cfg.ErrorPage, &cfg.TLSCA} {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(folder, *file)
		}
	}
	cfg.mark = siteMark(folder, &cfg.Upstream)
	switch {
	case fileErr != nil: // first, for it may be why others are missing
		err = unreadable(fileErr, "it must be a text file with lines like "+settingPrefix+"UPSTREAM=6543")
	case err == nil:
		err = cfg.check()
	}
	if bad, ok := errors.AsType[*settingError](err); ok {
		err = misconfigured(bad, env, folder)
	}
	return cfg, append(warnings, unknownSettings(values)...), err
}

// addSettings adds what stands under prefix in vars to values.
func addSettings(values, vars map[string]string, prefix string) {
	for name, value := range vars {
		if name, ok := strings.CutPrefix(name, prefix); ok && value != "" {
			values[name] = value
		}
	}
}

// readSettings adds the settings of the file in folder to values. There the
// prefix may be left out.
func readSettings(values map[string]string, folder string) (warnings []string, err error) {
	file := filepath.Join(folder, settingsFile)
	text, info, err := readOwn(file, maxSettingsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	vars, err := parseSettings(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not made of lines NAME=value: %w", file, err)
	}
	addSettings(values, vars, "")
	addSettings(values, vars, settingPrefix)
	for name := range values {
		if strings.HasPrefix(name, settingPrefix) {
			delete(values, name)
		}
	}
	if values["SECRET"] != "" && readableByOthers(info) {
		warnings = append(warnings, file+" holds "+settingPrefix+"SECRET and others may read it: set its permissions to 600")
	}
	return warnings, nil
}

// decodeLock guards the process environment, the only place that envconfig
// reads from.
var decodeLock sync.Mutex

// decode turns the values into a Config through the process environment, where
// it leaves no other setting.
func decode(values map[string]string) (*Config, error) {
	decodeLock.Lock()
	defer decodeLock.Unlock()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, settingPrefix) {
			os.Unsetenv(name)
		}
	}
	cfg := new(Config)
	for name, value := range values {
		if err := os.Setenv(settingPrefix+name, value); err != nil {
			return cfg, &settingError{name: name, err: err}
		}
	}
	err := envconfig.Process("", cfg)
	if bad, ok := errors.AsType[*envconfig.ParseError](err); ok {
		err := bad.Err
		if number, ok := errors.AsType[*strconv.NumError](err); ok {
			err = number.Err // without the function's name
		}
		return cfg, &settingError{name: strings.TrimPrefix(bad.KeyName, settingPrefix), value: bad.Value, err: err}
	}
	return cfg, err
}

// misconfigured is a setting that is missing or wrong, with how to write it.
func misconfigured(bad *settingError, env Environ, folder string) *failure {
	f := &failure{status: http.StatusInternalServerError, cause: bad}
	name := settingPrefix + bad.name
	for _, s := range settings() {
		if s.name == bad.name {
			f.remedy = fmt.Sprintf("write for example %s=%s into %s", name, s.example, filepath.Join(folder, settingsFile))
		}
	}
	if env[name] != "" || env["REDIRECT_"+name] != "" {
		f.remedy += fmt.Sprintf(", and take SetEnv %s out of .htaccess, for it counts first", name)
	}
	return f
}
