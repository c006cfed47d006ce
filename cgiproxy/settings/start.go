package settings

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Starting are the settings of an app that is started on demand. They are a part
// of their own because each field costs time, and most sites have none of them.
type Starting struct {
	Start        string        `envconfig:"CGIPROXY_START"`
	StartDir     string        `envconfig:"CGIPROXY_START_DIR"`
	StartTimeout time.Duration `envconfig:"CGIPROXY_START_TIMEOUT" default:"30s"`
	StartLog     string        `envconfig:"CGIPROXY_START_LOG"`
	StartEnv     Names         `envconfig:"CGIPROXY_START_ENV"`
	StartPage    bool          `envconfig:"CGIPROXY_START_PAGE" default:"true"`
	RestartFile  string        `envconfig:"CGIPROXY_RESTART_FILE"`
	IdleStop     time.Duration `envconfig:"CGIPROXY_IDLE_STOP" default:"0"`

	StartVars    []string `ignored:"true"` // NAME=value of each in StartEnv that File has
	StartPassing []string `ignored:"true"` // of each that only the environment has, of this process or request
}

// hasStarting reports whether one of Starting is written.
func (f *finder) hasStarting() bool {
	for name := range f.counted {
		if strings.HasPrefix(name, "START") || name == "RESTART_FILE" || name == "IDLE_STOP" {
			return true
		}
	}
	return false
}

// Names are names of environment variables.
type Names []string

// Decode implements envconfig.Decoder.
func (n *Names) Decode(value string) error {
	var list Names
	for name := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ' ' }) {
		switch {
		case !isName(name):
			return fmt.Errorf("%q is no name of a variable", name)
		case isOfRequest(name):
			return fmt.Errorf("%s is of the request: each would restart the app", name)
		case name == "PORT" || name == "SOCKET":
			return errors.New("PORT and SOCKET are from UPSTREAM")
		case name == "SECRET": // with which the app checks signatures
		case IsSecret(strings.TrimPrefix(name, Prefix)): // before the command, ps would show it
			return fmt.Errorf("%s is a setting of proxy.cgi: the app can have SECRET, which is %sSECRET, and others under names that no setting has", name, Prefix)
		case isSetting(strings.TrimPrefix(name, Prefix)):
			return fmt.Errorf("%s is a setting of proxy.cgi: for the app write it before the command, %sSTART='%s=... command'", name, Prefix, name)
		}
		list = append(list, name)
	}
	*n = list
	return nil
}

// isOfRequest reports whether a variable tells of the request (RFC 3875, section
// 4.1, and what servers add). The app outlives that.
func isOfRequest(name string) bool {
	return slices.ContainsFunc([]string{
		"AUTH_", "CONTENT_", "CONTEXT_", "DOCUMENT_", "FCGI_", "GATEWAY_INTERFACE", "HTTP", "PATH_INFO", "PATH_TRANSLATED",
		"QUERY_STRING", "REDIRECT_", "REMOTE_", "REQUEST_", "SCRIPT_", "SERVER_", "SSL_", "UNIQUE_ID",
	}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// StartFile returns the path of File where that says which app is started in which
// folder, and "" where SetEnv has a say: one program may start several then. It
// returns also its ChangeTime, as it was read.
func (c *Config) StartFile() (path string, changed time.Time) {
	file := filepath.Join(c.folder, File)
	if c.Source("START") != file || c.Source("START_DIR") != "" && c.Source("START_DIR") != file {
		return "", time.Time{}
	}
	return file, c.changed
}

// checkStart checks what START brings with it, and makes its paths absolute.
func (c *Config) checkStart() error {
	c.StartDir = within(c.folder, c.StartDir)
	if err := c.placeSocket(); err != nil {
		return err
	}
	if c.Start == "" {
		if c.Upstream.Auto {
			return c.Misconfigured("UPSTREAM", fmt.Errorf("needs %sSTART, the command that starts the app", Prefix))
		}
		return nil
	}
	if c.written["REQUIRE_OWNER"].value == "" {
		// While the app is down anybody may take its port.
		c.RequireOwner = true
	}
	if c.StartLog == "" {
		c.StartLog = "app.log"
	}
	if c.RestartFile == "" {
		c.RestartFile = "tmp/restart.txt"
	}
	c.StartLog, c.RestartFile = within(c.StartDir, c.StartLog), within(c.StartDir, c.RestartFile)
	return cmp.Or(c.checkStartLog(), c.checkTwoLogs())
}

// checkStartLog refuses a log that another user of the machine could lead elsewhere:
// it is appended to, and cut.
func (c *Config) checkStartLog() error {
	if c.written["START_LOG"].value == "" {
		return nil // beside the app
	}
	_, err := c.site().resolve(c.StartLog)
	if bad, ok := errors.AsType[*strangerError](err); ok {
		return c.Misconfigured("START_LOG", bad)
	}
	return nil
}

// addStartVars adds what the app gets of the names in START_ENV: from the file,
// or else from vars.
func (c *Config) addStartVars(f *finder, vars map[string]string) {
	for _, name := range c.StartEnv {
		found := f.counted[name]
		value := cmp.Or(found.value, vars[name], vars["REDIRECT_"+name])
		switch {
		case value == "":
		case found.source == filepath.Join(c.folder, File):
			c.StartVars = append(c.StartVars, name+"="+value)
		default:
			c.StartPassing = append(c.StartPassing, name+"="+value)
		}
	}
}

// placeSocket makes the socket's path absolute.
func (c *Config) placeSocket() error {
	u := &c.Upstream
	if u.Network != "unix" {
		return nil
	}
	u.Address = within(c.StartDir, u.Address)
	// sun_path has 108 bytes on Linux and 104 on FreeBSD, a NUL included.
	if len(u.Address) > 103 {
		return c.Misconfigured("UPSTREAM", fmt.Errorf("a unix socket's path has at most 103 bytes, %s has %d", u.Address, len(u.Address)))
	}
	return nil
}

func within(folder, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}
