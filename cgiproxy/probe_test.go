package cgiproxy

import (
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// probeKeys are a SECRET and the content of a key file.
const (
	probeSecret = "SECRET of the site"
	probeKey    = "0123456789abcdef0123456789abcdef"
	probeNonce  = "00112233445566778899aabbccddeeff"
)

// TestProbeKey has who is answered, and that the app gets all else, without the
// field.
func TestProbeKey(t *testing.T) {
	keyFile := func(text string, mode os.FileMode, age time.Duration) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			file := testkit.WriteFile(t, folder, challenge.KeyFile, text)
			when := time.Now().Add(-age)
			if err := os.Chtimes(file, when, when); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	asked := func(key string, age time.Duration) string {
		return challenge.Challenge{Time: time.Now().Add(-age), Nonce: probeNonce, What: "request"}.Value(key)
	}
	short := challenge.Challenge{Time: time.Now(), Nonce: "proxy", What: "request"}.Value(probeSecret)
	tests := []struct {
		name   string
		secret string
		file   func(t *testing.T, folder string) // that puts a key there
		value  string
		target string // "" for one with the nonce
		ours   bool
	}{
		{name: "no challenge", secret: probeSecret},
		{name: "SECRET", secret: probeSecret, value: asked(probeSecret, 0), ours: true},
		{name: "SECRET, repeated within a minute", secret: probeSecret, value: asked(probeSecret, 50*time.Second), ours: true},
		{name: "old", secret: probeSecret, value: asked(probeSecret, 62*time.Second)},
		{name: "of the future", secret: probeSecret, value: asked(probeSecret, -62*time.Second)},
		{name: "another key", secret: probeSecret, value: asked("SECRET of the other site", 0)},
		{name: "another test than signed", secret: probeSecret, value: strings.Replace(asked(probeSecret, 0), "what=request", "what=stream", 1)},
		{name: "another target", secret: probeSecret, value: asked(probeSecret, 0), target: "/admin"},
		{name: "a nonce that any target may have", secret: probeSecret, value: short, target: "/proxy-check"},
		{name: "no SECRET, and an empty key", value: asked("", 0)},
		{name: "no signature", secret: probeSecret, value: strings.Split(asked(probeSecret, 0), " sig=")[0]},
		{name: "another version", secret: probeSecret, value: "v2" + asked(probeSecret, 0)[2:]},
		{name: "file", file: keyFile(probeKey, 0o600, 0), value: asked(probeKey, 0), ours: true},
		{name: "file that others may read", file: keyFile(probeKey, 0o644, 0), value: asked(probeKey, 0), ours: true},
		{name: "file beside SECRET", secret: probeSecret, file: keyFile(probeKey, 0o600, 0), value: asked(probeKey, 0), ours: true},
		{name: "file, another key", file: keyFile(probeKey, 0o600, 0), value: asked(probeKey+"!", 0)},
		{name: "file, stale", file: keyFile(probeKey, 0o600, 11*time.Minute), value: asked(probeKey, 0)},
		{name: "file of the future", file: keyFile(probeKey, 0o600, -11*time.Minute), value: asked(probeKey, 0)},
		{name: "file that the group may write", file: keyFile(probeKey, 0o620, 0), value: asked(probeKey, 0)},
		{name: "file that others may write", file: keyFile(probeKey, 0o602, 0), value: asked(probeKey, 0)},
		{name: "empty file", file: keyFile("", 0o600, 0), value: asked("", 0)},
		{name: "file with a key that can be guessed", file: keyFile("key", 0o600, 0), value: asked("key", 0)},
		{name: "file that is a folder", file: func(t *testing.T, folder string) { os.Mkdir(filepath.Join(folder, challenge.KeyFile), 0o700) }, value: asked("", 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan string, 1)
			app := testkit.StartApp(t, func(conn net.Conn) {
				head, _ := testkit.ReadHead(conn)
				got <- head
				io.WriteString(conn, testkit.NoBody)
			})
			folder := t.TempDir()
			testkit.WriteFile(t, folder, ".htcgiproxy", app.Upstream()+"\nSECRET='"+tt.secret+"'\n")
			if tt.file != nil {
				tt.file(t, folder)
			}
			if tt.target == "" {
				tt.target = "/sub/proxy-check-" + probeNonce
			}
			response, _, err := handle(t, t.Context(), folder, visit("REQUEST_URI="+tt.target, challenge.Variable+"="+tt.value), nil)
			if err != nil {
				t.Fatal(err)
			}
			if ours := response.Values(challenge.Field) != nil; ours != tt.ours {
				t.Errorf("answered here: %v, want %v", ours, tt.ours)
			}
			select {
			case head := <-got:
				if tt.ours {
					t.Error("the app was asked")
				}
				if strings.Contains(head, challenge.Field) {
					t.Errorf("the app got the challenge: %q", head)
				}
			default:
				if !tt.ours {
					t.Error("the app was not asked")
				}
			}
		})
	}
}

