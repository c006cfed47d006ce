package statuspage

import (
	"fmt"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy"
)

// A masker takes out of a text what is nobody's business, the owner's in a café
// included.
type masker struct{ secrets []string }

// leastSecret is in bytes: a shorter one is a part of any text.
const leastSecret = 6

func newMasker(secrets []string) *masker {
	m := &masker{}
	for _, secret := range secrets {
		texts := []string{secret}
		if strings.Contains(secret, "\n") { // a key: of its lines each may be shown alone, with something before it
			texts = append(texts, strings.Split(secret, "\n")...)
		}
		for _, text := range texts {
			if text = strings.TrimSpace(text); len(text) >= leastSecret {
				m.secrets = append(m.secrets, text)
			}
		}
	}
	slices.SortFunc(m.secrets, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	return m
}

// text returns a line as it may be shown, without control bytes.
func (m *masker) text(s string) string { return cgiproxy.Printable(m.hide(s)) }

// hide takes the secrets out of a text of any number of lines.
func (m *masker) hide(s string) string {
	for _, secret := range m.secrets {
		s = strings.ReplaceAll(s, secret, "(not shown)")
	}
	return s
}

// value returns the value of a CGI variable.
func (m *masker) value(name, value string) string {
	if value != "" && !isShown(name) {
		return fmt.Sprintf("(%d bytes, not shown)", len(value))
	}
	return m.text(value)
}

// field is value for a field of the request to the app.
func (m *masker) field(name, value string) string {
	return m.value("HTTP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_")), value)
}

// secretWords are in the names of what is not shown: Cookie, Authorization,
// X-Proxy-Signature, X-Api-Key, X-Csrf-Token.
var secretWords = [...]string{"COOKIE", "AUTHORIZATION", "SECRET", "TOKEN", "PASS", "SIGNATURE", "KEY", "SESSION", "CREDENTIAL", "PROXY_CHECK"}

// requestNames begin the names of variables that tell of the request (RFC 3875,
// section 4.1, and what servers add). Any other may be a setting or a password
// that SetEnv says.
var requestNames = [...]string{
	"AUTH_TYPE", "CONTENT_", "CONTEXT_", "DOCUMENT_", "GATEWAY_INTERFACE", "HTTP", "PATH", "QUERY_STRING",
	"REMOTE_", "REQUEST_", "SCRIPT_", "SERVER_", "STATUS", "UNIQUE_ID", "URL",
}

func isShown(name string) bool {
	for {
		rest, ok := strings.CutPrefix(name, "REDIRECT_")
		if !ok {
			break
		}
		name = rest
	}
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return false
		}
	}
	for _, start := range requestNames {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}
