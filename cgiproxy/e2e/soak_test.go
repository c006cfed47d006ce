package e2e

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

var soakRequests = flag.Int("soak", 2_000, "how many requests TestSoak sends; `make soak` has more")

const (
	soakAlone    = 10_000 // requests from which on the servers are measured one after the other
	soakClients  = 8
	soakRestarts = 5
	soakDown     = 50 * time.Millisecond // how long the app is down each time
)

// TestSoak sends many requests of mixed sizes, and restarts the app in between.
// Only those that meet an app that is down may fail; memory and descriptors of
// proxy.fcgi are the same before and after.
func TestSoak(t *testing.T) {
	for _, kind := range []webserver.Kind{fcgid, webserver.NginxFastCGI, webserver.NginxFastCGIKeep} {
		t.Run(string(kind), func(t *testing.T) {
			if *soakRequests < soakAlone {
				t.Parallel() // it waits a lot
			}
			testSoak(t, kind)
		})
	}
}

func testSoak(t *testing.T, kind webserver.Kind) {
	app := newRestartingApp(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		var size int
		fmt.Sscan(r.URL.RawQuery, &size)
		if n == 0 {
			n = int64(size)
		}
		io.WriteString(w, megabyte[:n])
	})
	s := newSite(t, kind, app.settings())
	soak := &soak{site: s, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: soakClients},
		Timeout:   2 * patience,
	}}
	defer soak.client.CloseIdleConnections()
	soak.run(t, *soakRequests/4) // all processes and buffers are there after this
	before := soak.measure(t)
	conns := app.conns.Load()

	start := time.Now()
	for range soakRestarts {
		soak.run(t, *soakRequests/(soakRestarts+1)/2)
		restarted := make(chan bool)
		go func() {
			defer close(restarted)
			time.Sleep(20 * time.Millisecond) // amid requests
			soak.downs.Add(1)
			app.stop()
			time.Sleep(soakDown)
			app.start()
			soak.downs.Add(1)
		}()
		soak.run(t, *soakRequests/(soakRestarts+1)/2)
		<-restarted
	}
	soak.run(t, *soakRequests/(soakRestarts+1))
	took := time.Since(start)
	after := soak.measure(t)
	t.Logf("%d requests, %.0f a second; %d met an app that was down; %d connections to it", soak.sent.Load(), float64(*soakRequests)/took.Seconds(), soak.excused.Load(), app.conns.Load()-conns)
	t.Logf("before %v, after %v", before, after)
	// mod_fcgid starts and ends processes as it likes, a client each at most.
	if after.processes == 0 || after.processes > soakClients {
		t.Errorf("%v, want %d at most", after, soakClients)
	} else if mean, limit := after.mean(), before.mean(); mean.descriptors > limit.descriptors+2 || mean.memory > limit.memory*5/4+4<<10 {
		t.Errorf("each took %v before, %v after", limit, mean)
	}
}

// A soak is a site under load.
type soak struct {
	site
	client  *http.Client
	downs   atomic.Int64 // of the app, and its ups: odd while it is down
	sent    atomic.Int64
	excused atomic.Int64
}

// run sends requests from all clients, and returns when the last is answered.
func (k *soak) run(t *testing.T, requests int) {
	t.Helper()
	var clients sync.WaitGroup
	for i := range soakClients {
		clients.Go(func() {
			for n := i; n < requests && !t.Failed(); n += soakClients {
				k.send(t, n)
			}
		})
	}
	clients.Wait()
}

// sizes of pages and uploads, in bytes.
var sizes = [...]int{10, 0, 1000, 100_000, 20, 7_000, 300_000, 64 << 10, 30, 2_000}

func (k *soak) send(t *testing.T, n int) {
	size := sizes[n%len(sizes)]
	method, body := "GET", io.Reader(http.NoBody)
	if n%7 == 0 && size <= 100_000 { // mod_fcgid takes no more than 128 KiB
		method, body = "POST", strings.NewReader(megabyte[:size])
	}
	req, err := http.NewRequest(method, fmt.Sprintf("%s%s/soak?%d", k.URL, k.folder, size), body)
	if err != nil {
		t.Error(err)
		return
	}
	downs := k.downs.Load()
	k.sent.Add(1)
	resp, err := k.client.Do(req)
	var page []byte
	if err == nil {
		page, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil && resp.StatusCode == 200 && string(page) == megabyte[:size] {
		return
	}
	if downs%2 == 1 || downs != k.downs.Load() { // it was down at some time of the request
		k.excused.Add(1)
		time.Sleep(10 * time.Millisecond)
		return
	}
	t.Errorf("%s of %d bytes: %v, %d bytes, %v", method, size, resp, len(page), err)
}

// usage is what the processes of proxy.fcgi take together.
type usage struct{ processes, descriptors, memory int } // memory in KiB, resident

func (u usage) String() string {
	return fmt.Sprintf("%d processes with %d descriptors and %d KiB", u.processes, u.descriptors, u.memory)
}

func (u usage) mean() usage {
	return usage{1, u.descriptors / max(u.processes, 1), u.memory / max(u.processes, 1)}
}

// measure waits for the connections that are kept to the app to be closed.
func (k *soak) measure(t *testing.T) (u usage) {
	t.Helper()
	time.Sleep(2 * time.Second) // their greatest age, and some more
	for _, pid := range running(t, k.Server, k.folder+"/proxy.fcgi") {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			continue // has ended
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, rest, _ := strings.Cut(string(status), "VmRSS:")
		var resident int
		fmt.Sscan(rest, &resident)
		u.processes++
		u.descriptors += len(fds)
		u.memory += resident
	}
	return u
}
