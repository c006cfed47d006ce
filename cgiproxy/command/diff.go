package command

import (
	"fmt"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/settings"
)

// diffContext is how many lines around a change are shown.
const diffContext = 3

// diff shows a change as diff -u would: of a program only that it is there, and
// of settings, which may be secret, nothing around the lines that change.
func (c change) diff() string {
	if c.name != htaccessFile && c.name != settings.File {
		return fmt.Sprintf("%s: %s, %d bytes, permissions %03o\n", c.name, c.verb(), max(len(c.old), len(c.new)), max(c.mode, c.oldMode))
	}
	context := diffContext
	if c.name == settings.File {
		context = 0
	}
	old, new := slices.Collect(strings.Lines(string(c.old))), slices.Collect(strings.Lines(string(c.new)))
	// What install changes is in one place, or in a few lines: what is between the
	// first and the last difference is one piece.
	start := 0
	for start < min(len(old), len(new)) && old[start] == new[start] {
		start++
	}
	end := 0
	for end < min(len(old), len(new))-start && old[len(old)-1-end] == new[len(new)-1-end] {
		end++
	}
	before, after := min(start, context), min(end, context)
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", fileOr(c.name, c.old), fileOr(c.name, c.new))
	if c.old != nil && c.new != nil && c.mode != c.oldMode {
		fmt.Fprintf(&b, "permissions %03o, were %03o\n", c.mode, c.oldMode)
	}
	fmt.Fprintf(&b, "@@ -%s +%s @@\n",
		lineRange(start-before, len(old)-end-start+before+after),
		lineRange(start-before, len(new)-end-start+before+after))
	writeLines(&b, " ", old[start-before:start])
	writeLines(&b, "-", old[start:len(old)-end])
	writeLines(&b, "+", new[start:len(new)-end])
	writeLines(&b, " ", old[len(old)-end:len(old)-end+after])
	return b.String()
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
