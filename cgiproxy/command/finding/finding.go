// Package finding is what a check of a site says, be it of its folder or of the
// live site.
package finding

import (
	"fmt"
	"strings"
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

// JSON returns the findings as an array of objects, each on a line. It is made
// by hand: encoding/json would be initialised with each request.
func JSON(findings []Finding) string {
	var b strings.Builder
	b.WriteString("[")
	for i, f := range findings {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n{\"check\":%s,\"level\":%s,\"text\":%s,\"remedy\":%s,\"trouble\":%s}",
			QuoteJSON(f.Check), QuoteJSON(f.Level.String()), QuoteJSON(f.Text), QuoteJSON(f.Remedy), QuoteJSON(f.Trouble))
	}
	b.WriteString("\n]\n")
	return b.String()
}

// QuoteJSON returns a string as JSON has it (RFC 8259, section 7).
func QuoteJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
