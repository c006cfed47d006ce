package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/e2e/webserver"
	"proxy.cgi/cgiproxy/internal/testkit"
)

// A realFront is a proxy in front as people set one up.
type realFront struct{ name, config, command string }

var realFronts = []realFront{
	{"nginx", `
daemon off; pid {folder}/pid; events {}
http {
	access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
	fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
	server {
		listen {addr};
		location / {
			proxy_pass http://{server};
			proxy_http_version 1.1;
			proxy_buffering off;
			proxy_request_buffering off;
			client_max_body_size 0;
			{lines}
		}
	}
}`, "nginx -e stderr -c {folder}/config"},
	{"Caddy", `{
	admin off
	auto_https off
}
http://:{port} {
	bind 127.0.0.1
	reverse_proxy {server} {
		flush_interval -1
		transport http {
			compression off
		}
		{lines}
	}
}`, "caddy run --adapter caddyfile --config {folder}/config"},
}

// start starts it and returns its address.
func (f realFront) start(t *testing.T, server, lines string) (addr string) {
	t.Helper()
	folder, port := t.TempDir(), testkit.FreePort(t)
	addr = "127.0.0.1:" + port
	fill := strings.NewReplacer("{addr}", addr, "{port}", port, "{folder}", folder, "{server}", server, "{lines}", lines).Replace
	if err := os.WriteFile(filepath.Join(folder, "config"), []byte(fill(f.config)), 0o644); err != nil {
		t.Fatal(err)
	}
	startServer(t, addr, folder, strings.Fields(fill(f.command)))
	return addr
}

// manualFront returns the lines that MANUAL has for a proxy in front: those that say
// who the visitor is, and those that remove what he forges.
func manualFront(t *testing.T, name string) (set, remove string) {
	t.Helper()
	manual, err := os.ReadFile("../../MANUAL.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`<!-- in front: remove -->\n\n((?: {7}.*\n)+)`).FindSubmatch(manual)
	row := regexp.MustCompile(`(?m)^\| ` + name + ` \| (.*) \| (.*) \|$`).FindSubmatch(manual)
	if names == nil || row == nil {
		t.Fatalf("MANUAL.md has no fields to remove, or no row for %s", name)
	}
	set = strings.Trim(string(row[1]), "`") + "\n"
	if set == "by itself\n" {
		set = ""
	}
	line := string(regexp.MustCompile("`([^`]*NAME[^`]*)`").FindSubmatch(row[2])[1])
	for field := range strings.FieldsSeq(string(names[1])) {
		remove += strings.ReplaceAll(line, "NAME", field) + "\n"
	}
	return set, remove
}

// TestLiveCheckForged has a proxy in front that is believed, and passes on what a
// visitor forges, until it is told MANUAL's lines.
func TestLiveCheckForged(t *testing.T) {
	const passesOn = "warning: the app gets any visitor's "
	for _, f := range realFronts {
		t.Run(f.name, func(t *testing.T) {
			through := strings.Join(challenge.Claims[:], ", ") + ":"
			if f.name == "Caddy" { // it sets the first
				through = strings.TrimPrefix(through, "X-Forwarded-Host, ")
			}
			set, remove := manualFront(t, f.name)
			believed := "CGIPROXY_TRUSTED_PROXIES=127.0.0.1\n"
			for _, tt := range []struct{ name, settings, lines, want string }{
				{"as it is", believed, set, passesOn + through},
				{"in a folder", believed + "CGIPROXY_STRIP_PREFIX=auto\n", set, passesOn + through},
				{"as MANUAL says", believed, set + remove, "ok: does not get to the app"},
				{"not believed", "", set, "ok: does not get to the app"},
			} {
				s := newSite(t, webserver.ApacheEvent, liveSettings+tt.settings)
				url := "http://" + f.start(t, s.Addr, tt.lines) + s.folder
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					wantFindings(t, live.Options{URL: url, Secret: "hunter2"}, findings{"forged fields": tt.want})
				})
			}
		})
	}
}
