package htaccess

import (
	"errors"
	"fmt"
	"strings"
)

// The marks of the block, as WordPress and others write theirs.
const (
	beginMark = "# BEGIN proxy.cgi"
	endMark   = "# END proxy.cgi"
)

const blockNote = "# From proxy.cgi install, which replaces all between these marks when it is run\n# again, but leaves out again what the host forbids and you have left out;\n# --uninstall takes it out. Lines above and below stay as they are.\n\n"

// Lines returns what a variant of htaccess.example does: without its beginning,
// which names an app (.htcgiproxy does, and folders below would inherit it), and
// without the variants that are not chosen.
func (v Variant) Lines(example string) (string, error) {
	text, err := v.Apply(example)
	if err != nil {
		return "", err
	}
	_, text, ok := strings.Cut(text, "\n# Run proxy.cgi;")
	text, _, ok2 := strings.Cut(text, "\n# Only public/")
	if !ok || !ok2 {
		return "", errors.New("htaccess.example has not the parts it should have")
	}
	return blockNote + "# Run proxy.cgi;" + text, nil
}

// Put returns text with lines between the marks, in the place of what is there
// between them, or else where they work. All else stays as it is, and the ends
// of lines are those that text has.
func Put(text, lines string) (string, error) {
	rest, at, err := cut(text)
	if err != nil {
		return "", err
	}
	if at >= 0 {
		lines = withoutLeftOut(lines, text[at:at+len(text)-len(rest)])
	}
	place, err := place(rest)
	if err != nil {
		return "", err
	}
	if at < 0 || at > place {
		at = place
	}
	if strings.HasSuffix(strings.TrimSuffix(strings.TrimSuffix(rest[:at], "\n"), "\r"), "\\") {
		return "", errors.New("the line above those of proxy.cgi ends in a backslash, so that Apache takes the first of them for the rest of it: take the backslash out, and run this again")
	}
	newline := "\n"
	if strings.Contains(text, "\r\n") {
		newline = "\r\n"
	}
	block := strings.ReplaceAll(beginMark+"\n"+lines+endMark+"\n", "\n", newline)
	if at == len(rest) && rest != "" && !strings.HasSuffix(rest, "\n") {
		// Now the block is what ends without a newline: by that cut knows.
		return rest + newline + strings.TrimSuffix(block, newline), nil
	}
	return rest[:at] + block + rest[at:], nil
}

// Guard returns text with lines in it that keep files of these names from being
// downloads, and do nothing else: not even one that is put there before the
// lines of Put, or removed after them, is to be had in between. Put and Cut take
// them out again.
func Guard(text string, names ...string) (string, error) {
	var guards strings.Builder
	for _, name := range names {
		guards.WriteString("<Files \"" + name + "\">\n  SetHandler cgi-script\n</Files>\n")
	}
	begin, _, newline, err := find(text)
	switch {
	case err != nil:
		return "", err
	case begin < 0:
		return Put(text, guards.String())
	}
	inside := begin + strings.Index(text[begin:], "\n") + 1
	return text[:inside] + strings.ReplaceAll(guards.String(), "\n", newline) + text[inside:], nil
}

// Cut returns text as it was before Put.
func Cut(text string) (rest string, err error) {
	rest, _, err = cut(text)
	return rest, err
}

// cut returns text without the block and where that was, -1 if nowhere.
func cut(text string) (rest string, at int, err error) {
	begin, end, newline, err := find(text)
	switch {
	case err != nil:
		return "", -1, err
	case begin < 0:
		return text, -1, nil
	}
	if err := checkOurs(text[begin:end]); err != nil {
		return "", -1, err
	}
	before := text[:begin]
	if end == len(text) && !strings.HasSuffix(text, "\n") {
		before = strings.TrimSuffix(before, newline)
	}
	return before + text[end:], len(before), nil
}

// find returns where the block begins and ends, -1 if nowhere, and the end of its
// first line. The marks are lines of their own: in a comment they mean nothing.
func find(text string) (begin, end int, newline string, err error) {
	begin, end = -1, -1
	offset := 0
	for line := range strings.Lines(text) {
		switch strings.TrimSpace(line) {
		case beginMark:
			if begin >= 0 {
				return 0, 0, "", damaged("twice")
			}
			begin, newline = offset, line[len(strings.TrimRight(line, "\r\n")):]
		case endMark:
			if begin < 0 || end >= 0 {
				return 0, 0, "", damaged("without a beginning")
			}
			end = offset + len(line)
		}
		offset += len(line)
	}
	if begin >= 0 && end < 0 {
		return 0, 0, "", damaged("without its end")
	}
	return begin, end, newline, nil
}

func damaged(how string) error {
	return fmt.Errorf("the block between %q and %q is there %s: take what is left of it out of the file, and run this again", beginMark, endMark, how)
}
