package e2e

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestOnDemandFails has commands that bring no app up. The owner learns why,
// and visitors do not.
func TestOnDemandFails(t *testing.T) {
	for _, kind := range onDemandKinds {
		for _, c := range []struct{ name, settings, log string }{
			{"exits with 3", "CGIPROXY_START='echo start >> starts; echo no such module; exit 3'\n", "ended with status 3 "},
			{"never listens", "CGIPROXY_START='echo start >> starts; echo no such module; sleep 300 & exec sleep 300'\nCGIPROXY_START_TIMEOUT=2s\n", " 2s"},
		} {
			t.Run(fmt.Sprintf("%s/%s", kind, c.name), func(t *testing.T) {
				t.Parallel()
				a := newAppSite(t, kind, "CGIPROXY_UPSTREAM=auto\n"+c.settings)
				resp, page, err := a.send("GET", "/", "")
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || strings.Contains(page, "module") {
					t.Errorf("got %s, Retry-After %q: %s", resp.Status, resp.Header.Get("Retry-After"), page)
				}
				awaitLog(t, a.site, "no such module")
				awaitLog(t, a.site, c.log)
				if _, code := a.command(t, "status"); code != 1 {
					t.Errorf("app status: exit status %d, want 1", code)
				}
				checkNothingRuns(t, a.dir)
				if n := a.starts(t); n != 1 {
					t.Errorf("%d starts, want 1", n)
				}
			})
		}
	}
}

// TestOnDemandSlow has an app that takes its time. A browser that asks for a
// page gets one that says so; all others wait.
func TestOnDemandSlow(t *testing.T) {
	for _, kind := range onDemandKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			a := newAppSite(t, kind, "CGIPROXY_UPSTREAM=auto\nCGIPROXY_START='sleep 4; exec python3 app.py'\n")
			var waiting sync.WaitGroup
			for name, send := range map[string][]string{
				"json":  {"GET", "", "Accept", "application/json"},
				"form":  {"POST", "a=b&c=d", "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded"},
				"image": {"GET", "", "Accept", "text/html,image/png", "Sec-Fetch-Dest", "image"},
			} {
				waiting.Go(func() {
					resp, page, err := a.send(send[0], "/", send[1], send[2:]...)
					if err != nil || resp.StatusCode != 200 || send[0] == "POST" && page != send[1] {
						t.Errorf("%s: %+v %q %v, want an answer of the app", name, resp, page, err)
					}
				})
			}
			resp, page, err := a.send("GET", "/", "", "Accept", "text/html")
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Cache-Control") != "no-store" || !strings.Contains(page, "being started") {
				t.Errorf("the page while it starts: %s %v\n%s", resp.Status, resp.Header, page)
			}
			waiting.Wait()
			resp, page, err = a.send("GET", "/", "", "Accept", "text/html")
			if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(page, "process ") {
				t.Errorf("the page later: %+v %q %v", resp, page, err)
			}
		})
	}
}

// TestOnDemandCorrected has a command that hangs, and then settings with another: the
// requests that wait get the app of that, an upload too.
func TestOnDemandCorrected(t *testing.T) {
	for _, kind := range onDemandKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			const hangs = "CGIPROXY_UPSTREAM=auto\nCGIPROXY_START_TIMEOUT=10m\nCGIPROXY_START='echo start >> starts; exec sleep 600'\n"
			a := newAppSite(t, kind, hangs)
			var waiting sync.WaitGroup
			for method, body := range map[string]string{"GET": "", "POST": "a=b&c=d"} {
				waiting.Go(func() {
					resp, page, err := a.send(method, "/", body, "Accept", "application/json")
					if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(page, cmp.Or(body, "process ")) {
						t.Errorf("%s: %+v %q %v, want a response of the app", method, resp, page, err)
					}
				})
			}
			for deadline := time.Now().Add(patience); a.starts(t) == 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("nothing is started in %v", patience)
				}
			}
			a.WriteFile(t, a.folder[1:]+"/.htcgiproxy", startOnDemand+"CGIPROXY_START_DIR="+a.dir+"\n", 0o600)
			waiting.Wait()
			if n := a.starts(t); n != 2 {
				t.Errorf("%d starts, want 2", n)
			}
		})
	}
}

// TestOnDemandReplacedSlowly has a new version that takes longer than a browser
// waits, and then one that never comes up: the old one serves browsers, and each
// page is whole.
func TestOnDemandReplacedSlowly(t *testing.T) {
	for _, kind := range onDemandKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			a := newAppSite(t, kind, "CGIPROXY_UPSTREAM=auto\nCGIPROXY_START='test ! -e slow || sleep 3; test ! -e broken || exit 3; exec python3 app.py'\n")
			page := a.mustGet(t)
			a.put(t, "slow", "")
			a.put(t, "tmp/restart.txt", "")
			resp, image, err := a.send("GET", "/", "", "Accept", "image/png", "Sec-Fetch-Dest", "image")
			if err != nil || resp.StatusCode != 200 || image != page {
				t.Errorf("a part of a page: %+v %q %v, want %q", resp, image, err, page)
			}
			page = a.browse(t, page, func(now string) bool { return now != page })
			a.put(t, "broken", "")
			a.put(t, "tmp/restart.txt", "again")
			a.browse(t, page, func(now string) bool {
				status, _ := a.command(t, "status")
				return strings.Contains(status, "the last one failed")
			})
			if now := a.mustGet(t); now != page {
				t.Errorf("after a version that does not start: %q, want %q", now, page)
			}
		})
	}
}

// browse asks for pages as a browser does until all is done, and returns the last.
func (a appSite) browse(t *testing.T, page string, done func(page string) bool) string {
	t.Helper()
	for deadline := time.Now().Add(3 * patience); !done(page); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it is not done in %v; the last page is %q", 3*patience, page)
		}
		resp, now, err := a.send("GET", "/", "", "Accept", "text/html")
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("a browser's page: %+v %q %v", resp, now, err)
		}
		page = now
	}
	return page
}

// TestOnDemandStranger has root listen where the app should.
func TestOnDemandStranger(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another user than the site's")
	}
	for _, kind := range onDemandKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			upstream, got := squat(t, "tcp")
			needPrograms(t, "python3")
			s := newSite(t, kind, "")
			a := appSite{s, appFolder(t, s.Server)}
			a.WriteFile(t, a.folder[1:]+"/.htcgiproxy", strings.Replace(startOnDemand, "=auto", "="+upstream, 1)+"CGIPROXY_START_DIR="+a.dir+"\n", 0o600)
			resp, page, err := a.send("GET", "/", "")
			if err != nil || resp.StatusCode != 502 {
				t.Fatalf("%+v %q %v, want 502", resp, page, err)
			}
			if sent := <-got; sent != "" || a.starts(t) != 0 {
				t.Errorf("the stranger got %q, and there were %d starts", sent, a.starts(t))
			}
			awaitLog(t, a.site, "belongs to user 0")
			checkNothingRuns(t, a.dir)
		})
	}
}
