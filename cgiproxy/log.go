package cgiproxy

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/syntax"
)

// A Logger writes lines for the owner.
type Logger struct {
	W     io.Writer      // the web server's error log, and the owner's
	Level settings.Level // of the lines to write; zero is settings.LevelWarn
	ID    string         // of the request, as the client's error page shows it
}

// Printf writes a line if its level is one to write.
func (l *Logger) Printf(level settings.Level, format string, args ...any) {
	if level > l.Level {
		return
	}
	// One line, so that nothing a client or an app sends can pass for another.
	text := Printable(fmt.Sprintf(format, args...))
	_, _ = WriteLogLine(l.W, fmt.Appendf(nil, "proxy.cgi: %s: [%s] %s\n", level, l.ID, text)) // nobody to tell
}

// WriteLogLine writes a line in one write, so that those of concurrent requests
// do not mix. A web server that reads a script's stderr puts the date before
// each line. mod_cgid and others hand over their log file itself: there the line
// gets it here.
func WriteLogLine(w io.Writer, line []byte) (int, error) {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			line = dated(line)
		}
	}
	return w.Write(line)
}

// dated puts the local time before a line, as Apache does, for what reads its
// log reads this, too.
func dated(line []byte) []byte {
	return append(time.Now().AppendFormat(nil, "[Mon Jan 02 15:04:05.000000 2006] "), line...)
}

// Printable returns s as a terminal or an editor shows it, and nothing else: a
// control byte is a space, and what is no UTF-8 or has no look of its own is
// escaped. Some terminals obey U+0080 to U+009F as control bytes, some viewers
// break a line at U+2028, and U+202E has them show the rest backwards.
func Printable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case syntax.IsControl(r):
			b.WriteByte(' ')
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\t' || strconv.IsPrint(r):
			b.WriteString(s[:size])
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		s = s[size:]
	}
	return b.String()
}

// Errorf writes a line of settings.LevelError.
func (l *Logger) Errorf(format string, args ...any) {
	l.Printf(settings.LevelError, format, args...)
}

// Warnf writes a line of settings.LevelWarn.
func (l *Logger) Warnf(format string, args ...any) {
	l.Printf(settings.LevelWarn, format, args...)
}

// Infof writes a line of settings.LevelInfo.
func (l *Logger) Infof(format string, args ...any) {
	l.Printf(settings.LevelInfo, format, args...)
}

// Debugf writes a line of settings.LevelDebug.
func (l *Logger) Debugf(format string, args ...any) {
	l.Printf(settings.LevelDebug, format, args...)
}
