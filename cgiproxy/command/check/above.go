package check

import (
	"path"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/command/docroot"
	"proxy.cgi/cgiproxy/htaccess"
)

// skipsNext reports whether a rule keeps the next one from the program.
func (r rule) skipsNext() bool {
	return r.pattern == `^proxy\.f?cgi$` && r.to == "-" && r.has("s", "skip")
}

// readAgain tells of a redirect or refusal above that does something else where Apache
// reads the rules again, for the program that the last one leads to.
func (s *site) readAgain(r rule) []Finding {
	if r.has("r", "redirect") && !r.has("l", "last", "end") {
		return cause{"", "write [R=301,L]"}.warning("%s: RewriteRule %s has no L: the rules below it go on with it, and visitors are led to /proxy.cgi", r.place(), r.args)
	}
	first := r.directive // a line between the conditions would cut them off
	if len(r.conditions) > 0 {
		first = r.conditions[0]
	}
	for _, script := range s.scripts {
		if look, what := s.tookAgain(r, script); what != "" {
			return cause{"forbidden", "write the two lines of \"Rewrite rules of others\" in MANUAL.md above " + first.place()}.warning("%s is looked at again for %s, %s", look, script, what)
		}
	}
	return nil
}

// tookAgain returns what of a rule takes the program and not what was asked for, and what
// becomes of pages then, "" where it is nothing, or cannot be told.
func (s *site) tookAgain(r rule, program string) (look, what string) {
	_, below, _ := docroot.Split(s.folder)
	looks := [][3]string{{r.pattern, program, r.place() + ": RewriteRule " + r.args}}
	one := false // of its conditions will do
	for _, c := range r.conditions {
		words := strings.Fields(c.args)
		if len(words) < 2 {
			continue
		}
		one = one || len(words) > 2 && strings.Contains(strings.ToLower(words[2]), "or")
		switch {
		case strings.Contains(words[0], "REDIRECT_STATUS"), strings.Contains(words[0], "THE_REQUEST"):
			return "", "" // it tells the second time from the first
		case words[0] == "%{REQUEST_URI}":
			looks = append(looks, [3]string{unquote(words[1]), path.Join("/", below, program), c.place() + ": RewriteCond " + c.args})
		}
	}
	for i, l := range looks {
		takes, becomes := afterwards(l[0], l[1])
		if !takes && (i == 0 || !one) {
			return "", ""
		}
		if what == "" {
			look, what = l[2], becomes
		}
	}
	return look, what
}

// afterwards reports whether a pattern is for the program, and what becomes of pages where
// it is for that and not for them. What hosts put above each rule for their proofs is for
// files, as is what leaves out a script.
func afterwards(pattern, program string) (takes bool, becomes string) {
	but, isNot := strings.CutPrefix(pattern, "!")
	is, isKnown := htaccess.Matches(but, program)
	isForFiles := slices.ContainsFunc([]string{"well-known", "cpanel", "pki-validation", ".php"}, func(s string) bool { return strings.Contains(but, s) })
	isForPages := slices.ContainsFunc([]string{"", "/", "/page"}, func(page string) bool { is, _ := htaccess.Matches(but, page); return is })
	switch takes = isKnown && is != isNot; {
	case takes && isNot && !isForFiles:
		becomes = "which it does not leave out: what it leaves out is led away all the same"
	case takes && !isNot && !isForPages:
		becomes = "which it takes: no page reaches the app"
	}
	return takes, becomes
}

// notReadAbove tells of redirects and refusals above, which mod_rewrite does not read in
// a folder that has rewrite lines itself, unless some stand before the app's there, too.
func (s *site) notReadAbove(before []rule) []Finding {
	isOwners := func(r rule) bool { return r.leaves() && !r.isMergedLater() && !slices.Contains(ourRules(), r.pattern) }
	if slices.ContainsFunc(before, isOwners) || slices.ContainsFunc(s.lines("rewriteoptions"), func(d directive) bool { return strings.Contains(strings.ToLower(d.args), "inherit") }) {
		return nil
	}
	for _, h := range s.rules[:len(s.rules)-1] {
		if rules := h.rewriteRules(); slices.ContainsFunc(rules, isOwners) {
			r := rules[slices.IndexFunc(rules, isOwners)]
			return cause{"", "put what is meant for this folder, too, above the lines of proxy.cgi, with %{REQUEST_URI} in place of /$1"}.warning("%s: RewriteRule %s %s, and others like it above, are not read for this folder: visitors are not led to https here, say", r.place(), r.pattern, r.to)
		}
	}
	return nil
}
