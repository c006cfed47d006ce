package htaccess

import (
	"iter"
	"slices"
	"strings"
)

// Notes tells what the lines of others in a .htaccess with the block mean for
// the app.
func Notes(text string) (notes []string) {
	add := func(note string) { notes = append(notes, note) }
	below := ""
	if begin, end, _, err := find(text); err == nil && begin >= 0 {
		below = text[end:]
	}
	rest, _, err := cut(text)
	if err != nil {
		return nil
	}
	if strings.HasPrefix(rest, "\ufeff") {
		add("a byte order mark is there, which Apache takes for a line that it does not know: every page is 500; save the file as UTF-8 without one")
	}
	if strings.Contains(rest, "# BEGIN WordPress") {
		add("WordPress is in this folder: the lines of proxy.cgi stand above its own, so that the app gets its pages. Only its files (wp-login.php, images) are still served. To have both, give the app a folder of its own; --uninstall brings WordPress back")
	} else if anyLeads(below, func(string) bool { return true }) {
		add("other rewrite rules stand below those of proxy.cgi: the app gets all but existing files, and they get nothing more")
	}
	for line := range Lines(rest) {
		if words := words(line); isDirective(words, "RewriteBase") && len(words) > 1 {
			add("RewriteBase " + words[1] + " counts for the app's rule, too: it must be the path of this folder in URLs, else take it out")
			break
		}
	}
	for line := range outside(below) {
		words := words(line)
		switch {
		case isDirective(words, "RewriteEngine") && len(words) > 1 && strings.EqualFold(words[1], "off"):
			add("RewriteEngine Off below the lines of proxy.cgi turns them off: take it out")
		case leaves(words):
			add(Joined(line) + " below the lines of proxy.cgi is for existing files, and for none of the app's pages: put it, with its RewriteConds, above them")
		}
	}
	variant, _ := VariantIn(text)
	return append(notes, sectionNotes(rest, variant.Scripts.Names())...)
}

// Rewrites reports whether a .htaccess has rewrite lines, which count in its folder in
// place of all that are above.
func Rewrites(text string) bool {
	for line := range outside(text) {
		if words := words(line); len(words) > 0 && strings.HasPrefix(strings.ToLower(words[0]), "rewrite") {
			return true
		}
	}
	return false
}

// sectionNotes tells of sections that Apache merges after all that is outside of
// them, wherever they stand, and of redirects outside of them that take the scripts.
func sectionNotes(rest string, scripts []string) (notes []string) {
	section := ""
	for line := range Lines(rest) {
		words := words(line)
		if len(words) == 0 {
			continue
		}
		switch begins, ends := mergedSection(words); {
		case ends:
			section = ""
		case begins:
			section = strings.TrimSpace(line)
		case section == "" && slices.ContainsFunc(scripts, func(script string) bool { return Redirects(line, "/"+script) }):
			notes = append(notes, Joined(line)+" takes the program itself, for which Apache asks at each page: none reaches the app; write it so that it leaves "+strings.Join(scripts, " and ")+" out, or take it out")
		case section != "" && strings.HasPrefix(strings.ToLower(words[0]), "rewrite"):
			notes = append(notes, "the rewrite lines in "+section+" count there in place of those of proxy.cgi, and the app gets nothing of what it is for: take them out of it")
			section = ""
		case strings.Contains(section, "cgi") && refuses(words):
			notes = append(notes, section+" refuses files: where the name of proxy.cgi is one of them, every page is 403")
			section = ""
		}
	}
	return notes
}

// mergedSection reports whether a line begins or ends a section that Apache merges
// after all that is outside of it.
func mergedSection(words []string) (begins, ends bool) {
	if len(words) == 0 || !strings.HasPrefix(words[0], "<") {
		return false, false
	}
	name := strings.ToLower(strings.Trim(words[0], "</>"))
	is := slices.Contains([]string{"if", "elseif", "else", "files", "filesmatch"}, name)
	ends = strings.HasPrefix(words[0], "</")
	return is && !ends, is && ends
}

// outside returns the lines that are in no such section.
func outside(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		depth := 0
		for line := range Lines(text) {
			begins, ends := mergedSection(words(line))
			switch {
			case begins:
				depth++
			case ends:
				depth--
			case depth == 0 && !yield(line):
				return
			}
		}
	}
}

// refuses reports whether a line keeps everybody out.
func refuses(words []string) bool {
	args := strings.ToLower(strings.Join(words[1:], " "))
	return isDirective(words, "Require") && args == "all denied" || isDirective(words, "Deny") && args == "from all"
}
