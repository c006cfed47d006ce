package cgiproxy

import (
	"fmt"
	"io"
	"strings"
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
	fmt.Fprintf(l.w, "proxy.cgi: %s: [%s] %s\n", level, l.id, withoutControls(line))
}

func (l *logger) errorf(format string, args ...any) { l.printf(LevelError, format, args...) }
func (l *logger) warnf(format string, args ...any)  { l.printf(LevelWarn, format, args...) }
func (l *logger) infof(format string, args ...any)  { l.printf(LevelInfo, format, args...) }
func (l *logger) debugf(format string, args ...any) { l.printf(LevelDebug, format, args...) }
