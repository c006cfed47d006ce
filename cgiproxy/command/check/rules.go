package check

import (
	"path"
	"slices"
	"strings"
)

// A rule is a RewriteRule of the site's own .htaccess.
type rule struct {
	directive
	conditions         []directive
	pattern, to, flags string
}

func (h *rulesFile) rewriteRules() (rules []rule) {
	var conditions []directive
	for _, d := range h.directives {
		if d.name == "rewritecond" {
			conditions = append(conditions, d)
		}
		if d.name != "rewriterule" {
			continue
		}
		words := strings.Fields(d.args)
		r := rule{directive: d, conditions: conditions}
		conditions = nil
		for i, part := range []*string{&r.pattern, &r.to, &r.flags} {
			if i < len(words) {
				*part = unquote(words[i])
			}
		}
		rules = append(rules, r)
	}
	return rules
}

// script returns the program that a rule leads to, "" for none.
func (r rule) script() string {
	to, _, _ := strings.Cut(r.to, "?")
	if name := path.Base(to); name == "proxy.cgi" || name == "proxy.fcgi" {
		return name
	}
	return ""
}

// has reports whether a rule has a flag ("R=301" is R).
func (r rule) has(names ...string) bool {
	for flag := range strings.SplitSeq(strings.Trim(r.flags, "[]"), ",") {
		name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(flag)), "=")
		if slices.Contains(names, name) {
			return true
		}
	}
	return false
}

// leaves reports whether a rule redirects or refuses.
func (r rule) leaves() bool {
	return r.has("r", "redirect", "f", "forbidden", "g", "gone") || strings.Contains(r.to, "://")
}

// lead is what to do where rules do not lead to the program.
func lead(trouble string) cause {
	return cause{trouble, "run proxy.cgi install, or take the rewrite lines from htaccess.example"}
}

func checkRewrite(s *site) []Finding {
	h := s.own()
	if h.isMissing() {
		return nil // see htaccess
	}
	engine := ""
	for _, d := range h.lines("rewriteengine") {
		engine = strings.ToLower(d.args) // the last counts
	}
	var to []string
	for _, r := range h.rewriteRules() {
		if name := r.script(); name != "" && !slices.Contains(to, name) {
			to = append(to, name)
		}
	}
	switch {
	case len(to) == 0:
		return lead("listing").fault("no RewriteRule of %s leads to proxy.cgi: nothing is sent to the app", h.path)
	case engine != "on":
		return lead("listing").fault("%s has not RewriteEngine On: its rules do not count", h.path)
	}
	for _, name := range to {
		if !slices.Contains(s.scripts, name) {
			return cause{"apache-404", "upload the program as " + name + ", too"}.fault("a RewriteRule of %s leads to %s, which is not there", h.path, name)
		}
	}
	if inPublic := readHtaccess(s.path("public/.htaccess")); s.isPublicOnly() && slices.ContainsFunc(inPublic.directives, directive.replacesOurs) {
		return cause{"apache-404", "take them out of it"}.fault("the rewrite lines of %s count there in place of those that lead to the app, which gets nothing", inPublic.path)
	}
	for _, d := range h.lines("rewritebase") {
		if base := s.publicPrefix(); base != "" && strings.TrimSuffix(d.args, "/") != base {
			return cause{"apache-404", "take the line out"}.warning("%s: RewriteBase %s counts for the app's rule, too, and is not the path of this folder", d.place(), d.args)
		}
	}
	return fine("requests are sent to %s", strings.Join(to, " and "))
}

// refusedFiles is the pattern of the rule that keeps files from visitors.
const refusedFiles = `(^|/)(\.ht|(error_log|app\.log)(/|$))`

// ourRules are the patterns of the rules in htaccess.example, its variants
// included.
func ourRules() []string {
	return []string{
		`^proxy\.f?cgi$`, `^proxy\.f?cgi/(.*)$`, `^proxy\.f?cgi/(.*[?%#[:cntrl:]]|[^/]*:)`, refusedFiles, `^.*$`, `^\.well-known/(acme-challenge|pki-validation|cpanel-dcv)/[^/]+$`, `^(?!public/)([^?%#\\]*(?:$|/)|)`,
	}
}

