// Package htaccess makes the lines of a .htaccess that send requests to
// proxy.cgi, and puts them among those of others.
//
//	variant.go  htaccess.example, and the variants that its comments show
//	block.go    its lines between two marks, in a file that has others
//	leftout.go  those that their owner has taken out, for the host forbids them
//	place.go    where they have to stand there
//	line.go     the directives of a .htaccess
//	notes.go    what the others mean for the app; redirects.go: of mod_alias
//
// All of them are functions from text to text. The text of htaccess.example
// comes from who calls: it is at the top of the repository, once.
package htaccess

import (
	"fmt"
	"strings"
)

// A Variant is a way to change htaccess.example that its comments tell of.
type Variant struct {
	Scripts    Scripts
	PublicOnly bool // only public/ is for visitors
}

// A Choice is what somebody wants of a Variant. What is nil stays as it is.
type Choice struct {
	Scripts    *Scripts
	PublicOnly *bool
}

// Over returns a variant with what was chosen.
func (c Choice) Over(v Variant) Variant {
	if c.Scripts != nil {
		v.Scripts = *c.Scripts
	}
	if c.PublicOnly != nil {
		v.PublicOnly = *c.PublicOnly
	}
	return v
}

// VariantIn returns the variant of the lines that Put has put into a .htaccess, if
// there are any.
func VariantIn(text string) (v Variant, ok bool) {
	begin, end, _, err := find(text)
	if err != nil || begin < 0 {
		return Variant{}, false
	}
	var block string // without comments, which show the other variants
	for line := range Lines(text[begin:end]) {
		if !strings.HasPrefix(Joined(line), "#") {
			block += line
		}
	}
	switch cgi, fastCGI := strings.Contains(block, " proxy.cgi ["), strings.Contains(block, " proxy.fcgi ["); { // whatever the flags of that version
	case cgi && fastCGI:
		v.Scripts = Both
	case fastCGI:
		v.Scripts = FastCGI
	}
	v.PublicOnly = strings.Contains(block, publicRule)
	return v, true
}

// Scripts are the names under which the binary runs.
type Scripts int

const (
	CGI     Scripts = iota // proxy.cgi
	FastCGI                // proxy.fcgi
	Both                   // proxy.fcgi, but proxy.cgi for uploads and event streams
)

// Names returns the names of the files.
func (s Scripts) Names() []string {
	return [...][]string{{"proxy.cgi"}, {"proxy.fcgi"}, {"proxy.cgi", "proxy.fcgi"}}[s]
}

const (
	// StatusCondition begins the last rule, the one that the variants replace
	// or add to. It leaves the page of an error to Apache, also where a script is that
	// page and leads on: suEXEC tells proxy.cgi only of the last redirect.
	StatusCondition = "RewriteCond %{ENV:REDIRECT_STATUS}%{ENV:REDIRECT_REDIRECT_STATUS} ^(200)*$\n"

	lastRule   = "\nRewriteRule ^.*$ proxy.cgi [L]\n"
	toCGI      = " proxy.cgi [L]\n"
	toFastCGI  = " proxy.fcgi [L]\n"
	publicRule = "RewriteRule ^(?!public/)"
	filesBegin = "\n<Files \"proxy.cgi\">\n"
	filesEnd   = "\n</Files>\n"
)

// Apply returns the text of htaccess.example with the changes that its comments
// tell, and no other.
func (v Variant) Apply(example string) (string, error) {
	files, ok := Between(example, filesBegin, filesEnd)
	rules, ok2 := Between(example, "\n"+StatusCondition, lastRule)
	fastCGIFiles, _, ok3 := strings.Cut(shown(example, "# FastCGI: "), "...\n")
	public, both := shown(example, "# Only public/"), shown(example, "# Both: ")
	if !ok || !ok2 || !ok3 || !strings.Contains(public, StatusCondition) || both == "" {
		return "", fmt.Errorf("htaccess.example does not show its variants")
	}
	newFiles, newRules := files, rules
	if v.PublicOnly {
		newRules = public
	}
	switch v.Scripts {
	case FastCGI:
		newFiles = fastCGIFiles
		newRules = strings.Replace(newRules, toCGI, toFastCGI, 1)
	case Both:
		newFiles += fastCGIFiles
		before := strings.LastIndex(newRules, StatusCondition)
		last := newRules[before:]
		pages := strings.Replace(last, StatusCondition, StatusCondition+onlyIn(both, rules), 1)
		newRules = newRules[:before] + strings.Replace(pages, toCGI, toFastCGI, 1) + last
	}
	text := strings.Replace(example, files, newFiles, 1)
	return strings.Replace(text, rules, newRules, 1), nil
}

// Between returns the lines of text from begin to end, both included, of which
// begin starts with the end of the line before.
func Between(text, begin, end string) (lines string, ok bool) {
	_, rest, ok := strings.Cut(text, begin)
	middle, _, ok2 := strings.Cut(rest, end)
	return strings.TrimPrefix(begin, "\n") + middle + end, ok && ok2
}

// shown returns the lines that the comment with this beginning shows, "" where
// there is no such comment.
func shown(text, comment string) string {
	_, rest, _ := strings.Cut(text, "\n"+comment)
	var b strings.Builder
	for line := range strings.Lines(rest) {
		code, ok := strings.CutPrefix(line, "#   ")
		if ok {
			b.WriteString(code)
		} else if b.Len() > 0 && line != "#\n" {
			break
		}
	}
	return b.String()
}

// onlyIn returns the conditions that lines have and rules have not: those of
// what goes to proxy.fcgi where there are both.
func onlyIn(lines, rules string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		if strings.HasPrefix(line, "RewriteCond ") && !strings.Contains(rules, line) {
			b.WriteString(line)
		}
	}
	return b.String()
}
