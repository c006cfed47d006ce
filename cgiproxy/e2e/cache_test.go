package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestHostCache has hosts that keep all that a cache may keep. mod_cache knows a
// response by the URL of the last internal redirect, which is the script's, and looks
// there first: without no-cache, all URLs of a site have the page of the first.
func TestHostCache(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		io.WriteString(w, r.RequestURI)
	}))
	t.Cleanup(app.Close)
	const modules = "LoadModule cache_module /usr/lib/apache2/modules/mod_cache.so\n" +
		"LoadModule cache_disk_module /usr/lib/apache2/modules/mod_cache_disk.so\n"
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, webserver.ApachePrefork, webserver.ApacheFcgid} {
		for _, quick := range []string{"on", "off"} {
			t.Run(fmt.Sprintf("%s/CacheQuickHandler %s", kind, quick), func(t *testing.T) {
				t.Parallel()
				s := webserver.Run(t, kind, webserver.Options{
					Config: modules + "CacheRoot {root}/..\nCacheEnable disk /\nCacheQuickHandler " + quick,
				})
				fillSite(t, s, "sub/", exampleFor(t, kind), strings.TrimPrefix(app.URL, "http://"), scriptName(kind))
				for _, target := range []string{"/sub/a", "/sub/b", "/sub/", "/sub/a?x=1", "/sub/b?x=1", "/sub/a%20b", "/sub/a"} {
					got := visit(t, s.Addr, "GET "+target+" HTTP/1.1\r\nHost: "+s.Addr+"\r\nConnection: close\r\n\r\n")
					if got.StatusCode != 200 || got.body != target {
						t.Errorf("GET %s is %s with the page of %.300s", target, got.Status, got.body)
					}
				}
				if got := visit(t, s.Addr, "GET /sub/proxy.cgi/c HTTP/1.1\r\nHost: "+s.Addr+"\r\nConnection: close\r\n\r\n"); got.body != "/sub/c" {
					t.Errorf("a URL that names the script has the page of %.300s, want /sub/c", got.body)
				}
			})
		}
	}
}
