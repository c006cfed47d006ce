package main

import (
	"fmt"
	"path"
	"strings"
	"unicode"

	"proxy.cgi/cgiproxy/settings"
)

// A log is a file that may say why something fails.
type log struct {
	name string
	from int64 // its length before this run
}

// findLogs returns the app's log, and those of errors where hosts have them.
func (d *deploy) findLogs() (logs []*log) {
	root, _ := d.servedRoot()
	names := []string{
		d.places.log,
		d.fileOnHost(d.places.dir, d.target.Folder, settings.ValueIn(d.lines, "LOG_FILE")), // the folder itself where there is none
		d.served.path("error_log"),
		path.Join(path.Dir(root), "logs/error_log"),
		path.Join(path.Dir(root), "logs/error.log"),
	}
	for _, name := range names {
		if name == "" || name == d.target.Folder {
			continue
		}
		size, _ := d.host.Size(name)
		logs = append(logs, &log{name, size})
	}
	return logs
}

// maxTail bounds what is read of a log, in bytes; fewLines are what is shown of it
// beside an error, manyLines where nothing else is.
const (
	maxTail   = 16 << 10
	fewLines  = 15
	manyLines = 40
)

// tail returns the last lines of a log from an offset on, "" where there are none.
func (d *deploy) tail(l *log, from int64, most int) string {
	size, err := d.host.Size(l.name)
	if err != nil {
		return ""
	}
	if size < from {
		from = 0 // it has been cut meanwhile
	}
	if size == from {
		return ""
	}
	text, err := d.host.Read(l.name, max(from, size-maxTail), maxText) // it may grow meanwhile
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-most):]
	for i := range lines {
		lines[i] = "    " + printable(lines[i])
	}
	return l.name + ":\n" + strings.Join(lines, "\n") + "\n"
}

// newLines returns what logs have got in this run.
func (d *deploy) newLines() string {
	var b strings.Builder
	for _, l := range d.logs {
		if text := d.tail(l, l.from, fewLines); text != "" {
			b.WriteString("\n" + unquoted(strings.TrimSuffix(text, "\n"), b.String()))
		}
	}
	return b.String()
}

// unquoted leaves out of the lines of proxy.cgi in a log what they quote of the
// app's, where that has been shown.
func unquoted(text, shown string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		said, quoted, ok := strings.Cut(line, "; its last lines: ")
		pieces := strings.Split(quoted, " | ")
		if last := strings.TrimSpace(pieces[len(pieces)-1]); ok && last != "" && strings.Contains(shown, last) {
			lines[i] = said
		}
	}
	return strings.Join(lines, "\n")
}

func (d *deploy) showLogs() error {
	d.places = d.findPlaces()
	shown := false
	for _, l := range d.findLogs() {
		if text := d.tail(l, 0, manyLines); text != "" {
			d.say("%s", text)
			shown = true
		}
	}
	if !shown {
		return fmt.Errorf("no log is to be seen by FTP: with the line CGIPROXY_LOG_FILE=.htproxy.log in %s there is one", d.served.path(settings.File))
	}
	return nil
}

// printable shows what an app or host has written without what would move the
// cursor of a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// printableLines is printable for each line.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}
