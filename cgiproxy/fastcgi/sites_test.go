package fastcgi

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"proxy.cgi/cgiproxy"
	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
)

func TestSites(t *testing.T) {
	folder := t.TempDir()
	file := testkit.WriteFile(t, folder, ".htcgiproxy", "MAX_BODY=1\n")
	sites := newSites(folder, nil)
	first := sites.site(visit("CGIPROXY_UPSTREAM=1"))
	if first.Err() != nil || first.Config().Upstream.Address != "127.0.0.1:1" || first.Config().MaxBody != 1 {
		t.Fatalf("got %v, %+v", first.Err(), first.Config())
	}
	if again := sites.site(visit("CGIPROXY_UPSTREAM=1", "REQUEST_URI=/other", "HTTP_CGIPROXY_UPSTREAM=6")); again != first {
		t.Errorf("the same settings: got %+v, want %+v", again.Config(), first.Config())
	}
	if other := sites.site(visit("CGIPROXY_UPSTREAM=2")); other == first || other.Config().Upstream.Address != "127.0.0.1:2" {
		t.Errorf("other settings: got %+v", other.Config())
	}
	if redirected := sites.site(visit("REDIRECT_CGIPROXY_UPSTREAM=3")); redirected.Config().Upstream.Address != "127.0.0.1:3" {
		t.Errorf("settings after a redirect: got %+v", redirected.Config())
	}
	if sites.site(visit("CGIPROXY_UPSTREAM=1")) != first {
		t.Error("the first settings are forgotten")
	}

	testkit.WriteFile(t, folder, "next", "MAX_BODY=4\n") // of the same length
	if err := os.Rename(filepath.Join(folder, "next"), file); err != nil {
		t.Fatal(err)
	}
	if changed := sites.site(visit("CGIPROXY_UPSTREAM=1")); changed.Config().MaxBody != 4 {
		t.Errorf("after a change of the file: got %+v", changed.Config())
	}
	os.Remove(file)
	if none := sites.site(visit("CGIPROXY_UPSTREAM=1")); none.Config().MaxBody != 0 {
		t.Errorf("without the file: got %+v", none.Config())
	}
	testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=5\n")
	if back := sites.site(visit("CGIPROXY_UPSTREAM=1")); back.Config().Upstream.Address != "127.0.0.1:5" {
		t.Errorf("with the file again, which counts first: got %+v", back.Config())
	}
}

// A file that is uploaded in place may have the size and the time of the one before.
func TestSitesSameTime(t *testing.T) {
	folder := t.TempDir()
	file := testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=1\n")
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	sites := newSites(folder, nil)
	if got := sites.site(visit()).Config().Upstream.Address; got != "127.0.0.1:1" {
		t.Fatalf("got %s", got)
	}
	for now := before; settings.ChangeTime(now).Equal(settings.ChangeTime(before)); { // in the same tick of the kernel's clock
		testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=2\n")
		if err := os.Chtimes(file, time.Time{}, before.ModTime()); err != nil {
			t.Fatal(err)
		}
		if now, err = os.Stat(file); err != nil {
			t.Fatal(err)
		}
	}
	if got := sites.site(visit()).Config().Upstream.Address; got != "127.0.0.1:2" {
		t.Errorf("got %s, want that of the new file", got)
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
	if s := sites.site(visit("CGIPROXY_UPSTREAM=1")); s.Err() == nil {
		t.Fatal("no error")
	}
	if len(sites.sites) != 0 {
		t.Error("a site with an error is kept")
	}
}

// A file that others may write to from now on is refused from now on.
func TestSitesPermissions(t *testing.T) {
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=3\n")
	sites := newSites(folder, nil)
	if s := sites.site(visit()); s.Err() != nil {
		t.Fatal(s.Err())
	}
	if err := os.Chmod(filepath.Join(folder, ".htcgiproxy"), 0o666); err != nil {
		t.Fatal(err)
	}
	if s := sites.site(visit()); s.Err() == nil {
		t.Error("no error")
	}
}

// Settings of the process itself count after those of the request.
func TestSitesOfProcess(t *testing.T) {
	sites := newSites(t.TempDir(), []string{"PATH=/bin", "CGIPROXY_UPSTREAM=1", "CGIPROXY_HEADER_TIMEOUT=7s"})
	for _, tt := range []struct {
		name, variable, want string
	}{
		{"process", "X=", "127.0.0.1:1"},
		{"request", "CGIPROXY_UPSTREAM=2", "127.0.0.1:2"},
		{"redirected request", "REDIRECT_CGIPROXY_UPSTREAM=4", "127.0.0.1:4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sites.site(visit(tt.variable))
			if s.Err() != nil || s.Config().Upstream.Address != tt.want || s.Config().HeaderTimeout != 7*time.Second {
				t.Errorf("got %v, %+v; want %s", s.Err(), s.Config(), tt.want)
			}
		})
	}
}

