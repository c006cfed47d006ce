package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// binary is the proxy.cgi under test, built as `make build` does.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "proxycgi-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "proxy.cgi")
	build := exec.Command("make", "-s", "-C", "../..", "build", "OUT="+binary)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "make build: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	for _, s := range started {
		if err := s.Stop(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.Kind, err)
			code = 1
		}
	}
	return code
}

// servers holds one running server of each kind for all tests.
var (
	servers   sync.Map // webserver.Kind to func() (*webserver.Server, error)
	startedMu sync.Mutex
	started   []*webserver.Server
)

// sites is how many folders with a proxy.cgi each server has: lighttpd and
// nginx must know them when they start.
const sites = 250

func siteFolder(i int) string { return fmt.Sprintf("s%d", i) }

// server returns the shared server of a kind, started by the first test that
// asks for it.
func server(t *testing.T, kind webserver.Kind) *webserver.Server {
	t.Helper()
	start, _ := servers.LoadOrStore(kind, sync.OnceValues(func() (*webserver.Server, error) {
		options := webserver.Options{Folders: []string{""}}
		for i := range sites {
			options.Folders = append(options.Folders, siteFolder(i))
		}
		if kind == webserver.LighttpdFastCGI {
			options.Program = binary
		}
		if strings.HasPrefix(string(kind), "apache") {
			// Without it %2F is a 404 of Apache's own.
			options.Config = "AllowEncodedSlashes NoDecode\n"
		}
		s, err := webserver.Start(kind, options)
		if err == nil {
			startedMu.Lock()
			defer startedMu.Unlock()
			started = append(started, s)
		}
		return s, err
	}))
	s, err := start.(func() (*webserver.Server, error))()
	webserver.Need(t, err)
	return s
}

// A site is a folder with proxy.cgi, or proxy.fcgi, and its settings on a
// running server.
type site struct {
	*webserver.Server
	folder string // "/s1"
	log    func() string
}

var (
	siteMu   sync.Mutex
	siteUsed = map[webserver.Kind]int{}
)

// newSite puts proxy.cgi, or proxy.fcgi, into a folder of its own, with
// htaccess.example, or its variant for FastCGI, as .htaccess and the given
// lines in .htcgiproxy.
func newSite(t *testing.T, kind webserver.Kind, settings string) site {
	t.Helper()
	if kind == goCGI || kind == demo {
		return newGoSite(t, kind, settings)
	}
	s := server(t, kind)
	siteMu.Lock()
	i := siteUsed[kind]
	siteUsed[kind]++
	siteMu.Unlock()
	if i >= sites {
		t.Fatalf("more than %d sites: raise the constant", sites)
	}
	folder := siteFolder(i)
	rules := example(t)
	if scriptName(kind) == "proxy.fcgi" {
		rules = fastCGIExample(t)
	}
	s.WriteFile(t, folder+"/.htcgiproxy", settings, 0o600)
	s.WriteFile(t, folder+"/.htaccess", rules, 0o644)
	if kind != webserver.LighttpdFastCGI { // it has been installed, and runs
		s.Install(t, folder+"/"+scriptName(kind), binary)
	}
	if kind == webserver.NginxFastCGI || kind == webserver.NginxFastCGIKeep {
		s.Spawn(t, folder+"/proxy.fcgi")
	}
	return site{s, "/" + folder, s.ErrorLog}
}

// scriptName returns the name that the binary has with a kind of server.
func scriptName(kind webserver.Kind) string {
	if slices.Contains(webserver.FastCGI, kind) {
		return "proxy.fcgi"
	}
	return "proxy.cgi"
}
