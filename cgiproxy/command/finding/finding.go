// Package finding is what a check of a site says, be it of its folder or of the
// live site.
package finding

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A Level says how bad a finding is.
type Level int

const (
	OK Level = iota
	Warning
	Fault
)

var levelNames = [...]string{"ok", "warning", "fault"}

func (l Level) String() string { return levelNames[l] }

// A Finding is what one check says.
type Finding struct {
	Check   string // its name in the table
	Level   Level
	Text    string // what is so, or the cause
	Remedy  string // "" where nothing has to be done
	Trouble string // ID of the row of README that it leads to, "" for none
}

// JSON returns the findings as an array of objects, each on a line.
func JSON(findings []Finding) string {
	return JSONArray(findings, func(f Finding) string {
		return fmt.Sprintf("{\"check\":%s,\"level\":%s,\"text\":%s,\"remedy\":%s,\"trouble\":%s}",
			QuoteJSON(f.Check), QuoteJSON(f.Level.String()), QuoteJSON(f.Text), QuoteJSON(f.Remedy), QuoteJSON(f.Trouble))
	}) + "\n"
}

// JSONArray returns an array with what item makes of each element, on a line of
// its own. It is made by hand: encoding/json would be initialised with each
// request.
func JSONArray[T any](list []T, item func(T) string) string {
	items := make([]string, len(list))
	for i, element := range list {
		items[i] = "\n" + item(element)
	}
	return "[" + strings.Join(items, ",") + "\n]"
}

// JSONPair returns an array of two strings.
func JSONPair(pair [2]string) string {
	return "[" + QuoteJSON(pair[0]) + "," + QuoteJSON(pair[1]) + "]"
}

// QuoteJSON returns a string as JSON has it (RFC 8259, section 7). What a terminal
// might obey is escaped, as cgiproxy.Printable has it.
func QuoteJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}
