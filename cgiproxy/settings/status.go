package settings

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Status are the settings of the status page. Both are text, which is taken as
// it is written: a site without them pays nothing for it, and one whose other
// settings are wrong has the page that says so.
type Status struct {
	StatusPath  string `envconfig:"CGIPROXY_STATUS_PATH"`
	StatusToken string `envconfig:"CGIPROXY_STATUS_TOKEN"`
}

// minToken is what STATUS_TOKEN needs at least, in characters. It is all that
// keeps a stranger out: 16 at random are more than he can try.
const minToken = 16

// statusPage reads the settings of the page. With a fault there is none.
func (f *finder) statusPage(c *Config) error {
	path, token := f.counted["STATUS_PATH"].value, f.counted["STATUS_TOKEN"].value
	bad := func(name, format string, args ...any) error {
		return c.Misconfigured(name, fmt.Errorf(format, args...))
	}
	switch {
	case path == "" && token == "":
		return nil
	case path != "" && !isStatusPath(path):
		return bad("STATUS_PATH", "is no path of one page: it starts with a slash, goes on behind it, and has no blank, quote, backslash, semicolon, question mark or number sign")
	case token != "" && utf8.RuneCountInString(token) < minToken:
		return bad("STATUS_TOKEN", "is shorter than %d characters: anybody could find it by trying", minToken)
	case isExample("STATUS_TOKEN", token):
		return bad("STATUS_TOKEN", "is the one in the manual, which everybody can read: make one up")
	case token == "":
		return bad("STATUS_TOKEN", "is not set, and %sSTATUS_PATH is: the page needs both", Prefix)
	case path == "":
		return bad("STATUS_PATH", "is not set, and %sSTATUS_TOKEN is: the page needs both", Prefix)
	}
	c.StatusPath, c.StatusToken = path, token
	return nil
}

// isStatusPath reports whether a request can be for the path, and a cookie (RFC
// 6265, section 4.1.1).
func isStatusPath(path string) bool {
	return len(path) > 1 && path[0] == '/' && !strings.HasPrefix(path, "//") && !strings.ContainsFunc(path, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"'<>\;?#`, r)
	})
}

func isExample(name, value string) bool {
	for _, s := range List() {
		if s.Name == name {
			return value == strings.Trim(s.Example, "'")
		}
	}
	return false
}

// IsSecret reports whether a setting's value is to be shown to nobody, not even
// in the log.
func IsSecret(name string) bool { return name == "SECRET" || name == "STATUS_TOKEN" }

// Written returns the names of the settings that somebody has written, without
// Prefix, in the order of List, and where.
func (c *Config) Written() (names, sources []string) {
	for _, s := range List() {
		if from := c.Source(s.Name); from != "" {
			names, sources = append(names, s.Name), append(sources, from)
		}
	}
	return names, sources
}

// Secrets returns the texts that no page may show, whatever it is about: the
// values of settings that are secret, those that are for the app, and START where
// it is more than a program, for it may say a password to it.
func (c *Config) Secrets() (texts []string) {
	for name, s := range c.written {
		if s.value != "" && (IsSecret(name) || !isSetting(name) || name == "START" && strings.ContainsAny(s.value, blanks+"\n=")) {
			texts = append(texts, s.value)
		}
	}
	return texts
}
