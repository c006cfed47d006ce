package cgiproxy

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Level says how much is logged: LevelWarn (the zero value) what the owner
// should look at, LevelInfo also a line for each request, LevelDebug also
// where the settings came from.
type Level int

const (
	LevelError Level = iota - 1
	LevelWarn
	LevelInfo
	LevelDebug
)

var levelNames = [...]string{"error", "warn", "info", "debug"}

func (l Level) String() string { return levelNames[l-LevelError] }

// Decode implements envconfig.Decoder.
func (l *Level) Decode(value string) error {
	for i, name := range levelNames {
		if strings.EqualFold(value, name) {
			*l = LevelError + Level(i)
			return nil
		}
	}
	return fmt.Errorf("want one of %s", strings.Join(levelNames[:], ", "))
}

// A logger writes to the web server's error log, a line for each message, with
// the id that the visitor's error page shows.
type logger struct {
	w     io.Writer
	level Level
	id    string
}

func (l *logger) printf(level Level, format string, args ...any) {
	if level > l.level {
		return
	}
	line := fmt.Sprintf(format, args...)
	// One write, so that the lines of concurrent requests do not mix; and one
	// line, so that nothing a visitor or an app sends can pass for another.
	fmt.Fprintf(l.w, "proxy.cgi: %s: [%s] %s\n", level, l.id, printable(line))
}

// printable returns s as a terminal or an editor shows it, and nothing else: a
// control byte is a space, and what is no UTF-8 or has no look of its own is
// escaped. Some terminals obey U+0080 to U+009F as control bytes, some viewers
// break a line at U+2028, and U+202E has them show the rest backwards.
func printable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case isControl(r):
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

func (l *logger) errorf(format string, args ...any) { l.printf(LevelError, format, args...) }
func (l *logger) warnf(format string, args ...any)  { l.printf(LevelWarn, format, args...) }
func (l *logger) infof(format string, args ...any)  { l.printf(LevelInfo, format, args...) }
func (l *logger) debugf(format string, args ...any) { l.printf(LevelDebug, format, args...) }
