package cgiproxy

import (
	"net/http"
	"strings"
)

// maxFieldLine is the longest field line passed on. Apache answers 500 to a
// script's line over about 8184 bytes, line end included.
const maxFieldLine = 8000

// isList reports whether a field's value is a list that may as well stand on
// several lines (RFC 9110, section 5.3), and whose elements hold no comma
// outside of quotes and angle brackets.
func isList(name string) bool {
	switch name { // not a map, which every process would have to fill
	case "Accept-Ch", "Accept-Patch", "Accept-Post",
		"Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Expose-Headers",
		"Allow", "Alt-Svc", "Cache-Control", "Clear-Site-Data",
		"Content-Language", "Content-Security-Policy", "Content-Security-Policy-Report-Only",
		"Dav", "Link", "Permissions-Policy", "Server-Timing",
		"Timing-Allow-Origin", "Vary", "Via":
		return true
	}
	return false
}

// splitLongFields sees to it that no line is longer than the web server takes:
// it would drop the whole response.
func splitLongFields(h http.Header, log *Logger) {
	for name, values := range h {
		room := maxFieldLine - len(name) - len(": ")
		var fitting []string
		changed := false
		for _, value := range values {
			if len(value) <= room {
				fitting = append(fitting, value)
				continue
			}
			changed = true
			lines, ok := []string(nil), false
			if isList(name) {
				lines, ok = splitList(value, room)
			}
			if !ok {
				log.Warnf("dropped field %.100q of %d bytes: a web server takes about 8 KiB", name, len(value))
			}
			fitting = append(fitting, lines...)
		}
		if changed && len(fitting) == 0 {
			delete(h, name)
		} else if changed {
			h[name] = fitting
		}
	}
}

// splitList spreads the elements of a list over lines of at most room bytes.
// It reports false where one element alone is longer.
func splitList(value string, room int) (lines []string, ok bool) {
	line := ""
	for _, element := range listElements(value) {
		switch {
		case len(element) > room:
			return nil, false
		case line == "":
			line = element
		case len(line)+len(", ")+len(element) <= room:
			line += ", " + element
		default:
			lines, line = append(lines, line), element
		}
	}
	return append(lines, line), true
}

// listElements splits a list at its commas, but not at those within quoted
// strings (RFC 9110, section 5.6.4) or the URI of a Link.
func listElements(value string) []string {
	var elements []string
	start, quoted, bracket := 0, false, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !bracket:
			quoted = !quoted
		case c == '<' && !quoted:
			bracket = true
		case c == '>' && !quoted:
			bracket = false
		case c == ',' && !quoted && !bracket:
			elements = append(elements, strings.Trim(value[start:i], " \t"))
			start = i + 1
		}
	}
	return append(elements, strings.Trim(value[start:], " \t"))
}
