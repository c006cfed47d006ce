package check

import (
	"os"
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
			if strings.Contains(d.args, "cgi") && (d.in(`files "`+name) || d.in("files "+name) || d.in("filesmatch")) {
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

// option returns the state of the first of these options that is on in the site's folder,
// or else of one that is off, and the line that decided.
func (s *site) option(names ...string) (now state, by string) {
	for _, name := range names {
		is, line := s.oneOption(name)
		if is == on {
			return on, line
		}
		if is == off {
			now, by = off, line
		}
	}
	return now, by
}

// oneOption is option for one. Options without a sign replace those of other files, and
// leave what a + has added in their own.
func (s *site) oneOption(name string) (now state, by string) {
	addedIn := ""
	for _, d := range s.lines("options") {
		if len(d.sections) > 0 && !d.in("ifmodule") {
			continue
		}
		words := strings.Fields(strings.ToLower(d.args))
		if len(words) > 0 && !strings.ContainsAny(words[0][:1], "+-") && addedIn != d.file {
			now, by = off, d.place()
		}
		for _, word := range words {
			if bare := strings.TrimLeft(word, "+-"); bare != name && (bare != "all" || word[0] == '-') {
				continue
			}
			now, by, addedIn = on, d.place(), ""
			switch word[0] {
			case '-':
				now = off
			case '+':
				addedIn = d.file
			}
		}
	}
	return now, by
}

// runsAlone reports whether ExecCGI is on for the program's name, whatever it is for all
// else: Apache merges <Files> last.
func (s *site) runsAlone() bool {
	return slices.ContainsFunc(s.lines("options"), func(d directive) bool {
		return d.in(`files "proxy.`) && strings.Contains(strings.ToLower(d.args), "+execcgi")
	})
}

func checkExecCGI(s *site) []Finding {
	switch now, by := s.option("execcgi"); {
	case s.own().isMissing():
		return nil
	case s.runsAlone():
	case now == off:
		return cause{"forbidden", "write Options +ExecCGI into .htaccess, as htaccess.example has it"}.fault("%s turns ExecCGI off: \"ExecCGI is off in this directory\", and pages are 403", by)
	case now == unknown:
		return cause{"forbidden", "write Options +ExecCGI into .htaccess, unless the host forbids Options"}.warning("no .htaccess turns ExecCGI on: it works only where the host does")
	}
	return fine("ExecCGI is on")
}

func checkLinks(s *site) []Finding {
	switch now, by := s.option("symlinksifownermatch", "followsymlinks"); {
	case s.own().isMissing():
		return nil
	case now == off:
		return cause{"links", "write Options +SymLinksIfOwnerMatch into .htaccess, as htaccess.example has it"}.fault("%s turns links off, without which Apache refuses rewrite rules (AH00670): pages are 403", by)
	case now == unknown:
		return cause{"links", "write Options +SymLinksIfOwnerMatch into .htaccess, unless the host forbids Options"}.warning("no .htaccess turns SymLinksIfOwnerMatch on: where the host has it off, pages are 403 (AH00670)")
	}
	return fine("links are on, which rewrite rules need")
}
