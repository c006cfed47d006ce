package cgiproxy

import (
	"os"
	"path/filepath"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
)

func TestLinkToAnotherSite(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"site", "shop", "bare", "same", "lost"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testkit.WriteFile(t, filepath.Join(root, "site"), "proxy.cgi", "")
	testkit.WriteFile(t, filepath.Join(root, "shop"), "copy.cgi", "")
	for _, name := range []string{"site", "shop"} {
		testkit.WriteFile(t, filepath.Join(root, name), settings.File, "UPSTREAM=1\n")
	}
	for link, target := range map[string]string{
		"home": "site", "shop/proxy.cgi": "../site/proxy.cgi", "bare/proxy.cgi": "../home/proxy.cgi",
		"lost/proxy.cgi": "../site/proxy.cgi", "lost/" + settings.File: "nowhere",
		"same/proxy.cgi": "../site/proxy.cgi", "same/" + settings.File: "../site/" + settings.File,
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	site := &Site{folder: filepath.Join(root, "site")}
	for _, tt := range []struct{ name, script, want string }{
		{"the program itself", "site/proxy.cgi", ""},
		{"by another name of its folder", "home/proxy.cgi", ""},
		{"a link beside settings", "shop/proxy.cgi", "shop/.htcgiproxy is not read"},
		{"a link where there are no settings", "bare/proxy.cgi", ""},
		{"a link beside a link to the settings", "same/proxy.cgi", ""},
		{"a link beside a link to nowhere", "lost/proxy.cgi", "lost/.htcgiproxy is not read"},
		{"another program", "shop/copy.cgi", ""},
		{"nothing", "gone/proxy.cgi", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testkit.WantError(t, site.checkLink(filepath.Join(root, tt.script)), tt.want)
		})
	}
	testkit.WantError(t, site.checkLink(""), "")
}
