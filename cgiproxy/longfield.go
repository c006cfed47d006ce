package cgiproxy

import (
	"net/http"
	"strings"
)

// maxFieldLine is the longest field line passed on. Apache answers 500 to a
// script's line over about 8184 bytes, line end included.
const maxFieldLine = 8000

// listFields are fields whose value is a list that may as well stand on several
// lines (RFC 9110, section 5.3), and whose elements hold no comma outside of
// quotes and angle brackets.
var listFields = map[string]bool{
	"Accept-Ch": true, "Accept-Patch": true, "Accept-Post": true,
	"Access-Control-Allow-Headers": true, "Access-Control-Allow-Methods": true, "Access-Control-Expose-Headers": true,
	"Allow": true, "Alt-Svc": true, "Cache-Control": true, "Clear-Site-Data": true,
	"Content-Language": true, "Content-Security-Policy": true, "Content-Security-Policy-Report-Only": true,
	"Dav": true, "Link": true, "Permissions-Policy": true, "Server-Timing": true,
	"Timing-Allow-Origin": true, "Vary": true, "Via": true,
}

// splitLongFields sees to it that no line is longer than the web server takes:
// it would drop the whole answer.
func splitLongFields(h http.Header, log *logger) {
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
			if listFields[name] {
				lines, ok = splitList(value, room)
			}
			if !ok {
				log.warnf("dropped field %.100q of %d bytes: a web server takes about 8 KiB", name, len(value))
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
