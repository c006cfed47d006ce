package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A trouble is a fault of an owner or a host, and what README's "When it does
// not work" says that one sees of it. In its texts {site} is the folder, and
// {addr} the server's address.
type trouble struct {
	name  string
	row   string // how its row in README begins
	kinds []webserver.Kind

	folder   string                                                 // one of troubleFolders, or ""
	spoil    func(t *testing.T, s *webserver.Server, folder string) // what goes wrong
	settings string                                                 // further lines of .htcgiproxy
	change   []string                                               // pairs: lines of htaccess.example, and what is in their place
	request  string                                                 // the method, and the path in the folder

	status string
	page   string // what the page holds
	log    string // what README's row has, and the error log, with "..." for anything
	reason string // what the log has besides
}

// pageNumber is on each error page of proxy.cgi.
const pageNumber = "\nRequest "

// troubleFolders are what a host allows in some folders, and how long it waits.
const troubleFolders = `
<Directory {root}/unread>
	AllowOverride None
	Options Indexes
</Directory>
<Directory {root}/nolinks>
	AllowOverride FileInfo Indexes
	Options ExecCGI
</Directory>
<Directory {root}/noscripts>
	AllowOverride FileInfo Indexes
	Options FollowSymLinks
</Directory>
<IfModule mod_fcgid.c>
	FcgidIOTimeout 2
</IfModule>
`

// TestReadmeTroubles provokes each, so that README is true. Others of its rows
// are in TestAllowOverride, TestLimits, TestTwoApps and TestCompressedHost.
func TestReadmeTroubles(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the end of the connection is not noticed
		if strings.HasSuffix(r.URL.Path, "/slow") {
			<-r.Context().Done()
		}
		fmt.Fprintf(w, "%s %s", r.Method, r.RequestURI)
	}))
	t.Cleanup(app.Close)
	for _, kind := range apacheKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := webserver.Run(t, kind, webserver.Options{Config: troubleFolders})
			for i, c := range troubles {
				if !slices.Contains(c.kinds, kind) {
					continue
				}
				if c.folder == "" {
					c.folder = fmt.Sprintf("t%d", i)
				}
				t.Run(c.name, func(t *testing.T) { c.run(t, s, strings.TrimPrefix(app.URL, "http://")) })
			}
		})
	}
}

