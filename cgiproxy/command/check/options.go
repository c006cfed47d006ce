package check

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// checkHtaccess looks whether there is a .htaccess that Apache may read.
func checkHtaccess(s *site) []Finding {
	h := s.own()
	if h.isMissing() {
		for _, name := range []string{"htaccess", "htaccess.txt", ".htaccess.txt", "htaccess.example", ".htaccess.example"} {
			if !readHtaccess(s.path(name)).isMissing() {
				return cause{"listing", "rename it"}.fault("there is no .htaccess in %s, but %s, which Apache does not read", s.folder, name)
			}
		}
		return cause{"listing", "run proxy.cgi install, or copy htaccess.example there as .htaccess"}.fault("there is no .htaccess in %s: nothing is sent to the app", s.folder)
	}
	for _, h := range s.rules {
		if f := s.checkReadable(h); f != nil {
			return f
		}
	}
	return fine(".htaccess is there, and the web server may read it")
}

func (s *site) checkReadable(h *rulesFile) []Finding {
	if h.isMissing() {
		return nil
	}
	info, err := os.Stat(h.path)
	switch {
	case err != nil:
		return cause{"forbidden", "set its permissions to 644"}.fault("%v", err)
	case !s.serverMay(info, 4):
		return cause{"forbidden", "set its permissions to 644"}.fault("%s has permissions %03o: the web server may not read it, and refuses every page", h.path, info.Mode().Perm())
	case info.Mode().Perm()&0o022 != 0:
		return cause{"", "set its permissions to 644"}.warning("%s has permissions %03o: others may write to it", h.path, info.Mode().Perm())
	case h.err != nil:
		return cause{"forbidden", "set its permissions to 644"}.fault("%v", h.err)
	}
	return nil
}

// checkHandler looks whether Apache is told to run the program.
func checkHandler(s *site) []Finding {
	if s.own().isMissing() {
		return nil // see htaccess
	}
	return s.eachScript(func(name string) []Finding {
		var handlers []string // of both branches of an IfModule, which decides
		for _, d := range s.lines("sethandler") {
			if strings.Contains(d.args, "cgi") && d.isFor(name) {
				handlers = append(handlers, d.args)
			}
		}
		if handlers != nil {
			return fine("%s is run: SetHandler %s", name, strings.Join(handlers, " or "))
		}
		for _, d := range s.lines("addhandler") {
			if strings.Contains(d.args, "cgi") && strings.Contains(d.args, strings.TrimPrefix(filepath.Ext(name), ".")) {
				return fine("%s is run: AddHandler %s", name, d.args)
			}
		}
		return cause{"download", "take the <Files> lines from htaccess.example, or run proxy.cgi install; delete the program until then"}.fault("no line of .htaccess tells Apache to run %s: visitors can download it", name)
	})
}

// A state is what is known about an option: the server's configuration, which
// comes before all .htaccess, nobody can read.
type state int

const (
	unknown state = iota
	off
	on
)

// A ruling is what a line has made of an option.
type ruling struct {
	is state
	by string
}

// option returns what the site's folder has of an option, and what is merged into that
// in a section. In a file a line without a sign replaces what is above it, a + and a -
// that stand there too, but these come back with the next file below, or section
// (set_options and merge_core_dir_configs of Apache's core.c).
func (s *site) option(name string) (now, merged ruling) {
	for _, h := range s.rules {
		now, merged = merged.or(now), ruling{}
		for _, d := range h.lines("options") {
			if d.isForAll() {
				d.rule(name, &now, &merged)
			}
		}
	}
	return now, merged
}

// rule notes what an Options line says of an option.
func (d directive) rule(name string, now, merged *ruling) {
	words := strings.Fields(strings.ToLower(d.args))
	if len(words) > 0 && !strings.ContainsAny(words[0][:1], "+-") {
		*now = ruling{off, d.place()}
	}
	for _, word := range words {
		switch {
		case word == name, word == "all" && name != "symlinksifownermatch": // which All has not
			*now = ruling{on, d.place()}
		case word == "+"+name:
			*now = ruling{on, d.place()}
			*merged = *now
		case word == "-"+name:
			*now = ruling{off, d.place()}
			*merged = *now
		}
	}
}

// or returns the other ruling where r is none.
func (r ruling) or(other ruling) ruling {
	if r.is == unknown {
		return other
	}
	return r
}

// isFor reports whether the directive is in a section for files of that name, which
// Apache merges last.
func (d directive) isFor(name string) bool {
	return slices.ContainsFunc(d.sections, func(s string) bool {
		kind, pattern, _ := strings.Cut(s, " ")
		pattern = unquote(pattern)
		if kind == "filesmatch" || strings.HasPrefix(pattern, "~") { // a regular expression
			return strings.Contains(pattern, "cgi") && strings.Contains(name, "cgi")
		}
		is, err := path.Match(pattern, name)
		return kind == "files" && is && err == nil
	})
}

// optionFor returns what a program has of an option, with its own sections.
func (s *site) optionFor(program, option string) ruling {
	now, merged := s.option(option)
	var section []string
	for _, h := range s.rules {
		for _, d := range h.directives {
			if !d.isFor(program) {
				continue
			}
			if !slices.Equal(d.sections, section) {
				now, merged, section = merged.or(now), ruling{}, d.sections
			}
			if d.name == "options" {
				d.rule(option, &now, &merged)
			}
		}
	}
	return now
}

func checkExecCGI(s *site) []Finding {
	if s.own().isMissing() {
		return nil
	}
	return s.eachScript(func(name string) []Finding {
		switch now := s.optionFor(name, "execcgi"); now.is {
		case off:
			return cause{"forbidden", "write Options +ExecCGI into .htaccess, as htaccess.example has it"}.fault("%s turns ExecCGI off for %s: \"ExecCGI is off in this directory\", and pages are 403", now.by, name)
		case unknown:
			return cause{"forbidden", "write Options +ExecCGI into .htaccess, unless the host forbids Options"}.warning("no .htaccess turns ExecCGI on for %s: it works only where the host does", name)
		}
		return fine("ExecCGI is on for %s", name)
	})
}

// checkLinks looks whether links are on where rewrite rules are run: for what the
// visitor asks for, and for the program that a rule then leads to. Apache merges an
// <If> after all else, also for folders below.
func checkLinks(s *site) []Finding {
	if s.own().isMissing() {
		return nil
	}
	var always, owner ruling
	for _, d := range s.lines("options") {
		if slices.Contains(d.sections, `if "true"`) {
			d.rule("followsymlinks", &always, new(ruling))
			d.rule("symlinksifownermatch", &owner, new(ruling))
		}
	}
	if always.is != on && owner.is != on {
		always, _ = s.option("followsymlinks") // either will do
		owner, _ = s.option("symlinksifownermatch")
	}
	remedy := `take <If "true"> with its line from htaccess.example`
	switch {
	case always.is == on, owner.is == on:
		return fine("links are on, which rewrite rules need")
	case always.is == off && owner.is == off:
		return cause{"links", remedy}.fault("%s turns links off, without which Apache refuses rewrite rules (AH00670): pages are 403", always.by)
	}
	return cause{"links", remedy + ", unless the host forbids Options"}.warning("no .htaccess turns SymLinksIfOwnerMatch on: where the host has it off, pages are 403 (AH00670)")
}
