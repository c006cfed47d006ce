package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		settings, err := examples.Settings(name, "/home/me/app")
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
	extra := "CGIPROXY_STRIP_PREFIX=auto\n"
	if name == "next" { // its folder is built in
		extra = ""
	}
	putExample(t, name, a.dir)
	settings, err := examples.Settings(name, a.dir)
	if err != nil {
		t.Fatal(err)
	}
	front.Install(t, name+"/proxy.cgi", binary)
	front.WriteFile(t, name+"/.htcgiproxy", settings+extra, 0o600)
	front.WriteFile(t, name+"/.htaccess", example(t)+"SetEnv HTTPS on\n", 0o644)
	a.stopAfter(t)
	return a
}

// putExample puts an example into dir, ready to run. What npm and Next have made
// is kept: it takes half a minute.
func putExample(t *testing.T, name, dir string) {
	t.Helper()
	copyExample(t, name, dir)
	if name != "express" && name != "next" {
		prepareExample(t, name, dir)
		return
	}
	ready := cached(t, name, os.DirFS(dir), func(temp string) {
		copyExample(t, name, temp)
		prepareExample(t, name, temp)
	})
	// The modules of Next are 300 MB: links, where the file system has them.
	if exec.Command("cp", "-rlf", ready+"/.", dir).Run() == nil {
		return
	}
	if out, err := exec.Command("cp", "-rf", ready+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

// copyExample copies an example, with what its comments tell to edit.
func copyExample(t *testing.T, name, dir string) {
	t.Helper()
	if err := examples.Copy(name, dir); err != nil {
		t.Fatal(err)
	}
	if name != "next" {
		return
	}
	config := filepath.Join(dir, "next.config.mjs")
	text, err := os.ReadFile(config)
	if err == nil {
		err = os.WriteFile(config, []byte(strings.Replace(string(text), `basePath: ""`, `basePath: "/next"`, 1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func prepareExample(t *testing.T, name, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	err := examples.Prepare(ctx, name, dir)
	if errors.Is(err, examples.ErrMissing) {
		err = fmt.Errorf("%w: %w", webserver.ErrUnavailable, err)
	}
	webserver.Need(t, err)
}
