package e2e

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// davConfig makes an Apache the WebDAV app, with the lock database in its
// temporary folder.
const davConfig = `
LoadModule dav_module /usr/lib/apache2/modules/mod_dav.so
LoadModule dav_fs_module /usr/lib/apache2/modules/mod_dav_fs.so
DavLockDB dav.lock
<Location />
	Dav On
</Location>
`

// TestWebDAV runs litmus, the test suite for WebDAV servers, against Apache's
// mod_dav, then through proxy.cgi: the same must come out of it. mod_dav
// compares the URLs in Destination and If with Host and with its own paths, and
// names those in the body of a response, so in a folder it has to be in that
// folder, too.
func TestWebDAV(t *testing.T) {
	t.Parallel()
	needPrograms(t, "litmus")
	for _, tt := range []struct{ name, folder, settings string }{
		{"document root", "/", "CGIPROXY_UPSTREAM={app}\n"},
		{"folder", "/files/", "CGIPROXY_UPSTREAM={app}\n"},
		{"folder that is stripped and put back", "/files/", "CGIPROXY_UPSTREAM=http://{app}/files\nCGIPROXY_STRIP_PREFIX=auto\nCGIPROXY_PRESERVE_HOST=false\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// The lock database is locked for a process, not for a thread: prefork.
			app := webserver.Run(t, webserver.ApachePrefork, webserver.Options{Config: davConfig})
			app.WriteFile(t, tt.folder[1:]+"readme.txt", "makes the folder", 0o644)
			front := newFront(t, map[string]string{tt.folder[1:]: strings.Replace(tt.settings, "{app}", app.Addr, 1)})
			compareLitmus(t, litmus(t, front.URL+tt.folder), litmus(t, app.URL+tt.folder))
			for name, length := range map[string]int64{"length": bigFile, "chunked": -1} {
				path := tt.folder + name + ".bin"
				putBig(t, front.URL+path, length)
				checkBig(t, front.URL+path, filepath.Join(app.Root, path))
			}
		})
	}
}

// compareLitmus demands the same results with proxy.cgi, got, as without it.
func compareLitmus(t *testing.T, got, want []string) {
	t.Helper()
	passed := 0
	for _, line := range want {
		if strings.Contains(line, " pass") {
			passed++
		}
	}
	if passed < 100 { // litmus 0.13 has 104 tests, and mod_dav passes them all
		t.Fatalf("mod_dav itself passes only %d tests:\n%s", passed, strings.Join(want, "\n"))
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("only through proxy.cgi: %s", line)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("through proxy.cgi:\n%s\nwithout:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// litmus runs the test suite in the folder that url names. It returns the lines
// it prints: one a test, with warnings and summaries between.
func litmus(t *testing.T, url string) []string {
	t.Helper()
	cmd := exec.Command("litmus", "--keep-going", url)
	cmd.Dir = t.TempDir() // for its debug.log
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("litmus %s: %v %s", url, err, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, line := range lines {
		// It shows the name of a test while it runs, then writes over it.
		lines[i] = line[strings.LastIndexByte(line, '\r')+1:]
	}
	return lines
}

const bigFile = 32 << 20

// bigContent returns bigFile random bytes, the same each time.
func bigContent() io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{}), bigFile)
}

// putBig uploads bigContent, chunked where length is -1.
func putBig(t *testing.T, url string, length int64) {
	t.Helper()
	req, err := http.NewRequest("PUT", url, bigContent())
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("PUT %s: %s, want 201 Created", url, resp.Status)
	}
}

// checkBig compares the app's file, and what the client gets of it, with
// bigContent.
func checkBig(t *testing.T, url, path string) {
	t.Helper()
	stored, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want := hash(t, bigContent())
	if got := hash(t, stored); got != want {
		t.Errorf("PUT %s: the app has a file of hash %s, want %s", url, got, want)
	}
	if got := hash(t, resp.Body); got != want {
		t.Errorf("GET %s: hash %s, want %s", url, got, want)
	}
}

// hash returns the SHA-256 and the length of what r holds.
func hash(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%x of %d bytes", h.Sum(nil), n)
}
