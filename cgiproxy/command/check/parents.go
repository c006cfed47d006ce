package check

import (
	"path"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/command/docroot"
	"proxy.cgi/cgiproxy/htaccess"
)

func checkSlash(s *site) []Finding {
	if s.own().isMissing() || s.own().says("directoryslash", "off") {
		return nil
	}
	return cause{"slash", "take the DirectorySlash lines from htaccess.example, unless the host forbids them; or post to the name with a slash"}.warning("DirectorySlash Off is missing: a form that is posted to a folder's name arrives as GET")
}

func checkAuthorization(s *site) []Finding {
	h := s.own()
	if h.isMissing() || h.says("setenvif", "authorization", "http_authorization") || h.says("cgipassauth", "on") {
		return nil
	}
	return cause{"", "take the line SetEnvIf Authorization from htaccess.example"}.warning("Apache keeps the visitor's Authorization field from the app: logins by Basic or Bearer fail")
}

func checkLength(s *site) []Finding {
	if s.own().isMissing() || s.own().says("setenv", "ap_trust_cgilike_cl") {
		return nil
	}
	return cause{"", "take the line SetEnv ap_trust_cgilike_cl 1 from htaccess.example"}.warning("Apache keeps the app's Content-Length from visitors: downloads show no progress, and a cut one looks whole")
}

func checkCache(s *site) []Finding {
	if s.own().isMissing() || s.own().says("setenvif", "request_uri", "no-cache") {
		return nil
	}
	return cause{"", "take the line SetEnvIf Request_URI from htaccess.example"}.warning("where the host has mod_cache, the first page that it keeps is every visitor's for all URLs: the line with no-cache is missing")
}

func checkStreams(s *site) []Finding {
	if s.own().isMissing() || s.own().says("setenvif", "text/event-stream", "no-gzip") {
		return nil
	}
	return cause{"late", "take the lines with text/event-stream from htaccess.example"}.warning("a compression filter of the host would hold back event streams: the line with no-gzip is missing")
}

// checkParents looks at what a .htaccess above does to this folder.
func checkParents(s *site) (all []Finding) {
	above := s.rules[:len(s.rules)-1]
	note := func(d directive, remedy, what string) {
		if len(all) == mostLines {
			return
		}
		all = append(all, cause{"forbidden", remedy}.warning("%s: %s", d.place(), what)...)
	}
	for _, h := range append(slices.Clone(above), s.own()) {
		for _, d := range h.directives {
			args := strings.ToLower(d.args)
			refuses := d.name == "require" && strings.Contains(args, "all denied") || d.name == "deny" && strings.HasSuffix(args, "from all")
			if refuses && d.isForScripts() {
				note(d, "take cgi out of its section's pattern", "where proxy.cgi is one of the files of the section, the web server refuses every page (403)")
			}
			if !d.isForAll() {
				continue
			}
			switch {
			case refuses:
				note(d, "take the line out, or write Require all granted into "+s.own().path, "the web server refuses every page (403)")
			case d.name == "require" && strings.HasPrefix(args, "valid-user"):
				note(d, "take it out if the app has a login of its own", "visitors have to log in at the web server")
			case strings.HasPrefix(d.name, "redirect"):
				if path := s.redirected(d); path != "" {
					note(d, "write it so that it leaves "+path+" out, or take it out", d.name+" "+d.args+" takes "+path+", for which Apache asks at each page: none reaches the app")
				}
			case d.name == "rewriteoptions" && strings.Contains(args, "inheritdown"):
				note(d, "write RewriteOptions IgnoreInherit into "+s.own().path, "the rewrite rules of that file count here, too")
			case d.name == "addtype" && strings.Contains(args, "cgi"), d.name == "removehandler" && strings.Contains(args, "cgi"):
				note(d, "take it out", d.name+" "+d.args+" may keep the program from being run")
			}
		}
	}
	return all
}

// redirected returns the path of the URL of a program that the directive redirects or
// refuses, "" for none. A domain of its own may have the folder as its root.
func (s *site) redirected(d directive) string {
	_, below, _ := docroot.Split(s.folder)
	for _, name := range s.scripts {
		for _, url := range []string{path.Join("/", below, name), "/" + name} {
			if htaccess.Redirects(d.name+" "+d.args, url) {
				return url
			}
		}
	}
	return ""
}

// isForScripts reports whether the directive is for files whose names seem to be
// those of scripts.
func (d directive) isForScripts() bool {
	return slices.ContainsFunc(d.sections, func(s string) bool {
		return strings.HasPrefix(s, "files") && strings.Contains(s, "cgi")
	})
}
