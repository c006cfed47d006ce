package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestOnDemand has an app through what happens to it: the first requests come at
// once, it is restarted under load, killed, and stopped by hand.
func TestOnDemand(t *testing.T) {
	for _, kind := range onDemandKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			a := newAppSite(t, kind, startOnDemand+"CGIPROXY_SECRET='s3cret'\nCGIPROXY_START_ENV=GREETING\nGREETING='hello you'\n")
			if out, code := a.command(t, "status"); code != 1 || !strings.Contains(out, "never started") {
				t.Errorf("before the first request: exit status %d\n%s", code, out)
			}
			a.checkFirst(t)
			pid, _ := a.status(t)
			a.checkEnvironment(t, pid)
			a.checkDescriptors(t, pid)
			a.checkRestart(t, pid)

			pid, _ = a.status(t)
			before := a.starts(t)
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			for alive(pid) { // it may accept a connection on its way out
				time.Sleep(time.Millisecond)
			}
			if page := a.mustGet(t); page == fmt.Sprint("process ", pid) || a.starts(t) != before+1 {
				t.Errorf("after SIGKILL: %q, %d starts, want another process and %d", page, a.starts(t), before+1)
			}

			if out, code := a.command(t, "stop"); code != 0 {
				t.Errorf("app stop: exit status %d\n%s", code, out)
			}
			if out, code := a.command(t, "status"); code != 1 || !strings.Contains(out, "stopped") {
				t.Errorf("after app stop: exit status %d\n%s", code, out)
			}
			a.mustGet(t)
			a.status(t)
		})
	}
}

// checkFirst sends many requests at once where nothing runs.
func (a appSite) checkFirst(t *testing.T) {
	t.Helper()
	pages := make(chan string)
	for range 30 {
		go func() {
			page, err := a.get("/")
			if err != nil {
				page = err.Error()
			}
			pages <- page
		}()
	}
	first := <-pages
	for range 29 {
		if page := <-pages; page != first || !strings.HasPrefix(page, "process ") {
			t.Errorf("got %q, and %q", first, page)
		}
	}
	if n := a.starts(t); n != 1 {
		t.Errorf("%d starts, want 1", n)
	}
}

// checkEnvironment demands that the app has nothing of the request, nothing of
// ours, and what START_ENV names.
func (a appSite) checkEnvironment(t *testing.T, pid int) {
	t.Helper()
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		t.Fatal(err)
	}
	entries := strings.Split(strings.TrimSuffix(string(environ), "\x00"), "\x00")
	for _, entry := range entries {
		name, _, _ := strings.Cut(entry, "=")
		if !slices.Contains([]string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "PORT", "CGIPROXY_RUN", "GREETING", "PWD", "OLDPWD", "_"}, name) {
			t.Errorf("the app's environment has %s", entry)
		}
	}
	if !slices.Contains(entries, "GREETING=hello you") || strings.Contains(string(environ), "s3cret") {
		t.Errorf("the app's environment: %q", entries)
	}
}

// checkDescriptors demands that the app has no file, pipe or socket of the web
// server.
func (a appSite) checkDescriptors(t *testing.T, pid int) {
	t.Helper()
	servers := make(map[string]bool)
	for _, p := range a.Processes() {
		for _, link := range descriptors(p) {
			servers[link] = true
		}
	}
	own := descriptors(pid)
	log := filepath.Join(a.dir, "app.log")
	for fd, want := range []string{"/dev/null", log, log} {
		if own[fmt.Sprint(fd)] != want {
			t.Errorf("descriptor %d of the app is %s, want %s", fd, own[fmt.Sprint(fd)], want)
		}
		delete(own, fmt.Sprint(fd))
	}
	for fd, link := range own {
		if !strings.HasPrefix(link, "anon_inode:") && (!strings.HasPrefix(link, "socket:") || servers[link]) {
			t.Errorf("descriptor %s of the app is %s", fd, link)
		}
	}
}

func descriptors(pid int) map[string]string {
	found := make(map[string]string)
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			found[filepath.Base(link)] = target
		}
	}
	return found
}

// checkRestart touches the restart file under load.
func (a appSite) checkRestart(t *testing.T, pid int) {
	t.Helper()
	var clients sync.WaitGroup
	var done atomic.Bool
	restarted := make(chan string, 1)
	for range 8 {
		clients.Go(func() {
			for !done.Load() {
				page, err := a.get("/")
				if err != nil {
					t.Errorf("during the restart: %v", err)
				} else if page != fmt.Sprint("process ", pid) {
					select {
					case restarted <- page:
					default:
					}
				}
			}
		})
	}
	a.put(t, "tmp/restart.txt", "")
	select {
	case <-restarted:
	case <-time.After(2 * patience):
		t.Error("the app is not restarted")
	}
	for range 3 { // until the old one is gone
		if _, err := a.get("/"); err != nil {
			t.Errorf("after the restart: %v", err)
		}
	}
	done.Store(true)
	clients.Wait()
	if again, _ := a.status(t); again == pid || a.starts(t) != 2 {
		t.Errorf("process %d, then %d after %d starts, want another one after 2", pid, again, a.starts(t))
	}
}

