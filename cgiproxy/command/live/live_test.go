package live

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/check"
	"proxy.cgi/cgiproxy/internal/testkit"
)

const secret = "SECRET of the site"

// wantReach checks the first finding.
func wantReach(t *testing.T, found []Finding, outcome check.Level, text string) {
	t.Helper()
	if f := found[0]; f.Check != "reach" || f.Level != outcome || !strings.Contains(f.Text, text) {
		t.Errorf("got %+v, want %s: %s", f, outcome, text)
	}
}

// A site that gives no response at all.
func TestNoResponse(t *testing.T) {
	closed := testkit.StartApp(t, func(net.Conn) {})
	notTLS := testkit.StartApp(t, func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	garbage := testkit.StartApp(t, func(conn net.Conn) { io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n") })
	refusing := testkit.Listen(t, "tcp", "127.0.0.1:0")
	refusing.Close()
	for _, tt := range []struct{ name, url, want string }{
		{"closed at once", "http://" + closed.Addr().String(), "the connection was closed without a response"},
		{"no TLS", "https://" + notTLS.Addr().String(), "no TLS is spoken there"},
		{"another protocol", "http://" + garbage.Addr().String(), "malformed HTTP"},
		{"nobody listens", "http://" + refusing.Addr().String(), "connection refused"},
		{"another scheme", "ftp://127.0.0.1/", "begins with neither http:// nor https://"},
		{"no scheme", "example.com", "begins with neither http:// nor https://"},
		{"no host", "http:///", "has no host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantReach(t, Run(t.Context(), Options{URL: tt.url, Secret: secret}), check.Fault, tt.want)
		})
	}
}

// A server may go on with a header until the memory is full. These end after
// some MiB, for a check that would take them.
func TestLongHeader(t *testing.T) {
	const many = 4 << 20 // bytes
	for _, tt := range []struct{ name, text string }{
		{"one field", "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("a", many) + "\r\n\r\n"},
		{"many fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: a\r\n", many/8) + "\r\n"},
		{"interim responses", strings.Repeat("HTTP/1.1 103 Early Hints\r\nX-A: a\r\n\r\n", many/36) + "HTTP/1.1 200 OK\r\n\r\n"},
		{"the status line", "HTTP/1.1 200 " + strings.Repeat("a", many) + "\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			app := testkit.StartApp(t, func(conn net.Conn) {
				testkit.ReadHead(conn)
				io.WriteString(conn, tt.text)
			})
			wantReach(t, Run(t.Context(), Options{URL: "http://" + app.Addr().String(), Secret: secret}), check.Fault, "does not end within 1048576 bytes")
		})
	}
}

// serveClock answers challenges as a proxy.cgi does whose clock is ahead.
func serveClock(t *testing.T, key string, ahead time.Duration) (address string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Add(ahead)
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		asked, signature, ok := challenge.Parse(r.Header.Get(challenge.Field), r.RequestURI, now)
		if ok && asked.Signed(signature, key) {
			w.Header().Set(challenge.Field, asked.Proof(key, r.Method))
			io.WriteString(w, url.Values{"server": {"test"}}.Encode())
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestClock(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ahead   time.Duration
		key     string
		outcome check.Level
		text    string
	}{
		{"the same", 0, secret, check.OK, "proxy.cgi answers, behind test"},
		{"ahead", time.Hour, secret, check.Warning, "the clock there is 1h0m"},
		{"behind", -time.Hour, secret, check.Warning, "the clock there is -1h0m"},
		{"ahead, and another key", time.Hour, "another", check.Fault, "something else answers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := testSite(t, serveClock(t, tt.key, tt.ahead)).reach()
			found.Check = "reach"
			found.Text = strings.Replace(found.Text, "59m59s", "1h0m", 1) // as long as a Date is whole seconds
			wantReach(t, []Finding{found}, tt.outcome, tt.text)
		})
	}
}

// testSite is a site that knows the secret.
func testSite(t *testing.T, address string) *site {
	t.Helper()
	s, err := newSite(t.Context(), Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	s.key = secret
	return s
}

// A body with the response to HEAD is nothing that net/http's server would send.
func TestHead(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		outcome    check.Level
		want       string
	}{
		{"header alone", "Content-Length: 2\r\n\r\n", check.OK, "has the Content-Length"},
		{"no length", "\r\n", check.Warning, "has no Content-Length"},
		{"with a body", "Content-Length: 2\r\n\r\nhi", check.Fault, "the response has a body"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			app := testkit.StartApp(t, func(conn net.Conn) {
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				asked, _, _ := challenge.Parse(r.Header.Get(challenge.Field), r.RequestURI, time.Now())
				io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+challenge.Field+": "+asked.Proof(secret, r.Method)+"\r\n"+tt.text)
			})
			if f := head(testSite(t, "http://"+app.Addr().String())); f.Level != tt.outcome || !strings.Contains(f.Text, tt.want) {
				t.Errorf("got %+v, want %s: %s", f, tt.outcome, tt.want)
			}
		})
	}
}

