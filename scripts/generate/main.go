// Generate prints the files of a release that are made from the program:
//
//	go run ./scripts/generate proxy.cgi.1
//	go run ./scripts/generate htcgiproxy.example
//
// The man page bears the date in SOURCE_DATE_EPOCH, or today's.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"proxy.cgi/cgiproxy/command"
	"proxy.cgi/cgiproxy/settings"
)

func main() {
	if err := generate(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the name of one file")
	}
	var text string
	switch args[0] {
	case "proxy.cgi.1":
		date, err := sourceDate()
		if err != nil {
			return err
		}
		intro, pages := command.Pages()
		text = manPage(date, intro, pages)
	case "htcgiproxy.example":
		text = settingsTemplate(settings.List())
	default:
		return fmt.Errorf("no file %q is generated", args[0])
	}
	_, err := os.Stdout.WriteString(text)
	return err
}

// sourceDate returns the date of the sources, as reproducible-builds.org/specs
// has it.
func sourceDate() (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now().UTC(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
