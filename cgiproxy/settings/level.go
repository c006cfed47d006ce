package settings

import (
	"fmt"
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
