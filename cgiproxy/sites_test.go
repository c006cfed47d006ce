package cgiproxy

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestSites(t *testing.T) {
	folder := t.TempDir()
	file := writeFile(t, folder, ".htcgiproxy", "UPSTREAM=1\nNONSENSE=1\n")
	sites := newSites(folder, nil)
	first := sites.site(visit())
	if first.err != nil || first.cfg.Upstream.address != "127.0.0.1:1" || len(first.warnings) != 1 {
		t.Fatalf("got %+v", first)
	}
	again := sites.site(visit("REQUEST_URI=/other", "HTTP_CGIPROXY_UPSTREAM=6"))
	if again.client != first.client || again.warnings != nil {
		t.Errorf("the same settings: got %+v, want %+v without the unknown names", again, first)
	}
	other := sites.site(visit("CGIPROXY_UPSTREAM=2"))
	if other.client == first.client || other.cfg.Upstream.address != "127.0.0.1:2" {
		t.Errorf("other settings: got %+v", other)
	}
	redirected := sites.site(visit("REDIRECT_CGIPROXY_UPSTREAM=3"))
	if redirected.cfg.Upstream.address != "127.0.0.1:3" {
		t.Errorf("settings after a redirect: got %+v", redirected)
	}
	if sites.site(visit()).client != first.client {
		t.Error("the first settings are forgotten")
	}

	writeFile(t, folder, "next", "UPSTREAM=4\nNONSENSE=1\n") // of the same length
	if err := os.Rename(filepath.Join(folder, "next"), file); err != nil {
		t.Fatal(err)
	}
	if changed := sites.site(visit()); changed.cfg.Upstream.address != "127.0.0.1:4" {
		t.Errorf("after a change of the file: got %+v", changed)
	}
	os.Remove(file)
	if none := sites.site(visit()); none.err == nil {
		t.Errorf("without the file: got %+v", none)
	}
	writeFile(t, folder, ".htcgiproxy", "UPSTREAM=5\n")
	if back := sites.site(visit()); back.err != nil || back.cfg.Upstream.address != "127.0.0.1:5" {
		t.Errorf("with the file again: got %+v", back)
	}
}

func touch(t *testing.T, file string, later time.Duration) {
	t.Helper()
	when := time.Now().Add(later)
	if err := os.Chtimes(file, when, when); err != nil {
		t.Fatal(err)
	}
}

// chmod does not change a file's time, so what could not be read is tried
// again with each request.
func TestSitesErrorNotKept(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, ".htcgiproxy") // a folder of that name cannot be read
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	sites := newSites(folder, nil)
	touch(t, file, -time.Hour)
	if s := sites.site(visit("CGIPROXY_UPSTREAM=1")); s.err == nil {
		t.Fatal("no error")
	}
	if len(sites.sites) != 0 {
		t.Error("a site with an error is kept")
	}
}

// A file that others may write to from now on is refused from now on.
func TestSitesPermissions(t *testing.T) {
	folder := t.TempDir()
	writeFile(t, folder, ".htcgiproxy", "UPSTREAM=3\n")
	sites := newSites(folder, nil)
	if s := sites.site(visit()); s.err != nil {
		t.Fatal(s.err)
	}
	if err := os.Chmod(filepath.Join(folder, ".htcgiproxy"), 0o666); err != nil {
		t.Fatal(err)
	}
	if s := sites.site(visit()); s.err == nil {
		t.Error("no error")
	}
}

// Settings of the process itself count after those of the request.
func TestSitesStanding(t *testing.T) {
	folder := t.TempDir()
	writeFile(t, folder, ".htcgiproxy", "UPSTREAM=3\n")
	sites := newSites(folder, []string{"PATH=/bin", "CGIPROXY_UPSTREAM=1", "CGIPROXY_HEADER_TIMEOUT=7s"})
	for _, tt := range []struct {
		name, variable, want string
	}{
		{"process", "X=", "127.0.0.1:1"},
		{"request", "CGIPROXY_UPSTREAM=2", "127.0.0.1:2"},
		{"redirected request", "REDIRECT_CGIPROXY_UPSTREAM=4", "127.0.0.1:4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sites.site(visit(tt.variable))
			if s.err != nil || s.cfg.Upstream.address != tt.want || s.cfg.HeaderTimeout != 7*time.Second {
				t.Errorf("got %v, %+v; want %s", s.err, s.cfg, tt.want)
			}
		})
	}
}

// However many settings there are, the memory for them is bounded.
func TestSitesBounded(t *testing.T) {
	sites := newSites(t.TempDir(), nil)
	for i := range 3 * maxSites {
		sites.site(visit("CGIPROXY_UPSTREAM=" + strconv.Itoa(i+1)))
		if len(sites.sites) > maxSites {
			t.Fatalf("%d sites are kept", len(sites.sites))
		}
	}
}

func TestSitesParallel(t *testing.T) {
	folder := t.TempDir()
	sites := newSites(folder, nil)
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			port := strconv.Itoa(i%5 + 1)
			for range 50 {
				s := sites.site(visit("CGIPROXY_UPSTREAM=" + port))
				if s.err != nil || s.cfg.Upstream.address != "127.0.0.1:"+port {
					t.Errorf("got %+v, %v; want port %s", s.cfg, s.err, port)
					return
				}
			}
		})
	}
	for i := range 10 {
		writeFile(t, folder, ".htcgiproxy", "MAX_BODY="+strconv.Itoa(i)+"\n")
		time.Sleep(time.Millisecond)
	}
	wait.Wait()
}
