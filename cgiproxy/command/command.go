// Package command is what proxy.cgi does when a person runs it.
//
//	command.go  the table of commands, and what they share
//	check.go    check, on package check
//	help.go     help and version
//	install.go  puts a site into a folder, on package install; installfiles.go
//	screen.go   a terminal obeys nobody else
//	owner.go    root becomes the owner of the folder; whose app is not run
//	flags.go    what was meant by an unknown flag
//	app.go      app start, stop, restart, status, log
//
// Each file that has a command adds it to the table in commands. Nothing here
// may run before Main is called: each request would pay for it.
package command

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
)

// A command is something that a person may tell proxy.cgi to do.
type command struct {
	name      string
	arguments string // as help shows them
	summary   string // one line
	text      string // what help says beyond that
	run       func(*terminal, []string) int
}

// commands returns the table of commands, in the order of help. It is a
// function, for a variable would be filled with each request.
func commands() []command {
	return []command{
		installCommand(),
		checkCommand(),
		appCommand(),
		versionCommand(),
		helpCommand(),
	}
}

// A terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	htaccess string // htaccess.example
}

// Exit statuses. What status 1 means is each command's own: of check a fault, of
// app that nothing runs.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// Main runs the command that args name and returns the exit status. The text of
// htaccess.example is from main, which alone can embed what is beside it.
func Main(args []string, htaccess string, in io.Reader, out, err io.Writer) int {
	t := &terminal{in, out, screen{err}, htaccess}
	if len(args) > 1 && args[0] == "app" && ondemand.Hidden(args[1:]) {
		return ondemand.RunStarter(args[1:])
	}
	switch {
	case len(args) == 0:
		fmt.Fprint(t.err, usage())
		return exitUsage
	case isHelpFlag(args[0]):
		return help(t, nil)
	case args[0] == "-version" || args[0] == "--version":
		return version(t, nil)
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		for _, arg := range args[1:] {
			if arg == "--" {
				break
			}
			if isHelpFlag(arg) {
				return help(t, args[:1])
			}
		}
		return c.run(t, args[1:])
	}
	return t.misused("unknown command %q%s", args[0], didYouMean(args[0]))
}

func isHelpFlag(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// misused says why the command line is not understood.
func (t *terminal) misused(format string, args ...any) int {
	fmt.Fprintf(t.err, "proxy.cgi: "+format+"; see proxy.cgi help\n", args...)
	return exitUsage
}

// failed says why a command has failed.
func (t *terminal) failed(format string, args ...any) int {
	fmt.Fprintf(t.err, "proxy.cgi: "+format+"\n", args...)
	return exitFailure
}

// parse parses a command's flags, which may also stand behind its arguments, and
// returns the arguments. Where it returns false the fault has been told.
func (t *terminal) parse(flags *flag.FlagSet, args []string) (rest []string, ok bool) {
	flags.SetOutput(io.Discard)
	for {
		if err := flags.Parse(args); err != nil {
			t.misused("%s: %v%s", flags.Name(), err, nearFlag(flags, args))
			return nil, false
		}
		if flags.NArg() == 0 {
			return rest, true
		}
		if done := len(args) - flags.NArg(); done > 0 && args[done-1] == "--" {
			return append(rest, flags.Args()...), true
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
}

// didYouMean names the command that is nearest to what was typed, if one is near.
func didYouMean(typed string) string {
	best, least := "", 3
	for _, c := range commands() {
		if d := settings.EditDistance(strings.ToLower(typed), c.name); d < least {
			best, least = c.name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}
