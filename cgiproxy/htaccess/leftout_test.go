package htaccess

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestLeftOut has lines taken out of a block, as the comment in it tells: they do not
// come back with the next install, in whatever way it is run.
func TestLeftOut(t *testing.T) {
	slash := regexp.MustCompile(`(?ms)^<If "%\{REQUEST_URI\} !~.*?^</If>\n`)
	links := regexp.MustCompile(`(?ms)^<If "true">\n.*?^</If>\n`)
	for _, c := range []struct {
		name string
		edit func(text string) string
		want map[string]bool // what is there the next time
	}{
		{"nothing", func(text string) string { return text },
			map[string]bool{"\nOptions -M": true, "\n  Options +Sym": true, "\n  Options +ExecCGI": true, "\n  DirectorySlash Off": true}},
		{"Options", func(text string) string {
			return strings.Replace(links.ReplaceAllString(text, ""), "\nOptions -", "\n#Options -", 1)
		},
			map[string]bool{"\nOptions -M": false, "\n  Options +Sym": false, "\n  Options +ExecCGI": true, "\n  DirectorySlash Off": true}},
		{"both Options", func(text string) string {
			return strings.ReplaceAll(strings.Replace(links.ReplaceAllString(text, ""), "\nOptions -MultiViews\n", "\n", 1), "\n  Options +ExecCGI\n", "\n")
		}, map[string]bool{"\nOptions -M": false, "\n  Options +Sym": false, "\n  Options +ExecCGI": false, "\n  DirectorySlash Off": true}},
		{"DirectorySlash", func(text string) string { return slash.ReplaceAllString(text, "") },
			map[string]bool{"\nOptions -M": true, "\n  Options +Sym": true, "\n  Options +ExecCGI": true, "\n  DirectorySlash Off": false, "\n  SetHandler default-handler": false}},
		{"lines of an older version", func(text string) string {
			return strings.Replace(links.ReplaceAllString(text, ""), "\nOptions -", "\nOptions +SymLinksIfOwnerMatch -", 1)
		}, map[string]bool{"\nOptions -M": true, "\n  Options +Sym": true, "\n  DirectorySlash Off": true}},
		{"all but the marks", func(string) string { return beginMark + "\n" + endMark + "\n" },
			map[string]bool{"\nOptions -M": true, "\n  Options +Sym": true, "\n  Options +ExecCGI": true, "\n  DirectorySlash Off": true}},
	} {
		for _, from := range []Variant{{CGI, false}, {Both, true}} {
			for _, to := range []Variant{{CGI, false}, {FastCGI, false}, {Both, true}} {
				t.Run(fmt.Sprintf("%s, %+v to %+v", c.name, from, to), func(t *testing.T) {
					put := func(text string, v Variant) string {
						lines, err := v.Lines(example(t))
						if err != nil {
							t.Fatal(err)
						}
						if text, err = Put(text, lines); err != nil {
							t.Fatal(err)
						}
						return text
					}
					edited := strings.ReplaceAll(c.edit(put("", from)), "\n", "\r\n")
					got := strings.ReplaceAll(put(edited, to), "\r\n", "\n")
					for text, want := range c.want {
						if strings.Contains(got, text) != want {
							t.Errorf("%q is there: %t, want %t, in\n%s", text, !want, want, got)
						}
					}
					if now, ok := VariantIn(edited); c.name != "all but the marks" && (now != from || !ok) {
						t.Errorf("the edited lines are taken for %+v, %t, want %+v", now, ok, from)
					}
				})
			}
		}
	}

	// A whole file between the marks, as MANUAL tells, shows other variants in comments.
	uploaded := beginMark + "\n" + links.ReplaceAllString(strings.Replace(example(t), "\nOptions -MultiViews\n", "\n", 1), "") + endMark + "\n"
	if v, ok := VariantIn(uploaded); v != (Variant{}) || !ok {
		t.Errorf("an uploaded file is taken for %+v, %t", v, ok)
	}

	guarded, err := Guard("", "proxy.cgi")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := Variant{}.Lines(example(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Put(guarded, lines); err != nil || !strings.Contains(got, lines) {
		t.Errorf("after Guard: %v, want all lines, in\n%s", err, got)
	}
}
