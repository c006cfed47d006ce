package main

import (
	"errors"
	"io"
	"path"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/command/install"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/scripts/deploy/remote"
)

// TestFormerSettings takes back what deploys have changed of START: with the app, and alone
// after that. What somebody else has made of it since stays, and is said.
func TestFormerSettings(t *testing.T) {
	const said = "note: CGIPROXY_START stays as it is, for it has been changed since deploy 2, before which it was: one\n"
	type version struct{ app, start string }
	for _, c := range []struct {
		name       string
		then       []version // after the first deploy, which has START=one
		byHand     string
		want, said string
	}{
		{"with the app", []version{{"two", "two"}}, "", "one", ""},
		{"with the app, and alone", []version{{"two", "two"}, {"two", "three"}}, "", "one", ""},
		{"twice alone", []version{{"two", "one"}, {"two", "two"}, {"two", "three"}}, "", "one", ""},
		{"alone, and back", []version{{"two", "one"}, {"two", "two"}, {"two", "one"}}, "", "one", ""},
		{"by hand", []version{{"two", "two"}}, "mine", "mine", said},
		{"by hand, to what it was", []version{{"two", "two"}}, "one", "one", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, home := thisHost(t)
			dir := t.TempDir()
			set := func(start string) {
				writeFiles(t, home, map[string]string{"public_html/.htcgiproxy": "CGIPROXY_START_DIR=../app\nCGIPROXY_START=" + start + "\n"})
			}
			open := func(out io.Writer) *deploy {
				d := &deploy{options: &options{target: &remote.Target{Folder: path.Join(home, "public_html")}, app: dir}, host: host, out: out}
				d.signed.Store(time.Now().UnixNano()) // it has the turn
				var err error
				if d.served, err = openServed(host, d.target.Folder); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(d.readSettings(), d.served.makeTemp()); err != nil {
					t.Fatal(err)
				}
				return d
			}
			set("one")
			for _, v := range append([]version{{"one", "one"}}, c.then...) {
				writeFiles(t, dir, map[string]string{"app.py": v.app})
				d := open(io.Discard)
				d.settings = []install.Assignment{{Name: "START", Value: v.start}}
				if _, err := d.planApp(); err != nil {
					t.Fatal(err)
				}
				d.app.putChanges(t, dir, d.appWork)
				set(v.start)
				if err := d.settle(); err != nil {
					t.Fatal(err)
				}
			}
			if c.byHand != "" {
				set(c.byHand)
			}
			var out strings.Builder
			d := open(&out)
			d.dryRun = true
			if err := d.rollBack(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := settings.ValueIn(d.lines, "START"); got != c.want {
				t.Errorf("START is %q, want %q", got, c.want)
			}
			if got := out.String(); strings.Contains(got, "note: ") != (c.said != "") || !strings.Contains(got, c.said) {
				t.Errorf("said is %q, want %q", got, c.said)
			}
		})
	}
}
