package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// An htaccess is one .htaccess, read.
type htaccess struct {
	path       string
	err        error // why it cannot be read; fs.ErrNotExist where there is none
	directives []directive
	unclosed   []string // sections without an end, and ends without a section

	begins, ends int        // marks of install
	above        *directive // the RewriteCond whose rule has not come where the block begins, nil for none
}

// A directive is one line of a .htaccess, those of a backslash at the end being
// one.
type directive struct {
	file     string
	line     int
	name     string   // in lower case
	args     string   // blanks between them are one
	sections []string // those that it is in, as "files "proxy.cgi""
}

func (d directive) place() string { return fmt.Sprintf("%s, line %d", d.file, d.line) }

// in reports whether the directive is in a section that starts so.
func (d directive) in(section string) bool {
	for _, s := range d.sections {
		if strings.HasPrefix(s, section) {
			return true
		}
	}
	return false
}

const (
	maxHtaccess = 1 << 20 // bytes
	maxNested   = 100     // sections within one another: each line keeps all that it is in
	mostLines   = 20      // that findings tell of: a file that is no .htaccess at all has many
)

func readHtaccess(path string) *htaccess {
	h := &htaccess{path: path}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		h.err = err
	case !info.Mode().IsRegular() || info.Size() > maxHtaccess:
		h.err = errors.New(path + " is no file of text")
	default:
		var text []byte
		text, h.err = os.ReadFile(path)
		h.parse(string(text))
	}
	return h
}

// isMissing reports whether there is no file.
func (h *htaccess) isMissing() bool { return errors.Is(h.err, fs.ErrNotExist) }

func (h *htaccess) parse(text string) {
	var sections []string
	var continued []string // by a backslash
	number, first := 0, 0
	for line := range strings.Lines(text) {
		number++
		if continued == nil {
			first = number
		}
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutSuffix(line, `\`); ok {
			continued = append(continued, rest)
			continue
		}
		switch strings.TrimSpace(line) {
		case "# BEGIN proxy.cgi":
			if h.begins++; h.begins == 1 {
				h.above = h.openCondition()
			}
		case "# END proxy.cgi":
			h.ends++
		}
		words := strings.Fields(strings.Join(append(continued, line), ""))
		continued = nil
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		name, args := strings.ToLower(words[0]), strings.Join(words[1:], " ")
		switch {
		case strings.HasPrefix(name, "</"):
			name = strings.TrimSuffix(name[2:], ">")
			last := len(sections) - 1
			if last < 0 || !strings.HasPrefix(sections[last]+" ", name+" ") {
				h.unclosed = append(h.unclosed, fmt.Sprintf("line %d: </%.100s> without <%.100[2]s>", first, name))
				continue
			}
			sections = sections[:last]
		case name[0] == '<' && len(sections) == maxNested:
			h.unclosed = append(h.unclosed, fmt.Sprintf("line %d: more than %d sections within one another", first, maxNested))
			return
		case name[0] == '<':
			h.directives = append(h.directives, directive{h.path, first, strings.TrimSuffix(name[1:], ">"), args, sections})
			section := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name[1:]+" "+args)), ">")
			sections = append(sections[:len(sections):len(sections)], section)
		default:
			h.directives = append(h.directives, directive{h.path, first, name, args, sections})
		}
	}
	for _, s := range sections {
		h.unclosed = append(h.unclosed, fmt.Sprintf("<%.100s> is not closed", s))
	}
}

// openCondition returns the last RewriteCond, where its RewriteRule has not come.
func (h *htaccess) openCondition() *directive {
	for i, d := range slices.Backward(h.directives) {
		switch d.name {
		case "rewriterule":
			return nil
		case "rewritecond":
			return &h.directives[i]
		}
	}
	return nil
}

// lines returns the directives of a name, in lower case.
func (h *htaccess) lines(name string) (found []directive) {
	for _, d := range h.directives {
		if d.name == name {
			found = append(found, d)
		}
	}
	return found
}

// says reports whether a directive has all of the texts in its arguments.
func (h *htaccess) says(name string, texts ...string) bool {
	for _, d := range h.lines(name) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(strings.ToLower(d.args), strings.ToLower(text))
		}
		if all {
			return true
		}
	}
	return false
}

func unquote(s string) string {
	for _, quote := range [...]string{`"`, `'`} {
		if rest, ok := strings.CutPrefix(s, quote); ok {
			return strings.TrimSuffix(rest, quote)
		}
	}
	return s
}
