package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"proxy.cgi/cgiproxy/htaccess"
)

// maxEntries bounds how many names are looked at: an app's node_modules may have
// very many.
const maxEntries = 20_000

// checkServed looks for files that visitors can get and should not: Apache
// serves each existing file.
func checkServed(s *site) (all []Finding) {
	if s.own().isMissing() {
		return nil // see htaccess
	}
	dots := s.own().says("rewritecond", `/\.(?!well-known`)
	var private, sources []string
	logs := slices.ContainsFunc(s.own().rewriteRules(), func(r rule) bool { return r.pattern == refusedFiles && r.has("f") })
	for _, name := range s.servedFiles(dots) {
		switch {
		case logs && strings.ToLower(filepath.Base(name)) == "app.log":
		case isPrivate(name):
			private = append(private, name)
		case isSource(name):
			sources = append(sources, name)
		}
	}
	away := cause{"", "move it out of the served folder, or serve public/ alone: htaccess.example has a variant for that (install --public-only)"}
	if private != nil {
		all = append(all, away.fault("visitors can download %s", firstFew(private))...)
	}
	if sources != nil {
		all = append(all, away.warning("visitors can read the app's own files: %s", firstFew(sources))...)
	}
	all = append(all, shownAsText(s.own())...)
	if s.isPublicOnly() {
		if requires(readHtaccess(s.path("public/.htaccess"))) {
			all = append(all, cause{"", "write what asks for it into the .htaccess beside proxy.cgi"}.warning("the password, or what else public/.htaccess requires, is not asked for /proxy.cgi, which is the app's first page")...)
		}
		for _, name := range foldersWithRules(s.real) {
			all = append(all, cause{"", "move the folder out of the served one, or take its rewrite lines out"}.warning("visitors may get each file of %s: the rewrite lines in its .htaccess count there in place of those that show public/ alone", name)...)
		}
	}
	if all == nil {
		return fine("no file in the folder looks as if visitors should not get it")
	}
	return all
}

// shownAsText looks for lines by which Apache takes scripts for files: those of a section
// that was taken out around them, say.
func shownAsText(h *rulesFile) (all []Finding) {
	outside := cause{"", "take it out, or put it into a section for the files that it is for"}
	for _, d := range h.directives {
		switch {
		case !d.isForAll() || len(all) == mostLines:
		case d.name == "sethandler" && strings.EqualFold(unquote(d.args), "default-handler"):
			all = append(all, outside.fault("%s: SetHandler %s is for all files here, and in the folders below: visitors see the text of scripts (PHP), and the passwords in it", d.place(), d.args)...)
		case d.name == "forcetype" && !strings.EqualFold(unquote(d.args), "none"):
			all = append(all, outside.warning("%s: ForceType %s is for all files here, and in the folders below: where the host knows scripts (PHP) by their type, visitors see the text of them, and the passwords in it", d.place(), d.args)...)
		}
	}
	return all
}

// servedFiles returns the files below the folder that are served, in their order.
// Those in or below a name with a dot are, unless the rules keep them closed.
func (s *site) servedFiles(dotsClosed bool) (names []string) {
	root := s.real
	if s.isPublicOnly() {
		root = filepath.Join(root, "public")
	}
	count := 0
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch count++; {
		case count > maxEntries:
			return fs.SkipAll
		case err != nil:
			return nil // what cannot be read: the rest may tell
		}
		name := d.Name()
		hidden := strings.HasPrefix(name, ".") && name != ".well-known" && path != root
		closed := hidden && (dotsClosed || strings.HasPrefix(strings.ToLower(name), ".ht"))
		switch {
		case closed && d.IsDir():
			return fs.SkipDir
		case d.IsDir() && path != root && !readHtaccess(filepath.Join(path, ".htaccess")).isMissing():
			return fs.SkipDir // a site of its own
		case !closed && !d.IsDir():
			if relative, err := filepath.Rel(s.real, path); err == nil {
				names = append(names, relative)
			}
		}
		return nil
	})
	return names
}

