package htaccess

import (
	"fmt"
	"slices"
	"strings"
)

// forbidden are the lines of htaccess.example that a host may forbid, and that its
// comment tells to leave out then: what they are known by, in a line that is no
// comment, and what they begin and end with.
var forbidden = [...]struct{ word, begin, end string }{
	{"SymLinksIfOwnerMatch", "\n<If \"true\">\n  Options ", "\n</If>\n"},
	{"MultiViews", "\nOptions ", "\n"},
	{"ExecCGI", "\n  Options +ExecCGI", "\n"},
	{"DirectorySlash", "\n<If \"%{REQUEST_URI} !~", "\n</If>\n"},
}

// withoutLeftOut returns the lines for a block without those of the forbidden that
// the block of before has not: with them each page would be 500 again.
func withoutLeftOut(lines, before string) string {
	if !hasWord(before, "RewriteRule") {
		return lines // it is what Guard has put there
	}
	for _, f := range forbidden {
		for !hasWord(before, f.word) {
			found, ok := Between(lines, f.begin, f.end)
			if !ok {
				break
			}
			lines = strings.Replace(lines, "\n"+found, "\n", 1)
		}
	}
	return lines
}

var (
	// ours are the directives of the lines in any variant, beside those with words of their own.
	ours = []string{
		"<if", "</if>", "directoryslash", "sethandler", "<files", "</files>", "<ifmodule", "</ifmodule>",
		"rewriteengine", "rewriteoptions", "rewritecond", "setenv", "setenvif", "setoutputfilter",
	}
	ourOptions  = []string{"+execcgi", "-multiviews", "+symlinksifownermatch"}
	ourPatterns = []string{`^proxy\.`, `(^|/)(\.ht`, `^\.well-known/`, `^(?!public/)`} // what they begin with
)

// mayBeOurs reports whether a line may be one of any variant. Some hosts write RewriteConds
// of their own above every rule.
func mayBeOurs(words []string) bool {
	switch name := strings.ToLower(words[0]); name {
	case "options":
		return !slices.ContainsFunc(words[1:], func(o string) bool { return !slices.Contains(ourOptions, strings.ToLower(o)) })
	case "rewriterule":
		return isOurs(leadsTo(words)) || len(words) > 1 && slices.ContainsFunc(ourPatterns, func(p string) bool { return strings.HasPrefix(words[1], p) })
	default:
		return slices.Contains(ours, name)
	}
}

// checkOurs reports a line of the block that somebody else has put there, a password
// say, with which it would be lost.
func checkOurs(block string) error {
	for line := range Lines(block) {
		if w := words(line); len(w) > 0 && !strings.HasPrefix(w[0], "#") && !mayBeOurs(w) {
			return fmt.Errorf("between %q and %q is a line of somebody else's, %.80q: move it above them, for all between them is replaced, or taken out", beginMark, endMark, Joined(line))
		}
	}
	return nil
}

// hasWord reports whether a line of text that is no comment has the word.
func hasWord(text, word string) bool {
	for line := range Lines(text) {
		if !strings.HasPrefix(Joined(line), "#") && strings.Contains(line, word) {
			return true
		}
	}
	return false
}