// TestOnDemandOldConnection has a connection to the old app in the pool, while a
// slow request keeps that app for up to ten seconds: it gets no other any more.
func TestOnDemandOldConnection(t *testing.T) {
	t.Parallel()
	a := newAppSite(t, webserver.ApacheFcgid, startOnDemand)
	a.put(t, "app.py", strings.NewReplacer(
		"    def respond", "    protocol_version = 'HTTP/1.1'\n    def respond",
		"while True:", "print('slow', flush=True)\n            while True:",
	).Replace(onDemandApp))
	old := a.mustGet(t)
	pid, _ := a.status(t)
	go a.get("/events")
	for deadline := time.Now().Add(patience); !strings.Contains(a.read(t, "app.log"), "slow"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the slow request does not reach the app")
		}
	}
	if page := a.mustGet(t); page != old {
		t.Fatalf("%q, then %q before the restart", old, page)
	}
	a.put(t, "tmp/restart.txt", "")
	for range 4 {
		if page := a.mustGet(t); page == old {
			t.Errorf("after the restart the old app answers: %s", page)
		}
	}
	if !alive(pid) {
		t.Error("the old app ended before the slow request: nothing was shown")
	}
}

// TestOnDemandFileServer starts an app nobody wrote for this.
func TestOnDemandFileServer(t *testing.T) {
	for _, kind := range onDemandKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			a := newAppSite(t, kind, "CGIPROXY_UPSTREAM=auto\nCGIPROXY_START='exec python3 -m http.server $PORT --bind 127.0.0.1'\nCGIPROXY_STRIP_PREFIX=auto\n")
			a.put(t, "page.txt", "a page\n")
			if page, err := a.get("/page.txt"); page != "a page\n" || err != nil {
				t.Errorf("%q %v", page, err)
			}
		})
	}
}

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

// TestOnDemandServerStops: the app outlives the web server that started it, and
// the next one finds it.
func TestOnDemandServerStops(t *testing.T) {
	for _, kind := range apacheKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			needPrograms(t, "python3")
			run := func(dir string) appSite {
				s := webserver.Run(t, kind, webserver.Options{})
				if dir == "" {
					dir = appFolder(t, s)
				}
				a := appSite{site{s, "", s.ErrorLog}, dir}
				fillSite(t, s, "", exampleFor(t, kind), "auto", scriptName(kind))
				a.WriteFile(t, ".htcgiproxy", startOnDemand+"CGIPROXY_START_DIR="+a.dir+"\n", 0o600)
				return a
			}
			before := run("")
			before.put(t, "app.py", onDemandApp)
			first := before.mustGet(t)
			if err := before.Stop(); err != nil {
				t.Error(err)
			}
			after := run(before.dir)
			after.stopAfter(t)
			if page := after.mustGet(t); page != first {
				t.Errorf("%q, then %q after the web server was restarted", first, page)
			}
		})
	}
}

// TestOnDemandIdle: an app without visitors is stopped and started again, one
// with an event stream is not. The watcher looks twice a minute.
func TestOnDemandIdle(t *testing.T) {
	for _, kind := range []webserver.Kind{webserver.ApacheSuexec, webserver.ApacheFcgid} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			busy := newAppSite(t, webserver.ApacheEvent, startOnDemand+"CGIPROXY_IDLE_STOP=2s\n")
			stream := busy.listen(t)
			busyPID, _ := busy.status(t)
			a := newAppSite(t, kind, startOnDemand+"CGIPROXY_IDLE_STOP=2s\n")
			a.mustGet(t)
			for deadline := time.Now().Add(9 * patience); ; time.Sleep(time.Second) {
				if out, code := a.command(t, "status"); code == 1 && strings.Contains(out, "without a request") {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("it is not stopped")
				}
			}
			checkNothingRuns(t, a.dir)
			a.mustGet(t)
			if n := a.starts(t); n != 2 {
				t.Errorf("%d starts, want 2", n)
			}
			if pid, _ := busy.status(t); pid != busyPID {
				t.Errorf("the app with an event stream was stopped")
			}
			stream.Close()
		})
	}
}
