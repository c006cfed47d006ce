package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

const (
	loadClients = 200
	loadTime    = 30 * time.Second // 3 s with -short
)

// TestLoad has 200 clients at once on one Apache, which mixes pages, uploads
// and responses of a few sizes: no request may fail, and nothing may be left.
func TestLoad(t *testing.T) {
	app := httptest.NewServer(hashBody)
	defer app.Close()
	// All workers from the start, and no word about there being no spare ones.
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: "StartServers 4\nMinSpareThreads 1\nMaxSpareThreads 256\n"})
	s.Install(t, "proxy.cgi", binary)
	s.WriteFile(t, ".htaccess", example(t), 0o644)
	s.WriteFile(t, ".htcgiproxy", "CGIPROXY_UPSTREAM="+strings.TrimPrefix(app.URL, "http://")+"\n", 0o600)

	// A connection for each request: under load Apache closes idle ones, and an
	// upload that was sent on one meanwhile fails without anybody's fault.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * patience}
	length := loadTime
	if testing.Short() {
		length /= 10
	}
	load(t, client, s.URL, length/10) // the server has all its workers after this
	quiet := s.ErrorLog()
	before := settledDescriptors(s)

	done := load(t, client, s.URL, length)
	t.Logf("%d requests in %v", done, length)
	if log := strings.TrimPrefix(s.ErrorLog(), quiet); log != "" {
		t.Errorf("in the error log: %s", log)
	}
	if after := settledDescriptors(s); after > before {
		t.Errorf("the server has %d open descriptors after the load, %d before", after, before)
	}
	if pids := scripts(t, site{Server: s}); len(pids) > 0 {
		t.Errorf("processes left: %v", pids)
	}
}

// load lets all clients ask for length, and returns how many responses came.
func load(t *testing.T, client *http.Client, url string, length time.Duration) (done int64) {
	t.Helper()
	var (
		responses atomic.Int64
		clients   sync.WaitGroup
	)
	end := time.Now().Add(length)
	for i := range loadClients {
		clients.Go(func() {
			for n := 0; time.Now().Before(end) && !t.Failed(); n++ {
				body := megabyte[:(i+n)%7*3000]
				method := "GET"
				if body != "" {
					method = "PUT"
				}
				target := fmt.Sprintf("/load?%d-%d", i, n)
				if err := ask(client, method, url, target, body); err != nil {
					t.Errorf("%s %s: %v", method, target, err)
					return
				}
				responses.Add(1)
			}
		})
	}
	clients.Wait()
	return responses.Load()
}

func ask(client *http.Client, method, url, target, body string) error {
	req, err := http.NewRequest(method, url+target, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if want := hashed(method, target, body); err != nil || string(page) != want {
		return fmt.Errorf("got %s %q (%v), want %q", resp.Status, page, err, want)
	}
	return nil
}

// settledDescriptors counts the open descriptors of the server's processes,
// zombies as one each, once the count stands still.
func settledDescriptors(s *webserver.Server) (count int) {
	for previous := -1; count != previous; {
		previous = count
		time.Sleep(time.Second)
		count = 0
		for _, pid := range s.Processes() {
			fds, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(pid), "fd"))
			count += len(fds)
			if err != nil && syscall.Kill(pid, 0) == nil {
				count++ // a zombie has none that could be read
			}
		}
	}
	return count
}
