package check

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf16"

	"proxy.cgi/cgiproxy/htaccess"
)

// A rulesFile is one .htaccess, read.
type rulesFile struct {
	path       string
	err        error // why it cannot be read; fs.ErrNotExist where there is none
	directives []directive
	unclosed   []string // sections without an end, and ends without a section
	isMarked   bool     // a byte order mark is before the first line

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

// isForAll reports whether the directive is for all files and requests, if perhaps only
// where a module is.
func (d directive) isForAll() bool {
	return !slices.ContainsFunc(d.sections, func(s string) bool {
		return !strings.HasPrefix(s, "if") || strings.HasPrefix(s, "if ")
	})
}

const (
	maxHtaccess = 1 << 20 // bytes
	maxNested   = 100     // sections within one another: each line keeps all that it is in
	mostLines   = 20      // that findings tell of: a file that is no .htaccess at all has many
)

func readHtaccess(path string) *rulesFile {
	h := &rulesFile{path: path}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		h.err = err
	case !info.Mode().IsRegular() || info.Size() > maxHtaccess:
		h.err = errors.New(path + " is no file of text")
	default:
		var text []byte
		text, h.err = os.ReadFile(path)
		h.parse(fromUTF16(text))
	}
	return h
}

// fromUTF16 returns what an editor shows, which Notepad saves so as "Unicode": it begins
// with a byte order mark.
func fromUTF16(text []byte) string {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		order = binary.BigEndian
	case !bytes.HasPrefix(text, []byte("\xff\xfe")):
		return string(text)
	}
	var units []uint16
	for ; len(text) > 1; text = text[2:] {
		units = append(units, order.Uint16(text))
	}
	return string(utf16.Decode(units))
}

// isMissing reports whether there is no file.
func (h *rulesFile) isMissing() bool { return errors.Is(h.err, fs.ErrNotExist) }

func (h *rulesFile) parse(text string) {
	var sections []string
	first, next := 0, 1
	text, h.isMarked = strings.CutPrefix(text, "\ufeff")
	for line := range htaccess.Lines(text) {
		first, next = next, next+strings.Count(line, "\n")
		line = htaccess.Joined(line)
		switch line {
		case "# BEGIN proxy.cgi":
			if h.begins++; h.begins == 1 {
				h.above = h.openCondition()
			}
		case "# END proxy.cgi":
			h.ends++
		}
		words := strings.Fields(line)
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
func (h *rulesFile) openCondition() *directive {
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
func (h *rulesFile) lines(name string) (found []directive) {
	for _, d := range h.directives {
		if d.name == name {
			found = append(found, d)
		}
	}
	return found
}

// says reports whether a directive has all of the texts in its arguments.
func (h *rulesFile) says(name string, texts ...string) bool {
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
