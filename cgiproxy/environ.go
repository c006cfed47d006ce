package cgiproxy

import (
	"fmt"
	"os"
	"path"
	"strings"

	"proxy.cgi/cgiproxy/syntax"
)

// An Environ holds the CGI variables of one request (RFC 3875, section 4.1),
// normalised so that the steps after it need to know no web server:
//
//   - a variable that mod_rewrite's internal redirect renamed to REDIRECT_X,
//     and that is needed, has its own name again;
//   - HTTP_ names are upper case with underscores, each once; AMBIGUOUS lists those
//     that stand for more than one field name, as far as the web server tells;
//   - a control byte in a field value is a space (RFC 9110, section 5.5);
//   - fields that repeat a variable of RFC 3875 are gone;
//   - REDIRECT_STATUS is that of a refused request, whichever redirect had it;
//   - REMOTE_USER is a name that the web server has proved.
type Environ map[string]string

// redirected lists the variables that Apache sets before an internal redirect
// and then passes on only as REDIRECT_X. The owner's rule
// `E=HTTP_AUTHORIZATION:%{HTTP:Authorization}` is the usual case.
var redirected = [...]string{"HTTP_AUTHORIZATION", "REMOTE_USER"}

// ambiguous lists, set apart by blanks, variables of which each is two fields.
const ambiguous = "AMBIGUOUS"

// NewEnviron reads "NAME=value" strings as os.Environ returns them. Of a name
// that occurs twice the first counts, as for getenv; but a field that does is one
// with all its values (RFC 9110, section 5.3).
func NewEnviron(vars []string) Environ {
	env := make(Environ, len(vars))
	var renamed []string  // by internal redirects
	var repeated []string // fields
	for _, v := range vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			continue
		}
		if field, ok := strings.CutPrefix(name, "HTTP_"); ok {
			name, value = "HTTP_"+variableName(field), syntax.CleanValue(value)
			if !syntax.IsToken(field) {
				continue
			}
		}
		if strings.HasPrefix(name, "REDIRECT_") {
			renamed = append(renamed, name)
			if redirectsOf(name, "STATUS") > 0 && errorStatus(value) != 0 {
				env["REDIRECT_STATUS"] = value
			}
		}
		switch first, ok := env[name]; {
		case !ok:
			env[name] = value
		case strings.HasPrefix(name, "HTTP_"):
			env[name] = first + fieldSeparator(name) + value
			repeated = append(repeated, name)
		}
	}
	if repeated != nil && !env.repeatsFields() {
		env[ambiguous] = strings.Join(repeated, " ")
	}
	env.restoreRedirected(renamed)
	// nginx passes both on beside CONTENT_TYPE and CONTENT_LENGTH; a client
	// can forge them through servers that map Content_Length to the same name.
	delete(env, "HTTP_CONTENT_TYPE")
	delete(env, "HTTP_CONTENT_LENGTH")
	// RFC 9112, section 3.2.2: an absolute-form's host counts, not the field's.
	// Apache and nginx choose the site by it and yet pass the field on.
	if _, authority, ok := cutAbsoluteForm(env["REQUEST_URI"]); ok {
		env["HTTP_HOST"] = authority
	}
	return env
}

// RequestEnviron is NewEnviron for a request to this process. SCRIPT_FILENAME,
// which RFC 3875 does not have, is there also where the web server leaves it out
// (Python's http.server): it is the executable.
func RequestEnviron(vars []string) Environ {
	env := NewEnviron(vars)
	if env["SCRIPT_FILENAME"] == "" {
		env["SCRIPT_FILENAME"], _ = os.Executable() // without it no URL names the script
	}
	return env
}

// restoreRedirected undoes REDIRECT_ for the variables that need it, however
// many internal redirects there were: the nearest counts. No client can send
// such a name, for all that a client sends starts with HTTP_.
//
// REMOTE_USER may be a name that was refused, or only claimed: then there is
// none.
func (env Environ) restoreRedirected(renamed []string) {
	if !env.provesUser() {
		delete(env, "REMOTE_USER")
	}
	for _, name := range redirected {
		value, nearest := env[name], 0
		for _, other := range renamed {
			if n := redirectsOf(other, name); env[name] == "" && env[other] != "" && n > 0 && (nearest == 0 || n < nearest) {
				value, nearest = syntax.CleanValue(env[other]), n
			}
		}
		if env[name] = value; value == "" { // RFC 3875, section 4.1: empty and absent are the same
			delete(env, name)
		}
	}
	if env.refusedStatus() != 0 {
		delete(env, "REMOTE_USER")
	}
}

// redirectsOf returns how many internal redirects ago a variable was called
// name: Apache puts one more REDIRECT_ before it with each. It is 0 where it
// never was.
func redirectsOf(variable, name string) (n int) {
	rest, ok := strings.CutSuffix(variable, name)
	for ok && rest != "" {
		rest, ok = strings.CutPrefix(rest, "REDIRECT_")
		n++
	}
	if !ok {
		return 0
	}
	return n
}

// https reports whether the client's connection to the web server is
// encrypted, by what the server says itself.
func (env Environ) https() bool {
	switch strings.ToLower(env["HTTPS"]) {
	case "on", "1":
		return true
	}
	return strings.EqualFold(env["REQUEST_SCHEME"], "https")
}

// BehindNginx reports whether a SERVER_SOFTWARE is nginx.
func BehindNginx(software string) bool { return strings.HasPrefix(software, "nginx/") }

// repeatsFields reports whether the web server passes a field on as often as it has
// got it: nginx before 1.23. The others, and nginx from then on, join the values: what
// is there twice, is two fields, X-A and X_A, for which CGI has one name (RFC 3875,
// section 4.1.18).
func (env Environ) repeatsFields() bool {
	var major, minor int
	n, _ := fmt.Sscanf(env["SERVER_SOFTWARE"], "nginx/%d.%d", &major, &minor)
	return n == 2 && (major < 1 || major == 1 && minor < 23)
}

// scriptFolder returns the public folder that the script is in ("/" or
// "/sub", decoded), and the script's name there. The name is empty where
// SCRIPT_NAME does not end in the name of the script's file: nginx sends the
// whole URL as SCRIPT_NAME, ScriptAlias the alias.
func (env Environ) scriptFolder() (folder, name string) {
	script := env["SCRIPT_NAME"]
	if script == "" || path.Base(script) != path.Base(env["SCRIPT_FILENAME"]) {
		return script, ""
	}
	return path.Dir(script), path.Base(script)
}

// fieldSeparator stands between the values of a repeated field. For a cookie
// it is RFC 9113, section 8.2.3.
func fieldSeparator(name string) string {
	if name == "HTTP_COOKIE" {
		return "; "
	}
	return ", "
}

// variableName returns the part of a CGI variable's name that stands for the
// field name s (RFC 3875, section 4.1.18).
func variableName(s string) string {
	return strings.ToUpper(strings.ReplaceAll(s, "-", "_"))
}
