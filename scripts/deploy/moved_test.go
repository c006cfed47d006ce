package main

import (
	"errors"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"proxy.cgi/scripts/deploy/remote"
)

// TestMovedSite has an owner who moves or renames the app's folder, or the served one:
// the app stays that of this site, with what it has written since.
func TestMovedSite(t *testing.T) {
	const another = "/app, which was that of the site in "
	for _, c := range []struct {
		name, folder string
		move         func(home string) error
		want         string
	}{
		{"the app, with a link left behind", "public_html", func(home string) error {
			return errors.Join(os.Mkdir(home+"/disk2", 0o755), os.Rename(home+"/app", home+"/disk2/app"), os.Symlink("disk2/app", home+"/app"))
		}, ""},
		{"the site", "www", func(home string) error { return os.Rename(home+"/public_html", home+"/www") }, another},
		{"the site, with a link left behind", "www", func(home string) error {
			return errors.Join(os.Rename(home+"/public_html", home+"/www"), os.Symlink("www", home+"/public_html"))
		}, another},
		{"the site was taken out", "www", func(home string) error { return os.Remove(home + "/public_html/proxy.cgi") }, another},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, home := thisHost(t)
			dir := t.TempDir()
			writeFiles(t, home, map[string]string{"public_html/proxy.cgi": "x"})
			writeFiles(t, dir, map[string]string{"app.py": "one", "shop.db": "seed"})
			deployApp(t, host, path.Join(home, "app"), dir)
			writeFiles(t, home, map[string]string{"app/shop.db": "orders"})
			writeFiles(t, dir, map[string]string{"app.py": "two"})
			if err := c.move(home); err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				var out strings.Builder
				d := &deploy{options: &options{target: &remote.Target{Folder: path.Join(home, c.folder)}, app: dir, appTo: path.Join(home, "app")}, host: host, out: &out}
				d.signed.Store(time.Now().UnixNano()) // it has the turn
				if _, err := d.planApp(); err != nil {
					t.Fatal(err)
				}
				if got := strings.Contains(out.String(), another); got != (c.want != "" && i == 0) {
					t.Errorf("deploy %d says %q, want %q", i+1, &out, c.want)
				}
				if d.appWork != nil {
					d.app.putChanges(t, dir, d.appWork)
					if _, err := d.app.settle(); err != nil {
						t.Fatal(err)
					}
				}
			}
			wantFiles(t, home, map[string]string{"app/app.py": "two", "app/shop.db": "orders"})
		})
	}
}