func (c trouble) run(t *testing.T, s *webserver.Server, app string) {
	fill := strings.NewReplacer("{site}", "/"+c.folder, "{addr}", s.Addr).Replace
	rules := exampleFor(t, s.Kind)
	for pair := range slices.Chunk(c.change, 2) {
		if !strings.Contains(rules, pair[0]) {
			t.Fatalf("htaccess.example has no %q", pair[0])
		}
		rules = strings.ReplaceAll(rules, pair[0], fill(pair[1]))
	}
	s.Install(t, c.folder+"/"+scriptName(s.Kind), binary)
	s.WriteFile(t, c.folder+"/.htaccess", rules, 0o644)
	s.WriteFile(t, c.folder+"/style.css", "static", 0o644)
	s.WriteFile(t, c.folder+"/.htcgiproxy", "CGIPROXY_UPSTREAM="+app+"\n"+fill(c.settings), 0o600)
	if c.spoil != nil {
		c.spoil(t, s, c.folder)
	}
	before := s.ErrorLog()
	method, path, _ := strings.Cut(c.request, " ")
	visit := func() visited {
		return patientVisit(t, s, method+" /"+c.folder+"/"+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
	}
	got := visit()
	if got.Status[:3] != c.status || !strings.Contains(got.body, c.page) {
		t.Errorf("%s %.300q, want %s and %q", got.Status, got.body, c.status, c.page)
	}
	if row := readmeRow(t, c.row); !strings.Contains(row, c.log) {
		t.Errorf("README's row has no %q: %s", c.log, row)
	}
	for part := range strings.SplitSeq(c.log+" ... "+c.reason, " ... ") {
		awaitNews(t, s, before, part, visit)
	}
}

// patientVisit is visit, which is repeated where mod_fcgid does not answer: a
// program that cannot be run it starts once a second, and says so only if it finds
// it between its start and its end. It may miss that for a minute.
func patientVisit(t *testing.T, s *webserver.Server, raw string) visited {
	t.Helper()
	if s.Kind == webserver.ApacheFcgid {
		for range 10 {
			if got, err := tryVisit(nil, s.Addr, raw, 3*time.Second); err == nil {
				return got
			}
		}
	}
	return visit(t, s.Addr, raw)
}

// awaitNews waits until a text is in the log once more than before. mod_fcgid is
// asked again: where a program has ended before it has the request, all that is
// said is "Broken pipe".
func awaitNews(t *testing.T, s *webserver.Server, before, text string, again func() visited) {
	t.Helper()
	if text == "" {
		return
	}
	log := s.ErrorLog()
	for deadline := time.Now().Add(patience / 2); strings.Count(log, text) <= strings.Count(before, text); log = s.ErrorLog() {
		if time.Now().After(deadline) {
			t.Errorf("no more %q in the error log", text)
			return
		}
		time.Sleep(20 * time.Millisecond)
		if s.Kind == webserver.ApacheFcgid {
			again()
		}
	}
}

// readmeRow returns the row or paragraph of README from these words on.
func readmeRow(t *testing.T, begin string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(string(text), "\n|", "\n\n|"), "\n\n") {
		paragraph = strings.Join(strings.Fields(paragraph), " ")
		if strings.HasPrefix(paragraph, "| "+begin) {
			return paragraph
		}
		if _, after, ok := strings.Cut(paragraph, begin); ok && !strings.HasPrefix(paragraph, "|") {
			return after
		}
	}
	t.Fatalf("README has no row %q", begin)
	panic("unreachable")
}

// onFile spoils a file of the folder, "" for the folder itself.
func onFile(name string, spoil func(path string) error) func(*testing.T, *webserver.Server, string) {
	return func(t *testing.T, s *webserver.Server, folder string) {
		t.Helper()
		if err := spoil(filepath.Join(s.Root, folder, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func chmod(mode os.FileMode) func(string) error {
	return func(path string) error { return os.Chmod(path, mode) }
}

func giveToRoot(path string) error { return os.Chown(path, 0, 0) }

// copyOfRoot leaves alone the program that other sites share.
func copyOfRoot(path string) error {
	program, err1 := os.ReadFile(path)
	return errors.Join(err1, os.Remove(path), os.WriteFile(path, program, 0o755), os.Chmod(path, 0o755))
}

func leaveLink(path string) error {
	return errors.Join(os.Rename(path, path+".real"), os.Symlink("proxy.cgi.real", path))
}

// closeSocket has the app on a socket that scripts may not write to.
func closeSocket(t *testing.T, s *webserver.Server, folder string) {
	t.Helper()
	l := listenSocket(t)
	t.Cleanup(func() { l.Close() })
	socket := l.Addr().String()
	if err := os.Chmod(socket, 0); err != nil {
		t.Fatal(err)
	}
	s.WriteFile(t, folder+"/.htcgiproxy", "CGIPROXY_UPSTREAM=unix:"+socket+"\n", 0o600)
}

// upload replaces the program by one with this mode and content.
func upload(mode os.FileMode, edit func(program string) string) func(*testing.T, *webserver.Server, string) {
	return func(t *testing.T, s *webserver.Server, folder string) {
		t.Helper()
		program, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		s.WriteFile(t, folder+"/"+scriptName(s.Kind), edit(string(program)), mode)
	}
}

func whole(program string) string { return program }
func half(program string) string  { return program[:len(program)/2] }
func empty(string) string         { return "" }

// textMode is what FTP programs do to text from Windows.
func textMode(program string) string { return strings.ReplaceAll(program, "\r\n", "\n") }

// foreign is for a processor that nobody has: e_machine of elf(5).
func foreign(program string) string { return program[:18] + "\xff\xff" + program[20:] }