// An app that is started gets the values that SetEnv has now.
func TestSitesStartEnv(t *testing.T) {
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=auto\nSTART=./app\nSTART_ENV=A,B\n")
	sites := newSites(folder, nil)
	var first *cgiproxy.Site
	for _, tt := range []struct {
		vars []string
		want string
	}{
		{[]string{"A=1"}, "A=1"},
		{[]string{"A=2"}, "A=2"},
		{[]string{"REDIRECT_A=3"}, "A=3"},
		{[]string{"A=2", "B=1"}, "A=2 B=1"},
		{nil, ""},
		{[]string{"A=1", "OTHER=1"}, "A=1"},
	} {
		s := sites.site(visit(tt.vars...))
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		if got := strings.Join(s.Config().StartPassing, " "); got != tt.want {
			t.Errorf("%q: the app gets %q, want %q", tt.vars, got, tt.want)
		}
		if first == nil {
			first = s
		} else if (s == first) != (tt.want == "A=1") {
			t.Errorf("%q: it is the first site: %t", tt.vars, s == first)
		}
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

// With 200 sites in one process each is read once, and has its connections.
func TestSitesMany(t *testing.T) {
	sites := newSites(t.TempDir(), nil)
	defer sites.close()
	var first [200]*cgiproxy.Site
	for range 3 {
		for i := range first {
			s := sites.site(visit("CGIPROXY_UPSTREAM=" + strconv.Itoa(i+1)))
			if first[i] == nil {
				first[i] = s
			}
			if s != first[i] || s.Err() != nil {
				t.Fatalf("site %d is read again: %v", i, s.Err())
			}
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
				if s.Err() != nil || s.Config().Upstream.Address != "127.0.0.1:"+port {
					t.Errorf("got %+v, %v; want port %s", s.Config(), s.Err(), port)
					return
				}
			}
		})
	}
	for i := range 10 {
		file := testkit.WriteFile(t, folder, "new", "MAX_BODY="+strconv.Itoa(i)+"\n") // it is empty for a moment
		if err := os.Rename(file, filepath.Join(folder, ".htcgiproxy")); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Millisecond)
	}
	wait.Wait()
}

// In FastCGI a file that has been refused is looked at again, for chmod does
// not change its time.
func TestSitesMended(t *testing.T) {
	folder := t.TempDir()
	file := testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=6543\n")
	long := time.Now().Add(-time.Hour)
	if err := errors.Join(os.Chmod(file, 0o666), os.Chtimes(file, long, long)); err != nil {
		t.Fatal(err)
	}
	sites := newSites(folder, nil)
	defer sites.close()
	if s := sites.site(nil); s.Err() == nil {
		t.Fatal("a file that all may write to is taken")
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := sites.site(nil); s.Err() != nil {
		t.Errorf("after chmod 600: %v", s.Err())
	}
}

// What there is to tell of the process is in the log of the next request, and of no
// other: nobody may read its standard error.
func TestSitesReport(t *testing.T) {
	l, sites := serve(t, echoApp(t).Upstream()+"\nLOG_FILE=.ht.log\n")
	sites.report("the new one does not run: %v", errors.New("exit status 1"))
	for i, lines := range []int{1, 0} {
		c := dial(t, l)
		c.send(begin(false, visitVars()...), stdin(""))
		response := c.response()
		if strings.Count(response.stderr, "the new one does not run: exit status 1\n") != lines {
			t.Errorf("request %d logs %q, want %d lines", i+1, response.stderr, lines)
		}
	}
	file, err := os.ReadFile(filepath.Join(sites.folder, ".ht.log"))
	if bytes.Count(file, []byte("the new one does not run")) != 1 {
		t.Errorf("LOG_FILE has %q, %v; want one line", file, err)
	}
}
