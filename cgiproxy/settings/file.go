package settings

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"proxy.cgi/cgiproxy/syntax"
)

// parseFile reads the lines of a .htcgiproxy: NAME=value, with blanks
// around either and, as a shell would have it, "export" before it; comments
// from a # at the start of a line or after a blank; empty lines. Of a name that
// occurs twice the last counts. A $ is a $: nothing is put in its place.
//
// It is strict, for what is passed over is a setting that does not count, and
// some protect the app. An error names the line, never what is in it.
func parseFile(text []byte) (map[string]string, error) {
	vars := map[string]string{}
	number := 0
	// Windows editors put a byte order mark first.
	for line := range bytes.SplitSeq(bytes.TrimPrefix(text, []byte("\ufeff")), []byte("\n")) {
		number++
		name, value, err := parseLine(strings.Trim(strings.TrimSuffix(string(line), "\r"), blanks))
		if err != nil {
			return nil, fmt.Errorf("line %d %w", number, err)
		}
		if name != "" {
			vars[name] = value
		}
	}
	return vars, nil
}

const blanks = " \t"

// parseLine reads a line without the blanks around it. The name of an empty
// line or a comment is empty.
func parseLine(line string) (name, value string, err error) {
	if strings.ContainsFunc(line, syntax.IsControl) {
		return "", "", errors.New("has a control byte: is it a text file?")
	}
	if line == "" || line[0] == '#' {
		return "", "", nil
	}
	if rest, ok := strings.CutPrefix(line, "export"); ok && strings.IndexAny(rest, blanks) == 0 {
		line = rest
	}
	name, value, ok := strings.Cut(line, "=")
	if name = strings.Trim(name, blanks); !ok || !isName(name) {
		return "", "", errors.New("has no NAME= at its start")
	}
	value, err = parseValue(value)
	return name, value, err
}

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		if !syntax.IsAlphanumeric(s[i]) && s[i] != '_' {
			return false
		}
	}
	return s != ""
}

// parseValue reads what is behind the =.
func parseValue(s string) (value string, err error) {
	quoted := strings.TrimLeft(s, blanks)
	var rest string
	var closed bool
	switch {
	case strings.HasPrefix(quoted, "'"):
		value, rest, closed = strings.Cut(quoted[1:], "'")
	case strings.HasPrefix(quoted, `"`):
		if value, rest, closed = cutDoubleQuoted(quoted[1:]); closed && strings.Contains(value, `\`) {
			value, err = unescape(value)
		}
	default:
		value = strings.Trim(s[:commentStart(s)], blanks)
		if value == "" && quoted != "" { // it may be a secret
			err = errors.New("has only a comment behind the =: put a value that begins with # into single quotes")
		}
		return value, err
	}
	rest = strings.TrimLeft(rest, blanks)
	switch {
	case !closed:
		err = errors.New("has a quote that is not closed")
	case rest != "" && rest[0] != '#':
		err = errors.New("goes on after the closing quote")
	}
	return value, err
}

// commentStart returns where the comment behind an unquoted value starts, or
// its end where there is none.
func commentStart(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == '#' && strings.IndexByte(blanks, s[i-1]) >= 0 {
			return i
		}
	}
	return len(s)
}

// cutDoubleQuoted cuts s at the first quote without a backslash before it.
func cutDoubleQuoted(s string) (value, rest string, ok bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}

// unescape replaces the escapes of a value in double quotes. What is behind
// each backslash is there: else the quote would not be closed.
func unescape(s string) (string, error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b = append(b, '\n')
		case '"', '\\', '$':
			b = append(b, s[i])
		default:
			return "", errors.New(`has a backslash before something else than n, ", \ and $: put the value into single quotes`)
		}
	}
	return string(b), nil
}
