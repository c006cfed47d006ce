package e2e

import (
	"slices"
	"testing"

	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/e2e/webserver"
)

func TestLiveCheck(t *testing.T) {
	for _, kind := range slices.Concat(webserver.CGI, webserver.FastCGI, []webserver.Kind{goCGI, demo}) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, "CGIPROXY_UPSTREAM=1\nCGIPROXY_SECRET=hunter2\n")
			for _, f := range live.Run(t.Context(), live.Options{URL: s.URL + s.folder, Dir: s.Root + s.folder}) {
				t.Logf("%s %s: %s (%s)", f.Outcome, f.Name, f.Text, f.Remedy)
			}
		})
	}
}