// isPublicOnly reports whether only public/ is for visitors.
func (s *site) isPublicOnly() bool {
	return slices.ContainsFunc(s.own().rewriteRules(), func(r rule) bool { return strings.HasPrefix(r.to, "public/") })
}

// requires reports whether something is asked for each file of a folder.
func requires(h *rulesFile) bool {
	return slices.ContainsFunc(h.directives, func(d directive) bool {
		asks := d.name == "require" && !strings.EqualFold(d.args, "all granted") || d.name == "deny" && strings.EqualFold(d.args, "from all")
		return asks && !d.in("files")
	})
}

// foldersWithRules returns the first of the folders below, but for public/, whose
// rewrite lines Apache takes in place of all those above. One with a proxy.cgi is a
// site of its own.
func foldersWithRules(folder string) (names []string) {
	count := 0
	filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch count++; {
		case count > maxEntries, len(names) == mostLines:
			return fs.SkipAll
		case err != nil:
			return nil
		}
		name, err := filepath.Rel(folder, path)
		if !d.IsDir() || name == "." {
			return err
		}
		switch {
		case name == "public" || hasScript(path):
			return fs.SkipDir
		case readHtaccess(filepath.Join(path, ".htaccess")).opensFolder():
			names = append(names, name)
			return fs.SkipDir
		}
		return nil
	})
	return names
}

// opensFolder reports whether the file has rewrite lines, and none that refuses all there
// is, or takes those above as well.
func (h *rulesFile) opensFolder() bool {
	refuses := h.lines("rewritecond") == nil && slices.ContainsFunc(h.rewriteRules(), func(r rule) bool {
		return r.has("f", "forbidden") && slices.Contains([]string{"^", ".*", "^.*$", "^(.*)$"}, r.pattern)
	})
	if refuses || requires(h) || h.says("rewriteoptions", "inherit") {
		return false
	}
	return slices.ContainsFunc(h.directives, func(d directive) bool { return strings.HasPrefix(d.name, "rewrite") })
}

func hasScript(folder string) bool {
	return slices.ContainsFunc(htaccess.Both.Names(), func(name string) bool {
		_, err := os.Stat(filepath.Join(folder, name))
		return err == nil
	})
}

// isPrivate reports whether a file by its name holds what nobody else should
// see: keys, passwords, data, what visitors did.
func isPrivate(name string) bool {
	name = strings.ToLower(name)
	base := filepath.Base(name)
	switch base {
	case "id_rsa", "id_ed25519", "id_ecdsa", "credentials.json", "secrets.json", "secrets.yml", "config.ini", "settings.ini", "nohup.out", "master.key":
		return true
	case "error_log": // refused by the rules, and by many hosts
		return false
	}
	for _, end := range []string{".gz", ".bz2", ".xz", ".zst", ".bak", ".old", "~"} {
		base = strings.TrimSuffix(base, end)
	}
	switch filepath.Ext(base) {
	case ".log", ".sqlite", ".sqlite3", ".db", ".db3", ".sql", ".dump", ".pem", ".key", ".p12", ".pfx", ".env", ".kdbx", ".htpasswd":
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") && part != ".well-known" { // .env, .git/config
			return true
		}
	}
	return strings.HasSuffix(name, ".tar") || strings.HasSuffix(name, ".tar.gz") && strings.Contains(name, "backup")
}

// isSource reports whether a file by its name is part of an app. JavaScript is
// not, for pages have it, too; nor PHP, which is run.
func isSource(name string) bool {
	base := strings.ToLower(filepath.Base(name))
	sources := []string{".py", ".pyc", ".rb", ".go", ".rs", ".java", ".ts", ".ex", ".pl", ".erb", ".jinja2", ".bak", ".old", ".orig", ".swp", ".toml", ".yml", ".yaml"}
	switch base {
	case "package.json", "package-lock.json", "composer.json", "composer.lock", "requirements.txt", "gemfile", "gemfile.lock", "go.mod", "go.sum", "dockerfile", "makefile", "procfile", "server.js", "app.js.map", "config.ru":
		return true
	}
	return slices.Contains(sources, filepath.Ext(base)) || strings.HasSuffix(base, "~")
}
