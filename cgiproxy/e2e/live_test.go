package e2e

import (
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// liveSettings name an app that does not run.
const liveSettings = "CGIPROXY_UPSTREAM=1\nCGIPROXY_SECRET=hunter2\n"

// findings are what a check of a site says by rows, where that is not ok:
// "fault: " and a part of the text. A row that is ok may have one, too.
type findings map[string]string

// wantFindings checks a site and compares. The app is that of liveSettings, where
// want does not say more.
func wantFindings(t *testing.T, o live.Options, want findings) {
	t.Helper()
	got := live.Run(t.Context(), o)
	all := findings{}
	if len(got) > 1 { // proxy.cgi is reached
		all["app"] = "fault: it gives no first page: connect 127.0.0.1:1"
	}
	maps.Copy(all, want)
	for _, f := range got {
		outcome, text := check.OK.String(), ""
		if w, ok := all[f.Check]; ok {
			outcome, text, _ = strings.Cut(w, ": ")
			delete(all, f.Check)
		}
		if f.Level.String() != outcome || !strings.Contains(f.Text, text) {
			t.Errorf("%s: got %s: %s\nwant %s: %s", f.Check, f.Level, f.Text, outcome, text)
		}
		if (f.Remedy == "") != (f.Level == check.OK) {
			t.Errorf("%s is %s, with the remedy %q", f.Check, f.Level, f.Remedy)
		}
	}
	for name := range all {
		t.Errorf("no row %s; got %+v", name, got)
	}
}

// TestLiveCheck has each server as it is commonly set up.
func TestLiveCheck(t *testing.T) {
	const held = "warning: held back"
	fastcgi := findings{"way": "ok: FastCGI"}
	known := map[webserver.Kind]findings{
		webserver.LighttpdFastCGI:  fastcgi,
		webserver.NginxFastCGI:     fastcgi,
		webserver.NginxFastCGIKeep: fastcgi,
		webserver.ApacheFcgid:      {"way": "ok: FastCGI", "upload": "fault: 500", "streaming": held, "event stream": held, "cut response": "ok: becomes 500"},
		goCGI:                      {"chunked upload": "warning: refused: 400", "streaming": held, "event stream": held},
	}
	for _, kind := range slices.Concat(webserver.CGI, webserver.FastCGI, []webserver.Kind{goCGI, demo}) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, liveSettings)
			want := maps.Clone(known[kind])
			if want == nil {
				want = findings{"way": "ok: CGI"}
			}
			want["reach"] = "ok: proxy.cgi answers, behind "
			wantFindings(t, live.Options{URL: s.URL + s.folder, Dir: s.Root + s.folder}, want)
		})
	}
}

// TestLiveCheckKeyFile has sites without a SECRET: programs of the demo run as
// the key file's owner, those of the others do not.
func TestLiveCheckKeyFile(t *testing.T) {
	for _, kind := range []webserver.Kind{demo, webserver.ApacheSuexec, webserver.ApacheEvent, webserver.NginxFastCGI} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, kind, "CGIPROXY_UPSTREAM=1\n")
			folder := s.Root + s.folder
			if err := os.Chown(folder, os.Getuid(), os.Getgid()); err != nil && kind != webserver.ApacheSuexec {
				t.Fatal(err)
			}
			if kind == webserver.ApacheSuexec { // which wants the folder to be the program's owner's
				if err := os.Chown(folder, s.UID, s.GID); err != nil {
					t.Fatal(err)
				}
			}
			want := findings{}
			if kind == webserver.NginxFastCGI {
				want["way"] = "ok: FastCGI"
			}
			wantFindings(t, live.Options{URL: s.URL + s.folder, Dir: folder}, want)
			if left, _ := filepath.Glob(folder + "/" + challenge.KeyFile); left != nil {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// Who may not read the key takes a question for one to the app, which may hang.
func TestLiveCheckKeyFileHung(t *testing.T) {
	t.Parallel()
	app := testkit.StartApp(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	s := newSite(t, webserver.ApacheEvent, app.Upstream()+"\n")
	folder := s.Root + s.folder
	if err := os.Chown(folder, os.Getuid(), os.Getgid()); err != nil {
		t.Fatal(err)
	}
	wantFindings(t, live.Options{URL: s.URL + s.folder, Dir: folder}, findings{"app": "fault: it gives no first page: no response within 6s"})
}

// TestLiveCheckApp has apps that give a first page, and some that do not. Why, an
// owner without a shell reads nowhere else.
func TestLiveCheckApp(t *testing.T) {
	responding := func(response string) func(*testing.T) string {
		return func(t *testing.T) string {
			return testkit.StartApp(t, func(conn net.Conn) {
				switch head, err := testkit.ReadHead(conn); {
				case strings.HasPrefix(head, "GET /.htcgiproxy "): // private files
					io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
				case strings.HasPrefix(head, "GET /?proxy-check-"):
					io.WriteString(conn, response)
				default:
					t.Errorf("the app got %q (%v), want its first page asked for", head, err)
				}
			}).Upstream()
		}
	}
	for _, tt := range []struct {
		name     string
		settings func(*testing.T) string
		want     string
	}{
		{"a page", responding("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "ok: its first page is 200 OK"},
		{"a login", responding("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"), "ok: its first page is 302 Found"},
		{"an error", responding("HTTP/1.1 500 Oh No\r\nContent-Length: 2\r\n\r\nhi"), "fault: its first page is 500 Oh No"},
		{"no HTTP", responding("SSH-2.0-OpenSSH_9.2\r\n"), "fault: it gives no first page: malformed answer"},
		{"silence", func(t *testing.T) string {
			return testkit.StartApp(t, func(conn net.Conn) {
				if head, _ := testkit.ReadHead(conn); strings.HasPrefix(head, "GET /?") {
					io.Copy(io.Discard, conn)
				}
				io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			}).Upstream()
		}, "fault: it gives no first page: no response within 6s"},
		{"no app", func(*testing.T) string { return "CGIPROXY_UPSTREAM=127.0.0.1:1" }, "fault: it gives no first page: connect 127.0.0.1:1: connection refused"},
		{"one that ends", func(t *testing.T) string {
			return "CGIPROXY_UPSTREAM=auto\nCGIPROXY_START='echo no such module; exit 1'\nCGIPROXY_START_DIR=" + t.TempDir()
		}, "fault: it gives no first page: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, goCGI, tt.settings(t)+"\nCGIPROXY_SECRET=hunter2\n")
			want := findings{"app": tt.want, "chunked upload": "warning: ", "streaming": "warning: ", "event stream": "warning: "}
			wantFindings(t, live.Options{URL: s.URL + s.folder, Secret: "hunter2"}, want)
		})
	}
}
