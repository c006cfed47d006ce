package e2e

import (
	"os"
	"strings"
	"testing"
)

// example returns htaccess.example.
func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../htaccess.example")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// lastRule is the end of the lines that the variants replace or add to.
const lastRule = "\nRewriteRule ^ proxy.cgi [L]\n"

// The variants of htaccess.example, each with the changes that its comment
// tells, and no other.

func publicExample(t *testing.T) string {
	t.Helper()
	text := example(t)
	return strings.Replace(text, rulesOf(t, text), shownAfter(t, text, "# Only public/"), 1)
}

func fastCGIExample(t *testing.T) string {
	t.Helper()
	text := example(t)
	files, rule, ok := strings.Cut(shownAfter(t, text, "# FastCGI: "), "...\n")
	if !ok {
		t.Fatal("htaccess.example does not show two changes for FastCGI")
	}
	text = strings.Replace(text, filesOf(t, text), files, 1)
	return strings.Replace(text, lastRule, "\n"+rule, 1)
}

func hybridExample(t *testing.T) string {
	t.Helper()
	text := example(t)
	files, _, _ := strings.Cut(shownAfter(t, text, "# FastCGI: "), "...\n")
	rules := rulesOf(t, text)
	text = strings.Replace(text, rules, shownAfter(t, text, "# Both: ")+rules, 1)
	return strings.Replace(text, filesOf(t, text), filesOf(t, text)+files, 1)
}

// filesOf returns the section that says how proxy.cgi is run.
func filesOf(t *testing.T, text string) string {
	t.Helper()
	const begin, end = "\n<Files \"proxy.cgi\">\n", "\n</Files>\n"
	return between(t, text, begin, end)
}

// rulesOf returns the last RewriteCond and RewriteRule, from the condition
// that leaves the page of an error to Apache.
func rulesOf(t *testing.T, text string) string {
	t.Helper()
	return between(t, text, "\n"+statusCondition, lastRule)
}

// between returns the lines from begin to end, both included.
func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, begin)
	middle, _, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("htaccess.example has no lines from %q to %q", begin, end)
	}
	return strings.TrimPrefix(begin, "\n") + middle + end
}

// shownAfter returns the lines that the comment with this beginning shows.
func shownAfter(t *testing.T, text, comment string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n"+comment)
	if !ok {
		t.Fatalf("htaccess.example has no comment %q", comment)
	}
	var b strings.Builder
	for line := range strings.Lines(rest) {
		shown, ok := strings.CutPrefix(line, "#   ")
		if ok {
			b.WriteString(shown)
		} else if b.Len() > 0 && line != "#\n" {
			break
		}
	}
	return b.String()
}
