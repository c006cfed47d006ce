package cgiproxy

import (
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A request that comes back is not sent again, through however many sites and
// machines it went. What cannot be marks reaches no app.
func TestLoopMark(t *testing.T) {
	folder := t.TempDir()
	load := func(folder string, settings ...string) *Site {
		testkit.WriteFile(t, folder, ".htcgiproxy", strings.Join(settings, "\n"))
		site := LoadSite(nil, folder)
		if site.err != nil {
			t.Fatal(site.err)
		}
		return site
	}
	site := load(folder, "UPSTREAM=6543")
	mark := site.mark
	if mark == "" {
		t.Fatal("the site has no mark")
	}
	another := load(t.TempDir(), "UPSTREAM=6543")
	marks := func(n int) string { return strings.Repeat(mark+", ", n-1) + mark }
	tests := []struct {
		name string
		site *Site
		with string // in X-Proxy-Loop
		want string // to the app, "" for a loop
	}{
		{"the same site", site, mark, ""},
		{"the same site, by way of others", site, "other, " + mark + ", another", ""},
		{"the same site, in its other way to run", load(folder, "UPSTREAM=6543", "MAX_BODY=1"), mark, ""},
		{"forged", site, "other", mark},
		{"the same folder with another app", load(folder, "UPSTREAM=6544"), mark, mark + ", " + load(folder, "UPSTREAM=6544").mark},
		{"another site, on another machine", another, mark, mark + ", " + another.mark},
		{"another site, after others", another, marks(3), marks(3) + ", " + another.mark},
		{"no marks", another, "evil", another.mark},
		{"no marks among some", another, mark + ", evil", another.mark},
		{"a mark that is too long", another, mark + mark, another.mark},
		{"as many as there may be", another, marks(maxMarks - 1), marks(maxMarks-1) + ", " + another.mark},
		{"too many", another, marks(maxMarks), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("HTTP_X_PROXY_LOOP=" + tt.with)
			loop := tt.site.checkLoop(env)
			if (loop != nil) != (tt.want == "") {
				t.Fatalf("got error %v, want one: %t", loop, tt.want == "")
			}
			if loop != nil {
				return
			}
			req, _, err := newRequest(env, tt.site.cfg, tt.site.mark)
			if err != nil {
				t.Fatal(err)
			}
			got := req.Header.Get("X-Proxy-Loop")
			if got != tt.want {
				t.Errorf("the app gets %q, want %q", got, tt.want)
			}
		})
	}

	testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=6543")
	response, logged, err := handle(t, t.Context(), folder, visit("HTTP_X_PROXY_LOOP="+mark), nil)
	if err != nil || response.Status != "Status: 500 Internal Server Error" {
		t.Errorf("got %q, error %v, want 500", response.Status, err)
	}
	testkit.WantText(t, logged, `500 CGIPROXY_UPSTREAM is "6543": leads back to this site itself`, "write for example CGIPROXY_UPSTREAM=6543 into "+folder)
}
