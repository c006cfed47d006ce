package cgiproxy

import (
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// A request that comes back is not sent again, through however many sites and
// machines it went, another one is. What cannot be marks reaches no app.
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
	of := func(site *Site) string { return requestMark(site.mark, "GET", "/page") }
	mark := of(site)
	if site.mark == "" {
		t.Fatal("the site has no mark")
	}
	another := load(t.TempDir(), "UPSTREAM=6543")
	otherApp := load(folder, "UPSTREAM=6544")
	base := load(t.TempDir(), "UPSTREAM=http://localhost:6543/base")
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
		{"the same site, with its base path by now", base, requestMark(base.mark, "GET", "/page"), ""},
		{"the same site, which will add its base path", base, requestMark(base.mark, "GET", "/base/page"), ""},
		{"another page of the same site, asked for by the app", site, requestMark(site.mark, "GET", "/"), requestMark(site.mark, "GET", "/") + ", " + mark},
		{"the same page by another method", site, requestMark(site.mark, "POST", "/page"), requestMark(site.mark, "POST", "/page") + ", " + mark},
		{"the same folder with another app", otherApp, mark, mark + ", " + of(otherApp)},
		{"another site, on another machine", another, mark, mark + ", " + of(another)},
		{"another site, after others", another, marks(3), marks(3) + ", " + of(another)},
		{"no marks", another, "evil", of(another)},
		{"no marks among some", another, mark + ", evil", of(another)},
		{"a mark that is too long", another, mark + mark, of(another)},
		{"as many as there may be", another, marks(maxMarks - 1), marks(maxMarks-1) + ", " + of(another)},
		{"too many", another, marks(maxMarks), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("REQUEST_URI=/page", "HTTP_X_PROXY_LOOP="+tt.with)
			req, _, err := newRequest(env, tt.site.cfg, tt.site.mark)
			if err != nil {
				t.Fatal(err)
			}
			loop := tt.site.checkLoop(env, req)
			if (loop != nil) != (tt.want == "") {
				t.Fatalf("got error %v, want one: %t", loop, tt.want == "")
			}
			if loop != nil {
				return
			}
			got := req.Header.Get("X-Proxy-Loop")
			if got != tt.want {
				t.Errorf("the app gets %q, want %q", got, tt.want)
			}
		})
	}

	testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=6543")
	response, logged, err := handle(t, t.Context(), folder, visit("REQUEST_URI=/page", "HTTP_X_PROXY_LOOP="+mark), nil)
	if err != nil || response.Status != "Status: 500 Internal Server Error" {
		t.Errorf("got %q, error %v, want 500", response.Status, err)
	}
	testkit.WantText(t, logged, `500 CGIPROXY_UPSTREAM is "6543": leads back to this site itself`, "write for example CGIPROXY_UPSTREAM=6543 into "+folder)
}
