package settings

import (
	"bytes"
	"fmt"
	"strings"

	"proxy.cgi/cgiproxy/syntax"
)

// WithSetting returns the lines of File with a setting that has this value. All
// other lines stay as they are, and this one, too, where it says so already. The
// name is without Prefix.
func WithSetting(text []byte, name, value string) ([]byte, error) {
	if strings.ContainsFunc(value, func(r rune) bool { return r != '\n' && syntax.IsControl(r) }) {
		return nil, fmt.Errorf("%s%s has a control byte", Prefix, name)
	}
	found := finder{counted: map[string]setting{}}
	if err := found.addText(File, text); err != nil {
		return nil, err
	}
	if found.counted[name].value == value {
		return text, nil
	}
	newline := "\n"
	if bytes.Contains(text, []byte("\r\n")) {
		newline = "\r\n"
	}
	var b strings.Builder
	said := Prefix + name + "=" + quoted(value) + newline
	for line := range strings.Lines(string(text)) {
		if !sets(line, name) {
			b.WriteString(line)
			continue
		}
		b.WriteString(said)
		said = "" // of several the last would count
	}
	if before := b.String(); said != "" && before != "" && !strings.HasSuffix(before, "\n") {
		b.WriteString(newline)
	}
	return []byte(b.String() + said), nil
}

// sets reports whether a line gives the setting a value.
func sets(line, name string) bool {
	is, _, err := parseLine(strings.Trim(strings.TrimRight(strings.TrimPrefix(line, "\ufeff"), "\r\n"), blanks))
	return err == nil && (is == name || is == Prefix+name)
}

// quoted writes a value as parseValue reads it.
func quoted(value string) string {
	switch {
	case value == strings.Trim(value, blanks) && !strings.ContainsAny(value, "'\"#\n"):
		return value
	case !strings.ContainsAny(value, "'\n"):
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`).Replace(value) + `"`
}

// ValueIn returns what the lines of File say about a setting, "" where they say
// nothing or are no such lines.
func ValueIn(text []byte, name string) string {
	found := finder{counted: map[string]setting{}}
	if err := found.addText(File, text); err != nil {
		return ""
	}
	return found.counted[name].value
}