// A key file is there for the time of the check, for nobody else, and also a
// check that is broken off removes it.
func TestKeyFile(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, challenge.KeyFile)
	testkit.WriteFile(t, folder, "proxy.cgi", "")
	elsewhere := testkit.WriteFile(t, t.TempDir(), "other", "untouched")
	if err := os.Symlink(elsewhere, file); err != nil { // of somebody else, or left behind
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	modes := make(chan os.FileMode, 1)
	app := testkit.StartApp(t, func(conn net.Conn) {
		testkit.ReadHead(conn)
		if info, err := os.Lstat(file); err == nil {
			modes <- info.Mode()
		}
		cancel() // as Ctrl-C does
		io.Copy(io.Discard, conn)
	})
	Run(ctx, Options{URL: "http://" + app.Addr().String(), Dir: folder})
	if mode := <-modes; mode != 0o600 {
		t.Errorf("the key file has mode %v during the check, want 600", mode)
	}
	if _, err := os.Lstat(file); !os.IsNotExist(err) {
		t.Errorf("the key file after the check: %v, want none", err)
	}
	if text, err := os.ReadFile(elsewhere); string(text) != "untouched" {
		t.Errorf("a link's target got %q (%v)", text, err)
	}
}

// Of two checks at once the second is told to wait, and the first one's key stays.
func TestKeyInUse(t *testing.T) {
	folder := t.TempDir()
	first, second := new(site), new(site)
	remove, err := first.putKey(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.putKey(folder); err == nil || !strings.Contains(err.Error(), "another check asks this site") {
		t.Errorf("the second: %v", err)
	}
	file := filepath.Join(folder, challenge.KeyFile)
	if key, err := os.ReadFile(file); string(key) != first.key {
		t.Errorf("the key is %q, %v, want the first one's", key, err)
	}
	long := time.Now().Add(-wholeTime)
	if err := os.Chtimes(file, long, long); err != nil {
		t.Fatal(err)
	}
	removeSecond, err := second.putKey(folder)
	if err != nil {
		t.Fatal(err)
	}
	remove()
	if key, err := os.ReadFile(file); string(key) != second.key {
		t.Errorf("after the first one's end the key is %q, %v, want the second one's", key, err)
	}
	removeSecond()
	if _, err := os.Lstat(file); !os.IsNotExist(err) {
		t.Errorf("at the end: %v, want no file", err)
	}
}

func TestNoKey(t *testing.T) {
	for _, tt := range []struct{ name, folder, want string }{
		{"no folder", "", "no SECRET is known here"},
		{"a folder without proxy.cgi", t.TempDir(), "no proxy.cgi, beside which a key could be put"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantReach(t, Run(t.Context(), Options{URL: "http://127.0.0.1:1/", Dir: tt.folder}), check.Fault, tt.want)
		})
	}
}

func TestJudgeClient(t *testing.T) {
	const sent = claimedAddress
	for _, tt := range []struct {
		name                     string
		own, client, addr, chain string
		outcome                  check.Level
		text                     string
	}{
		{"ours", "198.51.100.7", "198.51.100.7", "198.51.100.7", sent, check.OK, "which is ours"},
		{"behind a router", "192.168.0.2", "198.51.100.7", "198.51.100.7", sent, check.OK, "is it yours?"},
		{"a claim that is believed", "198.51.100.7", sent, "10.0.0.1", sent, check.Fault, "whoever writes"},
		{"a proxy that is not believed", "198.51.100.7", "192.0.2.1", "192.0.2.1", sent + ", 198.51.100.7", check.Fault, "all visitors are 192.0.2.1"},
		{"one that replaces the claim", "192.168.0.2", "10.0.0.1", "10.0.0.1", "198.51.100.7", check.Fault, "all visitors are 10.0.0.1"},
		{"an inner address", "198.51.100.7", "10.0.0.1", "10.0.0.1", sent, check.Warning, "an inner address"},
		{"within one network", "192.168.0.2", "192.168.0.1", "192.168.0.1", sent, check.OK, "is it yours?"},
		{"none", "198.51.100.7", "", "", sent, check.Fault, "none is known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if f := judgeClient(tt.own, tt.client, tt.addr, tt.chain); f.Level != tt.outcome || !strings.Contains(f.Text, tt.text) {
				t.Errorf("got %+v, want %s: %s", f, tt.outcome, tt.text)
			}
		})
	}
}

// TestOpenKey has somebody put a link in the place of the key before it is
// opened to others.
func TestOpenKey(t *testing.T) {
	folder := t.TempDir()
	private := testkit.WriteFile(t, folder, "private", "")
	if err := os.Chmod(private, 0o600); err != nil {
		t.Fatal(err)
	}
	s := new(site)
	remove, err := s.putKey(folder)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, challenge.KeyFile)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(private, file); err != nil {
		t.Fatal(err)
	}
	if !s.openKey() {
		t.Error("the key that was made cannot be opened")
	}
	remove()
	info, err := os.Stat(private)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the link's target: %v, %v, want permissions 600", info, err)
	}
}
