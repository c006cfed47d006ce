package htaccess

import (
	"iter"
	"slices"
	"strings"
)

// Lines returns the lines of text as Apache reads them (ap_cfg_getline): one that
// ends in a backslash goes on in the next.
func Lines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		begin, end := 0, 0
		for line := range strings.Lines(text) {
			end += len(line)
			if strings.HasSuffix(line, "\\\n") || strings.HasSuffix(line, "\\\r\n") {
				continue
			}
			if !yield(text[begin:end]) {
				return
			}
			begin = end
		}
		if begin < end {
			yield(text[begin:])
		}
	}
}

// Joined returns one of Lines without the backslashes and ends of lines in it.
func Joined(line string) string {
	line = strings.ReplaceAll(strings.ReplaceAll(line, "\r\n", "\n"), "\\\n", "")
	return strings.TrimSpace(line)
}

// words returns the words of a line, as Apache reads them (ap_getword_conf): a
// quoted one may have blanks.
func words(line string) (list []string) {
	line = Joined(line)
	for line != "" {
		end := strings.IndexAny(line, " \t")
		if quote := line[0]; quote == '"' || quote == '\'' {
			end = len(line)
			for i := 1; i < len(line); i++ {
				if line[i] == '\\' {
					i++
				} else if line[i] == quote {
					end = i
					break
				}
			}
			list = append(list, line[1:end])
			line = line[min(end+1, len(line)):]
		} else {
			if end < 0 {
				end = len(line)
			}
			list = append(list, line[:end])
			line = line[end:]
		}
		line = strings.TrimLeft(line, " \t")
	}
	return list
}

// isDirective reports whether words are the named directive, whose name has no
// case.
func isDirective(words []string, name string) bool {
	return len(words) > 0 && strings.EqualFold(words[0], name)
}

// leadsTo returns what a RewriteRule makes of a request inside the site; "" is
// another line, or a rule that redirects, refuses or does nothing.
func leadsTo(words []string) string {
	if !isDirective(words, "RewriteRule") || len(words) < 3 || words[2] == "-" || leaves(words) {
		return ""
	}
	return words[2]
}

// leaves reports whether a line is a RewriteRule that redirects or refuses.
func leaves(words []string) bool {
	if !isDirective(words, "RewriteRule") || len(words) < 3 {
		return false
	}
	if len(words) > 3 {
		for flag := range strings.SplitSeq(strings.Trim(words[3], "[]"), ",") {
			name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(flag)), "=")
			if slices.Contains([]string{"r", "redirect", "f", "forbidden", "g", "gone"}, name) {
				return true
			}
		}
	}
	return strings.Contains(words[2], "://")
}

// anyLeads reports whether a rule of text leads to a place of that kind.
func anyLeads(text string, kind func(to string) bool) bool {
	for line := range Lines(text) {
		if to := leadsTo(words(line)); to != "" && kind(to) {
			return true
		}
	}
	return false
}
