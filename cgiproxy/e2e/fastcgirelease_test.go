package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestFastCGIReleases has the folder of proxy.fcgi as a link to the newest of several
// releases, of which the last has the program of the one before (rsync --link-dest).
func TestFastCGIReleases(t *testing.T) {
	another := anotherProgram(t)
	for _, kind := range webserver.FastCGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, newRestartingApp(t, ok).settings())
			if _, err := get(s, "/"); err != nil { // the program runs
				t.Fatal(err)
			}
			folder := filepath.Join(s.Root, s.folder)
			rules, err := os.ReadFile(folder + "/.htaccess")
			if err := errors.Join(err, os.Rename(folder, folder+".0"), os.Symlink(folder+".0", folder)); err != nil {
				t.Fatal(err)
			}
			defer visitAllTheTime(t, s)()
			for _, release := range []struct{ name, program string }{{"1", another}, {"2", binary}, {"3", binary}} {
				app := newRestartingApp(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, release.name) })
				next := site{s.Server, s.folder + "." + release.name, s.log}
				s.WriteFile(t, next.folder[1:]+"/.htaccess", string(rules), 0o644)
				s.WriteFile(t, next.folder[1:]+"/.htcgiproxy", app.settings(), 0o600)
				s.Install(t, next.folder[1:]+"/proxy.fcgi", release.program)
				link := folder + ".link"
				if err := errors.Join(os.Symlink(folder+"."+release.name, link), os.Rename(link, folder)); err != nil {
					t.Fatal(err)
				}
				awaitProgram(t, next, release.program)
				awaitPage(t, s, release.name)
			}
		})
	}
}

// anotherProgram returns a program that does what binary does, and is larger.
func anotherProgram(t *testing.T) string {
	t.Helper()
	another := publicFolder(t) + "/another"
	program, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(another, append(program, "another one"...), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return another
}

// awaitPage asks for a page until it is this one.
func awaitPage(t *testing.T, s site, want string) {
	t.Helper()
	var got string
	var err error
	for deadline := time.Now().Add(patience); got != want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
		got, err = get(s, "/")
	}
}
