package main

import (
	"fmt"
	"strings"

	"proxy.cgi/cgiproxy/settings"
)

const templateHead = `# Settings of proxy.cgi: copy this file to .htcgiproxy beside it, take away the
# number sign before the lines that you need, and write your own values.
# UPSTREAM is the one that every site needs. Permissions: 600, or 644 where
# scripts run as another user than you; never writable for others. MANUAL.md
# says more.
`

// settingsTemplate returns a .htcgiproxy with each setting commented out.
func settingsTemplate(list []settings.Setting) string {
	var b strings.Builder
	b.WriteString(templateHead)
	for _, s := range list {
		text := sentence(strings.ReplaceAll(s.Desc, "~", "`"))
		if s.Default != "" {
			text += " Default: " + s.Default + "."
		}
		b.WriteString("\n")
		comment(&b, text)
		fmt.Fprintf(&b, "#%s%s=%s\n", settings.Prefix, s.Name, s.Example)
	}
	return b.String()
}

// comment writes text in lines of at most 80 bytes, but for words that are longer.
func comment(b *strings.Builder, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 80 && line != "#" {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
