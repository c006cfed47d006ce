package check

import (
	"debug/elf"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"proxy.cgi/cgiproxy/internal/testkit"
	"proxy.cgi/cgiproxy/settings"
)

// A testSite is a folder in which nothing is wrong, unless a test spoils it.
type testSite struct {
	t      *testing.T
	folder string
	app    *httptest.Server
	handle http.HandlerFunc // nil for 200
}

// stranger is another user of the machine.
const stranger = 65534

func newTestSite(t *testing.T) *testSite {
	t.Helper()
	top, err := os.MkdirTemp("", "proxycgi-check-") // which t.TempDir keeps from others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	s := &testSite{t: t, folder: filepath.Join(top, "public_html", "shop")}
	s.do(os.MkdirAll(s.folder, 0o755))
	for _, folder := range []string{top, filepath.Dir(s.folder), s.folder} {
		s.do(os.Chmod(folder, 0o755))
	}
	s.app = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.handle != nil {
			s.handle(w, r)
		}
	}))
	t.Cleanup(s.app.Close)
	s.write("proxy.cgi", smallProgram, 0o755)
	s.settings("")
	s.write(".htaccess", example(t), 0o644)
	return s
}

func (s *testSite) do(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *testSite) path(name string) string { return filepath.Join(s.folder, name) }

func (s *testSite) write(name, text string, mode os.FileMode) {
	s.t.Helper()
	s.do(os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	s.do(os.WriteFile(s.path(name), []byte(text), mode))
	s.do(os.Chmod(s.path(name), mode))
}

// settings writes .htcgiproxy: the app, and further lines.
func (s *testSite) settings(lines string) {
	s.t.Helper()
	s.write(settings.File, "UPSTREAM="+s.app.Listener.Addr().String()+"\n"+lines, 0o600)
}

// rules writes .htaccess: that of the example, with pairs of texts replaced.
func (s *testSite) rules(pairs ...string) {
	s.t.Helper()
	text := example(s.t)
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(text, pair[0]) {
			s.t.Fatalf("htaccess.example has no %q", pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	s.write(".htaccess", text, 0o644)
}

func (s *testSite) chmod(name string, mode os.FileMode) {
	s.t.Helper()
	s.do(os.Chmod(s.path(name), mode))
}

func (s *testSite) chown(name string, uid, gid int) {
	s.t.Helper()
	if os.Geteuid() != 0 {
		s.t.Skip("only root can give files to another user")
	}
	s.do(os.Lchown(s.path(name), uid, gid))
}

// socketApp has the app on a unix socket.
func socketApp(s *testSite, folder string, mode os.FileMode) {
	s.t.Helper()
	socket := filepath.Join(folder, "app.sock")
	l, err := net.Listen("unix", socket)
	s.do(err)
	s.t.Cleanup(func() { l.Close() })
	go http.Serve(l, http.NotFoundHandler())
	s.do(os.Chmod(socket, mode))
	s.write(settings.File, "UPSTREAM=unix:"+socket+"\n", 0o600)
}

// failedRestart has noted what a restart leaves that failed.
func failedRestart(s *testSite, upstream string) {
	s.noted("phase \"running\"\nunreplaced \"status 3\"\n", upstream)
}

// noted has the state of an app in its START_DIR.
func (s *testSite) noted(state, upstream string) (dir string) {
	dir = s.t.TempDir()
	s.do(os.Mkdir(filepath.Join(dir, ".cgiproxy"), 0o700))
	s.do(os.WriteFile(filepath.Join(dir, ".cgiproxy/state"), []byte(state), 0o600))
	s.write(settings.File, upstream+"\nSTART=true\nSTART_DIR="+dir+"\n", 0o600)
	return dir
}

func (s *testSite) check() []Finding {
	s.t.Helper()
	findings, err := Folder(s.t.Context(), s.folder)
	if err != nil {
		s.t.Fatal(err)
	}
	return findings
}

func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../htaccess.example")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// smallProgram is the header of a program for this machine, and no more.
var smallProgram = elfHeader(map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "386": elf.EM_386, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM,
}[runtime.GOARCH])

func elfHeader(machine elf.Machine) string {
	b := make([]byte, 64)
	copy(b, "\x7fELF\x02\x01\x01")
	b[18], b[19] = byte(machine), byte(machine>>8)
	return string(b)
}

// fullSocket has the app listen, and take no connection: those that wait are as
// many as may.
func fullSocket(s *testSite) {
	s.t.Helper()
	address := &unix.SockaddrUnix{Name: filepath.Join(s.t.TempDir(), "app.sock")}
	open := func() int {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		s.do(err)
		s.do(unix.SetNonblock(fd, true))
		s.t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	listener := open()
	s.do(unix.Bind(listener, address))
	s.do(unix.Listen(listener, 0))
	for unix.Connect(open(), address) == nil {
	}
	s.write(settings.File, "UPSTREAM=unix:"+address.Name+"\nCONNECT_TIMEOUT=50ms\n", 0o600)
}

// onlySecond is an app of another user at the second address, and none at the
// first.
func onlySecond(s *testSite) {
	free, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		s.t.Skipf("no IPv6 here: %v", err)
	}
	free.Close()
	l := testkit.ListenAs(s.t, stranger, "tcp", "[::1]:0")
	go http.Serve(l, http.NotFoundHandler())
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s.write(settings.File, "UPSTREAM="+port+"\n", 0o600)
}
