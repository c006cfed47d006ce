package install

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/settings"
)

// A Change is what shall become of one file.
type Change struct {
	Name          string
	Old, New      []byte // nil is no file
	OldMode, Mode fs.FileMode
}

func (c Change) isNeeded() bool {
	return (c.Old == nil) != (c.New == nil) || !bytes.Equal(c.Old, c.New) || c.Old != nil && c.Mode != c.OldMode
}

// Verb says what the change does.
func (c Change) Verb() string {
	switch {
	case c.Old == nil:
		return "made"
	case c.New == nil:
		return "removed"
	}
	return "changed"
}

// diffContext is how many lines around a change are shown.
const diffContext = 3

// Diff shows a change as diff -u would: of a program only that it is there, and
// of settings, which may be secret, nothing but the lines that change.
func (c Change) Diff() string {
	if c.Name != HtaccessFile && c.Name != settings.File {
		return fmt.Sprintf("%s: %s, %d bytes, permissions %03o\n", c.Name, c.Verb(), max(len(c.Old), len(c.New)), max(c.Mode, c.OldMode))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", fileOr(c.Name, c.Old), fileOr(c.Name, c.New))
	if c.Old != nil && c.New != nil && c.Mode != c.OldMode {
		fmt.Fprintf(&b, "permissions %03o, were %03o\n", c.Mode, c.OldMode)
	}
	old, new := slices.Collect(strings.Lines(string(c.Old))), slices.Collect(strings.Lines(string(c.New)))
	if c.Name == settings.File {
		writeLines(&b, "-", without(old, new))
		writeLines(&b, "+", without(new, old))
		return b.String()
	}
	// What install changes is in one place: what is between the first and the last
	// difference is one piece.
	start := 0
	for start < min(len(old), len(new)) && old[start] == new[start] {
		start++
	}
	end := 0
	for end < min(len(old), len(new))-start && old[len(old)-1-end] == new[len(new)-1-end] {
		end++
	}
	before, after := min(start, diffContext), min(end, diffContext)
	fmt.Fprintf(&b, "@@ -%s +%s @@\n",
		lineRange(start-before, len(old)-end-start+before+after),
		lineRange(start-before, len(new)-end-start+before+after))
	writeLines(&b, " ", old[start-before:start])
	writeLines(&b, "-", old[start:len(old)-end])
	writeLines(&b, "+", new[start:len(new)-end])
	writeLines(&b, " ", old[len(old)-end:len(old)-end+after])
	return b.String()
}

// without returns the lines that are not among others, whatever their ends.
func without(lines, others []string) (rest []string) {
	for _, line := range lines {
		if !slices.ContainsFunc(others, func(other string) bool {
			return strings.TrimRight(other, "\r\n") == strings.TrimRight(line, "\r\n")
		}) {
			rest = append(rest, line)
		}
	}
	return rest
}

func fileOr(name string, content []byte) string {
	if content == nil {
		return "/dev/null"
	}
	return name
}

// lineRange writes which lines, counted from 1; where there are none, behind
// which one.
func lineRange(skipped, count int) string {
	if count > 0 {
		skipped++
	}
	return fmt.Sprintf("%d,%d", skipped, count)
}

func writeLines(b *strings.Builder, sign string, lines []string) {
	for _, line := range lines {
		b.WriteString(sign + strings.TrimRight(line, "\r\n") + "\n")
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("\\ No newline at end of file\n")
		}
	}
}
