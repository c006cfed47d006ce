package cgiproxy

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// An upstream at the address that the client has connected to is found before
// anything is sent there.
func TestLoopByAddress(t *testing.T) {
	client, server := connection(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(server.LocalAddr().String())
	if !confirmsPort(connectionEnv(client)) {
		t.Skip("this kernel does not tell the state of a connection (CONFIG_INET_DIAG)")
	}
	tests := []struct {
		name     string
		settings []string
		vars     string // that differ
		want     bool   // it is the site itself
	}{
		{"port", []string{"UPSTREAM=" + port}, "", true},
		{"localhost", []string{"UPSTREAM=LocalHost:" + port}, "", true},
		{"address", []string{"UPSTREAM=127.0.0.1:" + port}, "", true},
		{"address, mapped to IPv6", []string{"UPSTREAM=[::ffff:127.0.0.1]:" + port}, "", true},
		{"IPv6 loopback", []string{"UPSTREAM=[::1]:" + port}, "", true},
		{"name of the server", []string{"UPSTREAM=WWW.site.test:" + port}, "", true},
		{"URL", []string{"UPSTREAM=http://www.site.test:" + port + "/"}, "", true},
		{"SERVER_ADDR in brackets", []string{"UPSTREAM=" + port}, "SERVER_ADDR=[::ffff:127.0.0.1]", true},
		{"another loopback address", []string{"UPSTREAM=127.0.0.2:" + port}, "", false},
		{"another port", []string{"UPSTREAM=6543"}, "", false},
		{"another address", []string{"UPSTREAM=192.0.2.81:" + port}, "", false},
		{"another name", []string{"UPSTREAM=app.test:" + port}, "", false},
		{"socket", []string{"UPSTREAM=unix:/run/app.sock"}, "", false},
		{"port that the client claims in Host", []string{"UPSTREAM=6543"}, "SERVER_PORT=6543", false},
		{"another path", []string{"UPSTREAM=http://127.0.0.1:" + port + "/app"}, "", false},
		{"another folder", []string{"UPSTREAM=" + port, "STRIP_PREFIX=/sub"}, "", false},
		{"another Host", []string{"UPSTREAM=" + port, "PRESERVE_HOST=false"}, "", false},
		{"no SERVER_ADDR", []string{"UPSTREAM=" + port}, "SERVER_ADDR=", false},
		{"behind another proxy", []string{"UPSTREAM=" + port}, "REMOTE_ADDR=192.0.2.1", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := connectionEnv(client)
			env["SERVER_NAME"] = "www.site.test"
			if name, value, ok := strings.Cut(tt.vars, "="); ok {
				env[name] = value
			}
			loop := (&Site{cfg: configure(t, tt.settings...), mark: "mark"}).checkLoop(env, &http.Request{})
			if got := loop != nil; got != tt.want {
				t.Fatalf("got error %v, want one: %v", loop, tt.want)
			}
			if loop != nil {
				testkit.WantText(t, loop.Error(), "CGIPROXY_UPSTREAM", "leads back to this site itself")
			}
		})
	}
}