// checkRuleOrder looks for rules of others that take requests before ours do, and for
// redirects and refusals that are not before ours, where they are as good as ever.
func checkRuleOrder(s *site) (all []Finding) {
	h := s.own()
	rules := h.rewriteRules()
	last := -1
	for i, r := range rules {
		if r.script() != "" {
			last = i
		}
	}
	if last < 0 {
		return nil // see rewrite
	}
	for _, d := range h.directives {
		if strings.HasPrefix(d.name, "rewrite") && d.isMergedLater() && len(all) < mostLines {
			all = append(all, cause{"apache-404", "take it out of the section"}.warning("%s: %s in a section <%s> counts there in place of the app's rules, which get nothing of what the section is for", d.place(), d.name, d.sections[len(d.sections)-1])...)
		}
	}
	skipped := false // the second time, by MANUAL's line above it
	for _, r := range rules[:last] {
		isSkipped := skipped
		skipped = r.skipsNext()
		switch {
		case r.isMergedLater():
		case r.script() != "" || slices.Contains(ourRules(), r.pattern):
		case r.leaves() && !isSkipped:
			all = append(all, s.readAgain(r)...)
		case r.leaves():
		case strings.Contains(r.to, "index.php"):
			all = append(all, cause{"apache-404", "take WordPress's lines out, or put those of proxy.cgi above them: proxy.cgi install does"}.fault("%s: the rule for index.php (WordPress has it) comes before the app's, and takes its requests", r.place())...)
		case r.to != "-" || r.has("l", "last", "end"):
			all = append(all, cause{"apache-404", "put it below the lines of proxy.cgi, or take it out"}.warning("%s: RewriteRule %s %s comes before the app's, and what it matches does not reach the app", r.place(), r.pattern, r.to)...)
		}
	}
	for _, r := range rules[last+1:] {
		if r.leaves() && !r.isMergedLater() && len(all) < mostLines {
			all = append(all, cause{"", "put it, with its RewriteConds, above the lines of proxy.cgi"}.warning("%s: RewriteRule %s %s comes after the app's: it is for existing files, and for none of the app's pages", r.place(), r.pattern, r.to)...)
		}
	}
	all = append(all, s.notReadAbove(rules[:last])...)
	if all == nil {
		return fine("no other rewrite rule takes the app's requests")
	}
	return all
}

// replacesOurs reports whether the directive, in a folder below, has mod_rewrite take
// none of the lines here. With RewriteOptions Inherit they lead nowhere there.
func (d directive) replacesOurs() bool {
	return strings.HasPrefix(d.name, "rewrite") && !d.isMergedLater()
}

// isMergedLater reports whether the directive is in a section that Apache merges
// after all that is outside of it: what mod_rewrite has there is in place of that.
func (d directive) isMergedLater() bool {
	return d.in("if ") || d.in("else") || d.in("files")
}

// statusCondition keeps the server's own error pages from the app.
const statusCondition = "%{env:redirect_status}"

func checkErrorPages(s *site) []Finding {
	documents := s.lines("errordocument")
	documents = slices.DeleteFunc(documents, func(d directive) bool { return !strings.Contains(d.args, " /") })
	if s.own().says("rewritecond", statusCondition) || len(documents) == 0 {
		return nil
	}
	return cause{"refused", "take the line with REDIRECT_STATUS from htaccess.example"}.fault("%s: the host's page for an error (ErrorDocument) is sent to the app, for the RewriteCond with REDIRECT_STATUS is missing", documents[0].place())
}

// checkBlock looks for what htaccess.example has in this version, and for the
// marks of install.
func checkBlock(s *site) (all []Finding) {
	h := s.own()
	if len(h.rewriteRules()) == 0 {
		return nil // see rewrite
	}
	if h.begins != h.ends || h.begins > 1 {
		all = append(all, cause{"", "take what is left of the block out, and run proxy.cgi install"}.fault("%s: the lines of proxy.cgi install have %d marks of a beginning and %d of an end", h.path, h.begins, h.ends)...)
	}
	if h.above != nil {
		all = append(all, cause{"", "run proxy.cgi install, which puts its block above it, or give it its RewriteRule back"}.fault("%s: a RewriteCond is for the next RewriteRule, which is one of proxy.cgi's block", h.above.place())...)
	}
	for _, want := range wantedLines() {
		if !h.says(want.name, want.texts...) {
			all = append(all, lead("").warning("%s is of another version: it has no %s with %s, which %s", h.path, want.name, strings.Join(want.texts, " and "), want.why)...)
		}
	}
	if all == nil {
		return fine("the rewrite lines are those of this version")
	}
	return all
}

type wanted struct {
	name  string
	texts []string
	why   string
}

// wantedLines are the lines of htaccess.example that send something to the app, or keep
// it closed.
func wantedLines() []wanted {
	return []wanted{
		{"rewritecond", []string{"%{REQUEST_FILENAME}", "!-f"}, "sends to the app what is no file"},
		{"rewritecond", []string{"%{REQUEST_URI}", `/\.(?!well-known`}, "keeps names that begin with a dot (.env, .git) from visitors"},
		{"rewritecond", []string{"%{ENV:REDIRECT_STATUS}", "%{ENV:REDIRECT_REDIRECT_STATUS}"}, "leaves the pages of errors to the server"},
		{"rewriterule", []string{`(\.ht|(error_log|app\.log)(/|$))`}, "refuses .htaccess, .htcgiproxy, error_log and app.log"},
		{"rewriterule", []string{`^proxy\.f?cgi/(.*[?%#`, "[F]"}, "refuses what Apache would read twice behind the program's name"},
		{"rewriterule", []string{`^proxy\.f?cgi/(.*)$`}, "closes the way round the rules behind the program's name"},
		{"rewriteoptions", []string{"AllowNoSlash"}, "is for the folder's own name without its slash"},
	}
}
