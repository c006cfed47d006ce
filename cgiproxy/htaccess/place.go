package htaccess

import (
	"errors"
	"path"
	"strings"
)

// place returns where in the lines of others ours work.
//
// That is at their end: redirects to https, refusals and handlers above hold for
// the app, too, and of two Options or RewriteEngine lines the last counts. But a
// rule that leads requests to another page of the site (WordPress's index.php)
// takes all of them, so that ours stand above the first one of that kind, with
// the conditions, the section and the marks that it is in. Conditions are for the
// next rule, whatever stands between, and that must not be ours.
func place(text string) (int, error) {
	if anyLeads(text, isOurs) {
		return 0, errors.New("it has rules for proxy.cgi already, without the marks of install: take the lines of htaccess.example out of it, and run this again")
	}
	marked, section, conditions := -1, -1, -1 // where those began that have not ended
	depth, offset := 0, 0
	for line := range Lines(text) {
		words := words(line)
		switch {
		case leadsTo(words) != "":
			return first(offset, marked, section, conditions), nil
		case strings.HasPrefix(line, "# BEGIN "):
			marked = offset
		case strings.HasPrefix(line, "# END "):
			marked = -1
		case len(words) > 0 && strings.HasPrefix(words[0], "</"):
			depth = max(depth-1, 0)
			if depth == 0 {
				section = -1
			}
		case len(words) > 0 && strings.HasPrefix(words[0], "<"):
			if depth == 0 {
				section = offset
			}
			depth++
		}
		switch {
		case isDirective(words, "RewriteRule"):
			conditions = -1
		case isDirective(words, "RewriteCond") && conditions < 0:
			conditions = first(offset, marked, section)
		}
		offset += len(line)
	}
	return first(offset, conditions), nil
}

// isOurs reports whether a rule leads to proxy.cgi or proxy.fcgi.
func isOurs(to string) bool {
	to, _, _ = strings.Cut(to, "?")
	for to != "" && to != "." && to != "/" {
		if name := path.Base(to); name == "proxy.cgi" || name == "proxy.fcgi" {
			return true
		}
		to = path.Dir(to)
	}
	return false
}

// first returns the least of the offsets that are one, of which least is.
func first(least int, others ...int) int {
	for _, o := range others {
		if o >= 0 {
			least = min(least, o)
		}
	}
	return least
}
