// Package docroot tells the folders that web servers show by their usual names.
package docroot

import (
	"path"
	"slices"
	"strings"
)

// usual are the names of document roots, of which an account has one. Those of the
// second line are of other folders, too: public_html/web is below one, and one is in
// www/example.com/public_html.
var usual = [...][]string{
	{"public_html", "htdocs", "httpdocs"},
	{"www", "html", "web", "docroot", "public"},
}

// Names returns the usual names, the surest first.
func Names() []string { return slices.Concat(usual[:]...) }

// Split parts a folder into the document root and what is below it. The first of the
// surest names is the root, for what is in it is served. It is not found where no part
// has a usual name.
func Split(folder string) (root, below string, found bool) {
	parts := strings.Split(folder, "/")
	from := 0
	if path.IsAbs(folder) {
		from = min(3, len(parts)) // /var/www, /home/www: accounts are in these
	}
	for _, names := range usual {
		for i, part := range parts[from:] {
			if slices.Contains(names, part) {
				at := from + i + 1
				return strings.Join(parts[:at], "/"), strings.Join(parts[at:], "/"), true
			}
		}
	}
	return "", "", false
}
