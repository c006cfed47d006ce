// Package finding is what a check of a site says, be it of its folder or of the
// live site.
package finding

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
