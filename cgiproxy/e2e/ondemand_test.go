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
