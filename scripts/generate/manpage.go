package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/command"
)

// manHead is the page up to the text of help; %s is the date.
const manHead = `.Dd %s
.Dt PROXY.CGI 1
.Os
.Sh NAME
.Nm proxy.cgi
.Nd put an app behind a web server that runs CGI programs
.Sh SYNOPSIS
.Nm
.Ar command
.Op Ar argument ...
.Sh DESCRIPTION
`

const manTail = `.Sh FILES
Beside
.Nm :
.Bl -tag -width Ds
.It Pa .htaccess
tells the web server to run it; see
.Pa htaccess.example
.It Pa .htcgiproxy
holds the settings; see
.Pa htcgiproxy.example
.El
.Sh EXIT STATUS
0 is success, and 2 a command line that is not understood.
What 1 means, the command says; else it is a failure.
.Sh SEE ALSO
.Pa README.md
and
.Pa MANUAL.md ,
which come with
.Nm
`

// manPage returns proxy.cgi(1) in the language of mdoc(7).
func manPage(date time.Time, intro string, pages []command.Page) string {
	var b strings.Builder
	fmt.Fprintf(&b, manHead, date.Format("January 2, 2006"))
	roff(&b, intro)
	b.WriteString(".Bl -tag -width Ds\n")
	for _, p := range pages {
		fmt.Fprintf(&b, ".It Cm %s", p.Name)
		if p.Arguments != "" {
			// One word in quotes: in a name of two letters mdoc would see a macro.
			fmt.Fprintf(&b, ` No "%s"`, strings.ReplaceAll(escape(p.Arguments), `"`, `\(dq`))
		}
		b.WriteString("\n")
		roff(&b, sentence(p.Summary)+"\n\n"+p.Text)
	}
	b.WriteString(".El\n" + manTail)
	return b.String()
}

// sentence begins text with a capital and ends it with a full stop.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// roff writes the text of help: paragraphs, which the reader's terminal fills,
// and between them indented lines, which stay as they are.
func roff(b *strings.Builder, text string) {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for len(lines) > 0 && text != "" {
		literal := isIndented(lines[0])
		end := slices.IndexFunc(lines, func(line string) bool { return line != "" && isIndented(line) != literal })
		if end < 0 {
			end = len(lines)
		}
		run := lines[:end]
		lines = lines[end:]
		apart := run[len(run)-1] == ""
		if apart {
			run = run[:len(run)-1]
		}
		if literal {
			writeLiteral(b, run)
		} else {
			writeFilled(b, run)
		}
		if literal && apart {
			b.WriteString(".Pp\n")
		}
	}
}

func isIndented(line string) bool { return strings.HasPrefix(line, " ") }

// writeFilled begins each sentence on a line of its own, as mdoc wants it.
func writeFilled(b *strings.Builder, lines []string) {
	for _, line := range lines {
		if line == "" {
			b.WriteString(".Pp\n")
			continue
		}
		for sentence := range strings.SplitSeq(strings.ReplaceAll(line, ". ", ".\n"), "\n") {
			writeLine(b, sentence)
		}
	}
}

// writeLiteral takes away the indentation that all lines have.
func writeLiteral(b *strings.Builder, lines []string) {
	common := len(lines[0])
	for _, line := range lines {
		if line != "" {
			common = min(common, len(line)-len(strings.TrimLeft(line, " ")))
		}
	}
	b.WriteString(".Bd -literal -offset indent\n")
	for _, line := range lines {
		writeLine(b, line[min(common, len(line)):])
	}
	b.WriteString(".Ed\n")
}

func writeLine(b *strings.Builder, line string) {
	line = escape(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line // not a request
	}
	b.WriteString(line + "\n")
}

// escape keeps a backslash a backslash, and what people will copy a hyphen.
func escape(line string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(line)
}
