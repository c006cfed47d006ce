package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/scripts/examples"
)

// TestExamples has the apps of scripts/examples as people copy them, each in a
// folder of an https site that has its name: what the app thinks its address
// is, who asks, and a form, which sets a cookie and redirects.
func TestExamples(t *testing.T) {
	t.Parallel()
	front := webserver.Run(t, webserver.ApacheEvent, webserver.Options{})
	t.Run("each", func(t *testing.T) { // front outlives them
		for _, name := range examples.Names() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				newExampleSite(t, front, name).checkExample(t)
			})
		}
	})
}

// TestManualExamples has MANUAL show the lines of .htcgiproxy that the examples
// have.
func TestManualExamples(t *testing.T) {
	t.Parallel()
	for _, name := range examples.Names() {
		title := map[string]string{"flask": "gunicorn on a port"}[name]
		settings, err := examples.Settings(name, "", "/home/me/app")
		if err != nil {
			t.Fatal(err)
		}
		want := regexp.MustCompile("(?m)^#.*\n").ReplaceAllString(settings, "")
		want = regexp.MustCompile("(?m)^").ReplaceAllString(strings.TrimSpace(want), "    ") + "\n"
		if got := manualBlock(t, "<!-- start: "+cmp.Or(title, name)+" -->"); got != want {
			t.Errorf("MANUAL.md has for %s\n%swant, as in scripts/examples,\n%s", name, got, want)
		}
	}
}

// newExampleSite puts an example on a server, in the folder of its name.
func newExampleSite(t *testing.T, front *webserver.Server, name string) appSite {
	t.Helper()
	a := appSite{site{front, "/" + name, front.ErrorLog}, appFolder(t, front)}
	putExample(t, name, a.folder, a.dir)
	settings, err := examples.Settings(name, a.folder, a.dir)
	if err != nil {
		t.Fatal(err)
	}
	front.Install(t, name+"/proxy.cgi", binary)
	front.WriteFile(t, name+"/.htcgiproxy", settings, 0o600)
	front.WriteFile(t, name+"/.htaccess", example(t)+"SetEnv HTTPS on\n", 0o644)
	a.stopAfter(t)
	return a
}

// putExample puts an example into dir, ready to run in a folder of the site.
func putExample(t *testing.T, name, folder, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	err := examples.Put(ctx, name, folder, dir)
	if errors.Is(err, examples.ErrMissing) {
		err = fmt.Errorf("%w: %w", webserver.ErrUnavailable, err)
	}
	webserver.Need(t, err)
}
