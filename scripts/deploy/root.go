// Where the served folders are, and that the app is in none of them.

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"proxy.cgi/cgiproxy/command/docroot"
	"proxy.cgi/scripts/deploy/remote"
)

// guessSite returns what is probably the address of the folder: the host's name
// without ftp., and what is below the document root.
func guessSite(t *remote.Target) string {
	host, _, _ := strings.Cut(t.Host, ":")
	for _, prefix := range [...]string{"ftp.", "ftps.", "sftp."} {
		host = strings.TrimPrefix(host, prefix)
	}
	_, below := servedRoot(t.Folder, "")
	return path.Join(host, below)
}

// servedRoot parts a folder into the document root and what is below it. Without a
// usual name the root is the first folder of the login, or the last of an absolute
// path. What the path of the site's address ends with is below it in any case.
func servedRoot(folder, address string) (root, below string) {
	parts := strings.Split(folder, "/")
	at := 1
	if root, _, found := docroot.Split(folder); found {
		at = strings.Count(root, "/") + 1
	} else if path.IsAbs(folder) {
		at = len(parts)
	}
	at = min(at, len(parts)-sharedEnd(parts, strings.Split(strings.Trim(address, "/"), "/")))
	return path.Clean(strings.Join(parts[:at], "/")), strings.Join(parts[at:], "/")
}

// sharedEnd returns how many parts two paths have in common at their ends.
func sharedEnd(a, b []string) (n int) {
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// servedRoot is that of the site's folder.
func (o *options) servedRoot() (root, below string) {
	address := ""
	if u, err := url.Parse(o.url); err == nil {
		address = u.Path
	}
	return servedRoot(o.target.Folder, address)
}

// hiddenFolder is one for the app that the site's .htaccess keeps from visitors.
func (o *options) hiddenFolder() string { return path.Join(o.target.Folder, ".app") }

// besidePages demands of a folder that nobody has named, and that is new, that it is
// not beside pages: FTP logins may begin in a document root.
func (d *deploy) besidePages(folder string) error {
	list, err := d.host.List(path.Dir(folder))
	if err != nil {
		return err
	}
	if page := pageIn(list); page != "" {
		return fmt.Errorf("beside %s, where the app would be, there is %s, so that visitors could download the app, too: name a folder that begins with a dot in that of the site, as in --app-to %s; if nobody is shown what is there, --app-to %s",
			folder, path.Join(path.Dir(folder), page), d.hiddenFolder(), folder)
	}
	return nil
}

// addressOf returns where visitors would find a file, whose place is that seen from the
// served folder, if the folders between are served; "" where that cannot be told.
func (o *options) addressOf(place string) string {
	u, err := url.Parse(o.url)
	if err != nil {
		return ""
	}
	u.Path, u.RawPath = path.Join("/", u.Path, place), ""
	return u.String()
}

// whereServed returns an address at which visitors can download what is in the app's
// folder, "" for none. It asks for the file that has just restarted the app: nothing
// else has its text, and it is no secret. Where that is elsewhere, or cannot be told to be
// there, another one is put there for that.
func (d *deploy) whereServed(ctx context.Context) string {
	if d.appWork == nil {
		return ""
	}
	file, err := relative(d.app.folder, d.places.restart)
	if err != nil || !filepath.IsLocal(file) {
		temp, err := d.app.putRestart(d.app.path("restart.txt"))
		if err != nil {
			return ""
		}
		defer d.host.Remove(temp)
		file = path.Base(temp)
	}
	address := d.addressOf(path.Join(d.app.at, file))
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return ""
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (proxycgi-deploy)") // some hosts show programs less than visitors
	resp, err := http.DefaultClient.Do(req)                       // to www., or to https
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(io.LimitReader(resp.Body, 100)); !bytes.Equal(text, d.app.restarted) {
		return ""
	}
	return address
}