// askProbe sends a probe to a site whose app does not run.
func askProbe(t *testing.T, settings, what, stdin string, vars ...string) (testkit.CGIResponse, error) {
	t.Helper()
	folder := t.TempDir()
	testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=1\nSECRET='"+probeSecret+"'\n"+settings)
	asked := challenge.Challenge{Time: time.Now(), Nonce: probeNonce, What: what}
	env := visit(append(vars, "REQUEST_URI=/proxy-check-"+probeNonce+"/a%2Fb?c=d", challenge.Variable+"="+asked.Value(probeSecret))...)
	response, _, err := handle(t, t.Context(), folder, env, strings.NewReader(stdin))
	proof := response.Values(challenge.Field)
	if proof == nil || asked.Proves(proof[0], probeSecret) != env["REQUEST_METHOD"] {
		t.Errorf("got the proof %q, want one for %s", proof, env["REQUEST_METHOD"])
	}
	return response, err
}

func TestProbeDescribes(t *testing.T) {
	const helloSum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // sha256sum
	upload := []string{"REQUEST_METHOD=PUT", "CONTENT_LENGTH=5"}
	forged := []string{"HTTP_X_FORWARDED_HOST=evil", "HTTP_X_FORWARDED_PORT=6", "HTTP_X_FORWARDED_PREFIX=/evil", "HTTP_TRUE_CLIENT_IP=6.6.6.6"}
	tests := []struct {
		name, settings, stdin string
		vars                  []string
		want                  map[string]string
	}{
		{"GET", "", "", nil, map[string]string{"method": "GET", "target": "/proxy-check-" + probeNonce + "/a%2Fb?c=d", "addr": "198.51.100.7", "client": "198.51.100.7", "scheme": "http", "server": "Apache/2.4.71 (Debian)", "body": "", "settings": "", "error": ""}},
		{"prefix", "STRIP_PREFIX=/sub\n", "", nil, map[string]string{"target": "/proxy-check-" + probeNonce + "/a%2Fb?c=d"}},
		{"Authorization", "", "", []string{"REDIRECT_HTTP_AUTHORIZATION=Bearer x"}, map[string]string{"authorization": "Bearer x"}},
		{"https", "", "", []string{"HTTPS=on"}, map[string]string{"scheme": "https"}},
		{"proxy in front", "TRUSTED_PROXIES=198.51.100.7\n", "", []string{"HTTP_X_FORWARDED_FOR=192.0.2.1", "HTTP_X_FORWARDED_PROTO=https"}, map[string]string{"client": "192.0.2.1", "scheme": "https", "for": "192.0.2.1", "proto": "https", "addr": "198.51.100.7"}},
		{"forged, by way of it", "TRUSTED_PROXIES=198.51.100.7\n", "", forged, map[string]string{"X-Forwarded-Host": "evil", "X-Forwarded-Port": "6", "X-Forwarded-Prefix": "/evil", "True-Client-Ip": "6.6.6.6"}},
		{"forged", "", "", forged, map[string]string{"X-Forwarded-Host": "example.com", "X-Forwarded-Port": "80", "X-Forwarded-Prefix": "", "True-Client-Ip": ""}},
		{"upload", "", "hello, and more", upload, map[string]string{"method": "PUT", "length": "5", "body": "5", "sha256": helloSum}},
		{"chunked upload", "", "hello", []string{"REQUEST_METHOD=PUT", "HTTP_TRANSFER_ENCODING=chunked"}, map[string]string{"coding": "chunked", "length": "", "body": "5", "sha256": helloSum}},
		{"upload that is cut", "", "hell", upload, map[string]string{"body": "4", "error": "request body ended after 4 of 5 bytes (EOF)"}},
		{"upload over the limit", "MAX_BODY=4\n", "hello", upload, map[string]string{"body": "", "error": "request body over 4 bytes: raise CGIPROXY_MAX_BODY if it should pass"}},
		{"refused by the server", "", "", []string{"REDIRECT_STATUS=404"}, map[string]string{"refused": "404"}},
		{"settings that cannot be used", "HEADER_TIMEOUT=-1s\n", "", nil, map[string]string{"settings": "CGIPROXY_HEADER_TIMEOUT"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response, err := askProbe(t, tt.settings, "request", tt.stdin, tt.vars...)
			if err != nil || response.Status != "Status: 200 OK" {
				t.Fatalf("got %s and error %v", response.Status, err)
			}
			seen, err := url.ParseQuery(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range tt.want {
				if got := seen.Get(name); got != want && !(name == "settings" && want != "" && strings.Contains(got, want)) {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

// A body that never ends holds up no probe.
func TestProbeBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three seconds")
	}
	t.Parallel()
	r, w := io.Pipe()
	defer w.Close()
	in := &Request{Env: visit(), Body: r}
	c := &call{in: in}
	if body := c.countBody(5); body.err == nil {
		t.Errorf("got %+v, want an error", body)
	}
	endless := &call{in: &Request{Env: visit(), Body: strings.NewReader(strings.Repeat("x", maxProbeBody+1))}}
	if body := endless.countBody(unknownLength); body.size != maxProbeBody {
		t.Errorf("%d bytes were read, want %d", body.size, maxProbeBody)
	}
}

func TestProbeResponses(t *testing.T) {
	tests := []struct {
		name, what, method string
		status, body       string
		fields             []string
		cut                bool
	}{
		{"stream", "stream", "GET", "200 OK", "data: piece 1\n\ndata: piece 2\n\ndata: piece 3\n\n", nil, false},
		{"length", "length", "GET", "200 OK", "data: piece 1\n\ndata: piece 2\n\ndata: piece 3\n\n", []string{"Content-Length: 45"}, false},
		{"cut", "cut", "GET", "200 OK", "cut short\n", []string{"Content-Length: 1000"}, true},
		{"early", "early", "POST", "413 Request Entity Too Large", "not one byte of it was read\n", nil, false},
		{"big", "big", "GET", "200 OK", challenge.BigText(), nil, false},
		{"HEAD", "big", "HEAD", "200 OK", "", []string{"Content-Length: 102396"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			response, err := askProbe(t, "", tt.what, "", "REQUEST_METHOD="+tt.method)
			if (err != nil) != tt.cut {
				t.Errorf("got error %v, want one: %v", err, tt.cut)
			}
			if response.Status != "Status: "+tt.status || response.Body != tt.body {
				t.Errorf("got %s %.100q, want %s %.100q", response.Status, response.Body, tt.status, tt.body)
			}
			testkit.WantText(t, strings.Join(response.Fields, "\n"), append(tt.fields, "Cache-Control: no-store", "Content-Type: text/plain")...)
		})
	}
}
