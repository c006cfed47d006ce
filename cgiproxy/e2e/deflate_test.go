package e2e

import (
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestCompressedHost has event streams on hosts that compress what they send.
// mod_deflate waits for the first 68 bytes before it looks whether it shall
// compress at all: no-gzip comes too late for small events.
func TestCompressedHost(t *testing.T) {
	begin := "  <If \"req_novary('Accept') =~ m#text/event-stream#\">\n"
	lines := between(t, example(t), "\n"+begin, "  </If>\n")
	off := strings.Replace(example(t), lines, "    SetOutputFilter BYTERANGE\n", 1) // as MANUAL tells
	for _, c := range []struct{ name, config, rules, accept string }{
		{"all", "SetOutputFilter DEFLATE\n", example(t), eventStream}, // cPanel's "Optimize Website"
		{"all, said in the folder", "<Directory {root}>\nSetOutputFilter DEFLATE\n</Directory>\n", example(t), eventStream},
		{"some types", "AddOutputFilterByType DEFLATE text/html text/plain text/css\n", example(t), eventStream},
		{"all, but not in this folder", "SetOutputFilter DEFLATE\n", off, "*/*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app, got := lockstepApp(t)
			s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: c.config})
			fillSite(t, s, "", c.rules, app.addr, "proxy.cgi")
			followStream(t, s.Addr, "/events", c.accept, got)
		})
	}
}
