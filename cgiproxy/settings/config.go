package settings

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Config holds the settings of one site. The list describes them.
//
// Each tag is the whole name: given the prefix, envconfig would also take a
// variable without it. No tag says split_words, for which envconfig applies
// regular expressions to the field's name each time that settings are loaded.
type Config struct {
	Upstream       Upstream      `envconfig:"CGIPROXY_UPSTREAM"`
	StripPrefix    string        `envconfig:"CGIPROXY_STRIP_PREFIX"`
	UsePathInfo    bool          `envconfig:"CGIPROXY_USE_PATH_INFO" default:"false"`
	PreserveHost   bool          `envconfig:"CGIPROXY_PRESERVE_HOST" default:"true"`
	TrustedProxies Networks      `envconfig:"CGIPROXY_TRUSTED_PROXIES"`
	ConnectTimeout time.Duration `envconfig:"CGIPROXY_CONNECT_TIMEOUT" default:"5s"`
	HeaderTimeout  time.Duration `envconfig:"CGIPROXY_HEADER_TIMEOUT" default:"60s"`
	IdleTimeout    time.Duration `envconfig:"CGIPROXY_IDLE_TIMEOUT" default:"0"`
	ConnectRetry   time.Duration `envconfig:"CGIPROXY_CONNECT_RETRY" default:"0s"`
	MaxBody        ByteCount     `envconfig:"CGIPROXY_MAX_BODY" default:"0"`
	TLSSkipVerify  bool          `envconfig:"CGIPROXY_TLS_SKIP_VERIFY" default:"false"`
	TLSCA          string        `envconfig:"CGIPROXY_TLS_CA"`
	Secret         string        `envconfig:"CGIPROXY_SECRET"`
	RequireOwner   bool          `envconfig:"CGIPROXY_REQUIRE_OWNER" default:"false"`
	ErrorPage      string        `envconfig:"CGIPROXY_ERROR_PAGE"`
	LogLevel       Level         `envconfig:"CGIPROXY_LOG_LEVEL" default:"warn"`
	LogFile        string        `envconfig:"CGIPROXY_LOG_FILE"`

	Starting `ignored:"true"` // decoded where one of them is written
	Status   `ignored:"true"` // taken as they are written

	folder  string             // where File is
	own     bool               // see site
	written map[string]setting // without Prefix
	changed time.Time          // ChangeTime of File, when it was read; zero where there is none
}

// A ByteCount is a number of bytes.
type ByteCount int64

// Decode implements envconfig.Decoder. By itself envconfig reads a number as Go
// source, where 0100 is 64.
func (n *ByteCount) Decode(value string) error {
	count, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return errors.New("no number in plain decimal digits, or too large")
	}
	*n = ByteCount(count)
	return nil
}

// check reports the first value that no single field could refuse by itself.
func (c *Config) check() error {
	if c.Upstream == (Upstream{}) {
		return c.Misconfigured("UPSTREAM", errors.New("is not set"))
	}
	for _, limit := range []struct {
		name  string
		value time.Duration
	}{
		{"CONNECT_TIMEOUT", c.ConnectTimeout},
		{"HEADER_TIMEOUT", c.HeaderTimeout},
		{"IDLE_TIMEOUT", c.IdleTimeout},
		{"CONNECT_RETRY", c.ConnectRetry},
		{"START_TIMEOUT", c.StartTimeout},
		{"IDLE_STOP", c.IdleStop},
	} {
		if limit.value < 0 {
			return c.Misconfigured(limit.name, errors.New("negative"))
		}
	}
	if err := c.checkStart(); err != nil {
		return err
	}
	return c.checkStripPrefix()
}

// checkStripPrefix brings STRIP_PREFIX to the form the path is compared with:
// decoded, without a slash at the end.
func (c *Config) checkStripPrefix() error {
	if c.StripPrefix == "" || c.StripPrefix == AutoPrefix {
		return nil
	}
	prefix, err := url.PathUnescape(strings.TrimRight(c.StripPrefix, "/"))
	if err != nil || !strings.HasPrefix(c.StripPrefix, "/") || strings.ContainsAny(c.StripPrefix, "?#") ||
		strings.Contains(prefix, "//") || strings.Contains(prefix+"/", "/./") || strings.Contains(prefix+"/", "/../") {
		return c.Misconfigured("STRIP_PREFIX", errors.New("neither auto nor a path that starts with a slash"))
	}
	c.StripPrefix = prefix
	return nil
}

// AutoPrefix is the STRIP_PREFIX that stands for the script's folder.
const AutoPrefix = "auto"
