package docroot

import "testing"

func TestSplit(t *testing.T) {
	for folder, want := range map[string][2]string{
		"/home/me/public_html":              {"/home/me/public_html", ""},
		"/home/me/public_html/shop/web":     {"/home/me/public_html", "shop/web"},
		"/home/www/example.com/htdocs/shop": {"/home/www/example.com/htdocs", "shop"},
		"www/example.com/public_html":       {"www/example.com/public_html", ""},
		"/var/www/html/shop":                {"/var/www/html", "shop"},
		"/var/www/example.com":              {},
		"/home/me/app/public":               {"/home/me/app/public", ""},
		"web/shop":                          {"web", "shop"},
		"shop":                              {},
		"/":                                 {},
		"":                                  {},
	} {
		root, below, found := Split(folder)
		if root != want[0] || below != want[1] || found != (root != "") {
			t.Errorf("%q: %q, %q, %t, want %q", folder, root, below, found, want)
		}
	}
}
