package e2e

import (
	"io"
	"net"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestCompressedHost has event streams on hosts that compress what they send.
// mod_deflate waits for the first 68 bytes before it looks whether it shall
// compress at all: no-gzip comes too late for small events.
func TestCompressedHost(t *testing.T) {
	anyAccept := example(t) + manualBlock(t, "<!-- streams of any Accept -->")
	for _, c := range []struct{ name, config, rules, accept string }{
		{"all", "SetOutputFilter DEFLATE\n", example(t), eventStream}, // cPanel's "Optimize Website"
		{"all, said in the folder", "<Directory {root}>\nSetOutputFilter DEFLATE\n</Directory>\n", example(t), eventStream},
		{"some types", "AddOutputFilterByType DEFLATE text/html text/plain text/css\n", example(t), eventStream},
		{"all, but not in this folder", "SetOutputFilter DEFLATE\n", anyAccept, "*/*"},
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

// TestCompressedByType has pages of a type that the host compresses, until MANUAL's lines
// for streams take that away: whether one is a stream, Apache cannot know.
func TestCompressedByType(t *testing.T) {
	app := newRecorder(t, func(conn net.Conn, _ received) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3000\r\n\r\n"+strings.Repeat("a page ", 3000/7)+"1234")
	})
	s := webserver.Run(t, webserver.ApacheEvent, webserver.Options{Config: "AddOutputFilterByType DEFLATE text/plain\n"})
	for _, c := range []struct{ rules, coding string }{
		{example(t), "gzip"},
		{example(t) + manualBlock(t, "<!-- streams of any Accept -->"), ""},
	} {
		fillSite(t, s, "", c.rules, app.addr, "proxy.cgi")
		got := visit(t, s.Addr, "GET /page HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
		if coding := got.Header.Get("Content-Encoding"); coding != c.coding {
			t.Errorf("Content-Encoding %q, want %q", coding, c.coding)
		}
	}
}

// TestCompressedCut has responses with a length that the app cuts short. nginx takes
// the length out where it compresses, and yet knows that something is missing.
func TestCompressedCut(t *testing.T) {
	for _, kind := range nginxes {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			app := newRecorder(t, func(conn net.Conn, _ received) {
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 50000\r\n\r\n"+strings.Repeat("A", 30000))
			})
			s := webserver.Run(t, kind, webserver.Options{Config: "gzip on; gzip_min_length 0;\n"})
			script := scriptName(kind)
			fillSite(t, s, "", "", app.addr, script)
			if script == "proxy.fcgi" {
				s.Spawn(t, script)
			}
			got := visit(t, s.Addr, "GET /page HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
			if got.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("got %v, want it compressed", got.Header)
			}
			if got.err == nil {
				t.Error("the response looks whole")
			}
		})
	}
}

// TestCompressedHostRange asks for the header of a part of an event stream, which
// hung now and then where BYTERANGE took that, too.
func TestCompressedHostRange(t *testing.T) {
	t.Parallel()
	app := newRecorder(t, func(conn net.Conn, _ received) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 45\r\n\r\n")
	})
	s := newSite(t, webserver.ApacheEvent, "CGIPROXY_UPSTREAM="+app.addr+"\n")
	for i := range 100 { // one in twenty hung
		got := visit(t, s.Addr, "HEAD "+s.folder+"/ HTTP/1.1\r\nHost: "+s.Addr+"\r\nAccept: text/event-stream\r\nRange: bytes=2-5\r\n\r\n")
		if got.StatusCode != 200 {
			t.Fatalf("request %d: status %d, want 200", i, got.StatusCode)
		}
		app.request(t)
	}
}
