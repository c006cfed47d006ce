package htaccess

import (
	"regexp"
	"slices"
	"strings"
)

// Redirects reports whether a line of mod_alias redirects or refuses the path of a URL.
// That of the script counts, too: Apache asks for it at each page, so that a line
// against visitors who ask for programs (\.cgi$) takes all pages.
func Redirects(line, url string) bool {
	words := words(line)
	if len(words) < 2 {
		return false
	}
	name, from := strings.ToLower(words[0]), words[1]
	if (name == "redirect" || name == "redirectmatch") && isStatus(from) && len(words) > 2 {
		from = words[2]
	}
	switch name {
	case "redirect", "redirectpermanent", "redirecttemp":
		return from == url || strings.HasPrefix(url, strings.TrimSuffix(from, "/")+"/")
	case "redirectmatch":
		is, _ := Matches(from, url)
		return is
	}
	return false
}

func isStatus(word string) bool {
	return slices.Contains([]string{"permanent", "temp", "seeother", "gone"}, strings.ToLower(word)) || strings.Trim(word, "0123456789") == ""
}

// Matches reports whether a regular expression of Apache's matches, and whether that is
// known. Of what Go has not, what it excepts by (?!...) is no match only where the script
// is named there.
func Matches(pattern, url string) (is, isKnown bool) {
	exceptions := regexp.MustCompile(`\(\?<?!(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)`)
	if slices.ContainsFunc(exceptions.FindAllString(pattern, -1), func(e string) bool { return strings.Contains(e, "proxy") }) {
		return false, true
	}
	re, err := regexp.Compile(exceptions.ReplaceAllString(pattern, ""))
	return err == nil && re.MatchString(url), err == nil
}
