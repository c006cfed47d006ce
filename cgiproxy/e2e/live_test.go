package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/e2e/webserver"
)

// liveSettings name an app that does not run: it is not asked.
const liveSettings = "CGIPROXY_UPSTREAM=1\nCGIPROXY_SECRET=hunter2\n"

// findings are what a check of a site says by rows, where that is not ok:
// "fault: " and a part of the text. A row that is ok may have one, too.
type findings map[string]string

// wantFindings checks a site and compares.
func wantFindings(t *testing.T, o live.Options, want findings) {
	t.Helper()
	want = maps.Clone(want)
	got := live.Run(t.Context(), o)
	for _, f := range got {
		outcome, text := check.OK.String(), ""
		if w, ok := want[f.Check]; ok {
			outcome, text, _ = strings.Cut(w, ": ")
			delete(want, f.Check)
		}
		if f.Level.String() != outcome || !strings.Contains(f.Text, text) {
			t.Errorf("%s: got %s: %s\nwant %s: %s", f.Check, f.Level, f.Text, outcome, text)
		}
		if (f.Remedy == "") != (f.Level == check.OK) {
			t.Errorf("%s is %s, with the remedy %q", f.Check, f.Level, f.Remedy)
		}
	}
	for name := range want {
		t.Errorf("no row %s; got %+v", name, got)
	}
}

// TestLiveCheck has each server as it is commonly set up.
func TestLiveCheck(t *testing.T) {
	const held = "warning: held back"
	fastcgi := findings{"way": "ok: FastCGI"}
	known := map[webserver.Kind]findings{
		webserver.LighttpdFastCGI:  fastcgi,
		webserver.NginxFastCGI:     fastcgi,
		webserver.NginxFastCGIKeep: fastcgi,
		webserver.ApacheFcgid:      {"way": "ok: FastCGI", "upload": "fault: 500", "streaming": held, "event stream": held, "cut response": "ok: becomes 500"},
		goCGI:                      {"chunked upload": "warning: refused: 400", "streaming": held, "event stream": held},
	}
	for _, kind := range slices.Concat(webserver.CGI, webserver.FastCGI, []webserver.Kind{goCGI, demo}) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, liveSettings)
			want := maps.Clone(known[kind])
			if want == nil {
				want = findings{"way": "ok: CGI"}
			}
			want["reach"] = "ok: proxy.cgi answers, behind "
			wantFindings(t, live.Options{URL: s.URL + s.folder, Dir: s.Root + s.folder}, want)
		})
	}
}

// TestLiveCheckKeyFile has sites without a SECRET: programs of the demo run as
// the key file's owner, those of the others do not.
func TestLiveCheckKeyFile(t *testing.T) {
	for _, kind := range []webserver.Kind{demo, webserver.ApacheSuexec, webserver.ApacheEvent, webserver.NginxFastCGI} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, "CGIPROXY_UPSTREAM=1\n")
			folder := s.Root + s.folder
			if err := os.Chown(folder, os.Getuid(), os.Getgid()); err != nil && kind != webserver.ApacheSuexec {
				t.Fatal(err)
			}
			if kind == webserver.ApacheSuexec { // which wants the folder to be the program's owner's
				if err := os.Chown(folder, s.UID, s.GID); err != nil {
					t.Fatal(err)
				}
			}
			want := findings{}
			if kind == webserver.NginxFastCGI {
				want["way"] = "ok: FastCGI"
			}
			wantFindings(t, live.Options{URL: s.URL + s.folder, Dir: folder}, want)
			if left, _ := filepath.Glob(folder + "/" + challenge.KeyFile); left != nil {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}
