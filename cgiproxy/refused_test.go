package cgiproxy

import (
	"io"
	"net"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestRefused(t *testing.T) {
	tests := []struct {
		name string
		vars []string
		want string // the status line; "" for a request that the app is asked for
	}{
		{"no redirect", nil, ""},
		{"empty", []string{"REDIRECT_STATUS="}, ""},
		{"a rewrite", []string{"REDIRECT_STATUS=200", "REDIRECT_URL=/x"}, ""},
		{"a rewrite of a rewrite", []string{"REDIRECT_STATUS=200", "REDIRECT_REDIRECT_STATUS=200"}, ""},
		{"PHP's 1", []string{"REDIRECT_STATUS=1"}, ""},
		{"PHP's CGI", []string{"REDIRECT_STATUS=CGI"}, ""},
		{"nginx without an error", []string{"REDIRECT_STATUS=000", "REDIRECT_STATUS=200"}, ""},
		{"a client's field", []string{"HTTP_REDIRECT_STATUS=401", "HTTP_STATUS=401"}, ""},
		{"other names", []string{"STATUS=401", "X_REDIRECT_STATUS=401", "REDIRECT_STATUS_X=401", "REDIRECT_X_STATUS=401"}, ""},

		{"401", []string{"REDIRECT_STATUS=401"}, "Status: 401 Unauthorized"},
		{"403", []string{"REDIRECT_STATUS=403"}, "Status: 403 Forbidden"},
		{"404", []string{"REDIRECT_STATUS=404"}, "Status: 404 Not Found"},
		{"500", []string{"REDIRECT_STATUS=500"}, "Status: 500 Internal Server Error"},
		{"508 of CloudLinux", []string{"REDIRECT_STATUS=508"}, "Status: 508 Loop Detected"},
		{"302", []string{"REDIRECT_STATUS=302"}, "Status: 302 Found"},
		{"204 is no page", []string{"REDIRECT_STATUS=204"}, "Status: 500 Internal Server Error"},
		{"in an earlier redirect", []string{"REDIRECT_STATUS=200", "REDIRECT_REDIRECT_STATUS=403"}, "Status: 403 Forbidden"},
		{"in the tenth", []string{"REDIRECT_STATUS=200", strings.Repeat("REDIRECT_", 10) + "STATUS=403"}, "Status: 403 Forbidden"},
		{"beside PHP's 200", []string{"REDIRECT_STATUS=200", "REDIRECT_STATUS=403"}, "Status: 403 Forbidden"},
		{"before PHP's 200", []string{"REDIRECT_STATUS=403", "REDIRECT_STATUS=200"}, "Status: 403 Forbidden"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := make(chan bool, 1)
			app := testkit.StartApp(t, func(conn net.Conn) {
				asked <- true
				testkit.ReadHead(conn)
				io.WriteString(conn, testkit.NoBody)
			})
			folder := t.TempDir()
			testkit.WriteFile(t, folder, ".htcgiproxy", app.Upstream())
			got, log, err := handle(t, t.Context(), folder, visit(tt.vars...), strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			if wanted := tt.want == ""; wanted != (len(asked) == 1) {
				t.Errorf("the app was asked: %t, want %t", !wanted, wanted)
			}
			if tt.want == "" {
				return
			}
			if got.Status != tt.want {
				t.Errorf("got %q, want %q", got.Status, tt.want)
			}
			testkit.WantText(t, log, `the web server itself refused "/"`, "RewriteCond")
		})
	}
}

// A name counts only where the web server has proved it.
func TestRemoteUser(t *testing.T) {
	const nginx, apache = "SERVER_SOFTWARE=nginx/1.22.1", "SERVER_SOFTWARE=Apache/2.4.71 (Debian)"
	tests := []struct {
		name string
		vars []string
		want string
	}{
		{"Apache", []string{apache, "REMOTE_USER=me", "AUTH_TYPE=Basic"}, "me"},
		{"Apache, a client's certificate", []string{apache, "REMOTE_USER=me"}, "me"},
		{"LiteSpeed", []string{"SERVER_SOFTWARE=LiteSpeed", "REMOTE_USER=me"}, "me"},
		{"lighttpd", []string{"SERVER_SOFTWARE=lighttpd/1.4.69", "REMOTE_USER=me", "AUTH_TYPE=Basic"}, "me"},
		{"nginx", []string{nginx, "REMOTE_USER=me"}, ""},
		{"nginx, told to say so", []string{nginx, "REMOTE_USER=me", "AUTH_TYPE=Basic"}, "me"},
		{"nginx, told nothing", []string{nginx, "REMOTE_USER=me", "AUTH_TYPE="}, ""},
		{"Python's http.server", []string{"SERVER_SOFTWARE=SimpleHTTP/0.6 Python/3.11.2", "REMOTE_USER=me", "AUTH_TYPE=Basic"}, ""},
		{"no server's name", []string{"REMOTE_USER=me"}, ""},
		{"refused", []string{apache, "REDIRECT_STATUS=401", "REMOTE_USER=me"}, ""},
		{"refused before", []string{apache, "REDIRECT_STATUS=401", "REDIRECT_REMOTE_USER=me"}, ""},
		{"refused long before", []string{apache, "REDIRECT_STATUS=200", "REDIRECT_REDIRECT_STATUS=401", "REDIRECT_REDIRECT_REMOTE_USER=me"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewEnviron(tt.vars)["REMOTE_USER"]; got != tt.want {
				t.Errorf("NewEnviron(%q): REMOTE_USER is %q, want %q", tt.vars, got, tt.want)
			}
		})
	}
}
