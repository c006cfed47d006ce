//go:build linux

package webserver

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// The stand-in for proxy.cgi prints its environment.
const (
	script = `#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "seen by the script" >&2
exec env
`
	rules = `AddHandler cgi-script .cgi
RewriteEngine On
RewriteCond %{REQUEST_FILENAME} !-f
RewriteRule ^ proxy.cgi [L]
`
)

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// variables parses what env printed.
func variables(t *testing.T, text string) map[string]string {
	t.Helper()
	vars := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if earlier, ok := vars[name]; ok {
			t.Errorf("%s is set twice: %q and %q", name, earlier, value)
		}
		vars[name] = value
	}
	return vars
}

func TestKinds(t *testing.T) {
	for _, kind := range CGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := Run(t, kind, Options{Config: extraConfig[kind], Folders: []string{"", "app", "app/inner"}})
			for _, folder := range []string{"", "app/", "app/inner/"} {
				s.WriteFile(t, folder+".htaccess", rules, 0o644)
				s.WriteFile(t, folder+"proxy.cgi", script, 0o755)
			}
			s.WriteFile(t, "static/page.html", "static\n", 0o644)

			t.Run("static", func(t *testing.T) { testStatic(t, s) })
			t.Run("variables", func(t *testing.T) { testVariables(t, s) })
			if log := s.ErrorLog(); !strings.Contains(log, "seen by the script") {
				t.Errorf("stderr of the script is not in the error log:\n%s", log)
			}
		})
	}
}

// Each sets a response header, to see that Options.Config gets there.
var extraConfig = map[Kind]string{
	ApacheEvent:   `Header set X-Extra 1`,
	ApachePrefork: `Header set X-Extra 1`,
	ApacheSuexec:  `Header set X-Extra 1`,
	LighttpdCGI:   `setenv.add-response-header = ("X-Extra" => "1")`,
	NginxFcgiwrap: `add_header X-Extra 1;`,
}

func testStatic(t *testing.T, s *Server) {
	resp, body := get(t, s.URL+"/static/page.html")
	if resp.StatusCode != 200 || body != "static\n" || resp.Header.Get("Content-Type") != "text/html" {
		t.Errorf("got %s %q %q", resp.Status, resp.Header.Get("Content-Type"), body)
	}
	if resp.Header.Get("X-Extra") == "" {
		t.Error("Options.Config has no effect")
	}
	if resp, _ := get(t, s.URL+"/.htaccess"); resp.StatusCode != 403 {
		t.Errorf(".htaccess: got %s, want 403", resp.Status)
	}
}

func testVariables(t *testing.T, s *Server) {
	tests := []struct {
		name, target         string
		scriptName, pathInfo string
	}{
		{"root", "/", "/proxy.cgi", ""},
		{"deep", "/sub/deep/x?y", "/proxy.cgi", ""},
		{"folder", "/app/", "/app/proxy.cgi", ""},
		{"deep in folder", "/app/deep/x?y=1&z=%2F", "/app/proxy.cgi", ""},
		{"inner folder", "/app/inner/x", "/app/inner/proxy.cgi", ""},
		{"raw", "/a%20b//c%3fd/%7e;e?f=%20;g?h", "/proxy.cgi", ""},
		{"script named", "/proxy.cgi?y", "/proxy.cgi", ""},
		{"path behind the script", "/app/proxy.cgi/a/b?y", "/app/proxy.cgi", "/a/b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := get(t, s.URL+tt.target)
			if resp.StatusCode != 200 {
				t.Fatalf("got %s: %s", resp.Status, body)
			}
			_, query, _ := strings.Cut(tt.target, "?")
			vars := variables(t, body)
			for name, want := range map[string]string{
				"REQUEST_METHOD": "GET",
				"REQUEST_URI":    tt.target,
				"SCRIPT_NAME":    tt.scriptName,
				"PATH_INFO":      tt.pathInfo,
				"QUERY_STRING":   query,
				"SERVER_PORT":    s.port(),
			} {
				if got := vars[name]; got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

// An installed program runs, as the owner of the document root, from more than
// one folder.
func TestInstall(t *testing.T) {
	const idScript = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\nid -u\nid -g\n"
	binary := t.TempDir() + "/id"
	if err := os.WriteFile(binary, []byte(idScript), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, kind := range CGI {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := Run(t, kind, Options{Folders: []string{"", "app"}})
			for _, folder := range []string{"", "app/"} {
				s.WriteFile(t, folder+".htaccess", rules, 0o644)
				for range 2 { // again over a running one
					s.Install(t, folder+"proxy.cgi", binary)
					want := fmt.Sprintf("%d\n%d\n", s.UID, s.GID)
					if _, got := get(t, s.URL+"/"+folder+"x"); got != want {
						t.Errorf("/%s: got %q, want %q", folder, got, want)
					}
				}
			}
		})
	}
}
