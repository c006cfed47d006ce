package e2e

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// TestVisitorBehindProxy has the visitor, the proxy in front and proxy.cgi at three
// addresses. An app that is told what MANUAL says of one more proxy knows the first.
func TestVisitorBehindProxy(t *testing.T) {
	const visitor, proxy = "127.0.0.5", "127.0.0.2"
	set, remove := manualFront(t, "nginx")
	for _, tt := range []struct {
		name, told string // by MANUAL
		file, app  string // {told} is that
		start      func(t *testing.T, file string) (upstream string)
		needs      string
	}{
		{"Flask", "x_for=2", "app.py", `
from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix
from wsgiref.simple_server import make_server

app = Flask(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app, {told}, x_proto=1, x_host=1, x_prefix=1)

@app.route("/<path:path>")
def address(path):
    return request.remote_addr

with make_server("127.0.0.1", 0, app) as server:
    print("listening on http://127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever()
`, func(t *testing.T, file string) string { return startApp(t, "", nil, "/usr/bin/python3", file) }, "/usr/bin/flask"},
		{"Express", `app.set("trust proxy", 2)`, "app.js", `
const app = require("express")();
{told};
app.get("*path", (req, res) => res.send(req.ip));
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit());
`, func(t *testing.T, file string) string { return startNode(t, file, nodeModules(t, expressApp)) }, "node"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			needPrograms(t, tt.needs)
			manual, err := os.ReadFile("../../MANUAL.md")
			if err != nil || !strings.Contains(string(manual), "`"+tt.told+"`") {
				t.Fatalf("MANUAL.md does not say %s (%v)", tt.told, err)
			}
			file := filepath.Join(t.TempDir(), tt.file)
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(tt.app, "{told}", tt.told)), 0o644); err != nil {
				t.Fatal(err)
			}
			s := newSite(t, webserver.ApacheEvent, "CGIPROXY_UPSTREAM="+tt.start(t, file)+"\nCGIPROXY_TRUSTED_PROXIES="+proxy+"\n")
			front := realFronts[0].start(t, s.Addr, set+remove+"proxy_bind "+proxy+";")
			transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(visitor)}}).DialContext}
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport, Timeout: patience}).Get("http://" + front + s.folder + "/")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); string(got) != visitor || err != nil {
				t.Errorf("the app says %s %q (%v), want %s", resp.Status, got, err, visitor)
			}
		})
	}
}
