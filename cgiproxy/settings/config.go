package settings

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Config holds the settings of one site. MANUAL's table is generated
// from its tags: desc says what a setting does, example how it is written.
//
// Each tag is the whole name: given the prefix, envconfig would also take a
// variable without it. No tag says split_words, for which envconfig applies
// regular expressions to the field's name each time that settings are loaded.
type Config struct {
	Upstream       Upstream      `envconfig:"CGIPROXY_UPSTREAM" example:"6543" desc:"(required) where the app listens: ~6543~ (this machine: 127.0.0.1, then ::1), ~host:port~, ~[::1]:6543~, ~http(s)://host[:port][/base]~ or ~unix:/path/app.sock~ (a relative path starts at START_DIR); with START also ~auto~, a free port chosen at each start"`
	StripPrefix    string        `envconfig:"CGIPROXY_STRIP_PREFIX" example:"auto" desc:"public path prefix taken away before forwarding; ~auto~ is the folder proxy.cgi is in. Redirects, Content-Location, Refresh and cookie paths get it back"`
	UsePathInfo    bool          `envconfig:"CGIPROXY_USE_PATH_INFO" default:"false" example:"true" desc:"take the path from PATH_INFO (sites that rewrite on purpose) instead of REQUEST_URI"`
	PreserveHost   bool          `envconfig:"CGIPROXY_PRESERVE_HOST" default:"true" example:"false" desc:"send the visitor's Host to the app"`
	TrustedProxies Networks      `envconfig:"CGIPROXY_TRUSTED_PROXIES" example:"10.0.0.0/8,192.0.2.7" desc:"addresses and CIDRs, separated by commas, whose X-Forwarded-* are believed and added to; those of others are replaced"`
	ConnectTimeout time.Duration `envconfig:"CGIPROXY_CONNECT_TIMEOUT" default:"5s" example:"5s" desc:"time to connect to the app; 0 is no limit"`
	HeaderTimeout  time.Duration `envconfig:"CGIPROXY_HEADER_TIMEOUT" default:"60s" example:"60s" desc:"time until the header of the app's answer, and for the app to take each piece of an upload; 0 is no limit"`
	IdleTimeout    time.Duration `envconfig:"CGIPROXY_IDLE_TIMEOUT" default:"0" example:"5m" desc:"time between two pieces of the answer; 0 is no limit"`
	ConnectRetry   time.Duration `envconfig:"CGIPROXY_CONNECT_RETRY" default:"0s" example:"10s" desc:"keep trying a refused connection this long (an app that restarts)"`
	MaxBody        ByteCount     `envconfig:"CGIPROXY_MAX_BODY" default:"0" example:"10485760" desc:"largest request body in bytes, without a unit; a larger one is 413; 0 is no limit"`
	TLSSkipVerify  bool          `envconfig:"CGIPROXY_TLS_SKIP_VERIFY" default:"false" example:"true" desc:"accept any certificate of an https app"`
	TLSCA          string        `envconfig:"CGIPROXY_TLS_CA" example:"/home/me/ca.pem" desc:"PEM file with the certificate authorities of an https app, in place of the system's; a relative path starts at the folder of proxy.cgi"`
	Secret         string        `envconfig:"CGIPROXY_SECRET" example:"'a long random text'" desc:"signs each request with X-Proxy-Signature, so that the app can tell it from one of somebody else on the machine"`
	RequireOwner   bool          `envconfig:"CGIPROXY_REQUIRE_OWNER" default:"false" example:"true" desc:"send nothing unless the app's socket was opened by the user that proxy.cgi runs as; else 502. With START it is true unless set to false"`
	ErrorPage      string        `envconfig:"CGIPROXY_ERROR_PAGE" example:"/home/me/error.html" desc:"HTML file shown to browsers in place of the built-in error page; a relative path starts at the folder of proxy.cgi"`
	LogLevel       Level         `envconfig:"CGIPROXY_LOG_LEVEL" default:"warn" example:"info" desc:"what goes to the web server's error log: ~error~, ~warn~, ~info~ (a line for each request) or ~debug~"`
	LogFile        string        `envconfig:"CGIPROXY_LOG_FILE" example:".htproxy.log" desc:"file that gets these lines, too, each with its date; at 1 MiB it is renamed to the same name with ~.1~, in place of the one before. A relative path starts at the folder of proxy.cgi; in that folder the name must begin with ~.ht~ and end in ~.log~, or visitors could read it"`

	Starting `ignored:"true"` // decoded where one of them is written
	Status   `ignored:"true"` // taken as they are written

	folder  string             // where File is
	written map[string]setting // without Prefix
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
