package e2e

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// A trustCase is a request by which a client tries to pass for another,
// or to have the app see another request than the one it sent. Its fields are
// all that the app gets beside those that each request has.
type trustCase struct {
	exchangeCase
	refused map[webserver.Kind]string // servers that answer by themselves, and the status
}

// trusts lists the cases by the settings they need. More are in targetCases,
// fieldCases and shapes, and generated ones in TestSmuggleRequests.
var trusts = []struct {
	name, settings string
	kinds          []webserver.Kind
	cases          []trustCase
}{
	{"nobody trusted", "", trustKinds, slices.Concat(nameCases, variableCases, queryCases, authorityCases, hostCases, byteCases, lengthCases, codingCases)},
	{"others trusted", "CGIPROXY_TRUSTED_PROXIES=10.0.0.0/8,::1\n", trustKinds, nameCases},
	{"client trusted", "CGIPROXY_TRUSTED_PROXIES=127.0.0.0/8\n", trustKinds, claimCases},
	{"all names passed on", "", []webserver.Kind{goCGI, demo}, passedCases},
}

var trustKinds = slices.Concat([]webserver.Kind{webserver.ApacheEvent, webserver.ApacheSuexec, lighttpd, nginx}, webserver.FastCGI)

// TestTrust sends each case to each web server.
func TestTrust(t *testing.T) {
	for _, kind := range slices.Concat(trustKinds, []webserver.Kind{goCGI, demo}) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			for _, group := range trusts {
				if !slices.Contains(group.kinds, kind) {
					continue
				}
				t.Run(group.name, func(t *testing.T) {
					app := newStrictApp(t, tellNumber)
					s := newSite(t, kind, "CGIPROXY_UPSTREAM="+app.addr+"\n"+group.settings)
					for _, c := range group.cases {
						t.Run(c.name, func(t *testing.T) { c.run(t, s, app) })
					}
				})
			}
		})
	}
}

// TestTrustRoot has targets that start with two slashes, which need a site at
// the document root: a path is never a host.
func TestTrustRoot(t *testing.T) {
	for _, kind := range []webserver.Kind{webserver.ApacheEvent, lighttpd, nginx} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			app := newStrictApp(t, tellNumber)
			s := webserver.Run(t, kind, webserver.Options{})
			s.Install(t, "proxy.cgi", binary)
			s.WriteFile(t, ".htaccess", example(t), 0o644)
			s.WriteFile(t, ".htcgiproxy", "CGIPROXY_UPSTREAM="+app.addr+"\n", 0o600)
			for _, target := range []string{"//evil.example/", "//evil.example", "//evil.example:80/x?y", "///evil.example/x", "//user@evil.example/", "/\\evil.example/", "//127.0.0.1:1/"} {
				line := "GET " + strings.ReplaceAll(target, `\`, "%5C") + " HTTP/1.1"
				c := trustCase{exchangeCase: exchangeCase{name: target, request: "GET " + target + " HTTP/1.1\r\n{}", line: line}}
				t.Run(c.name, func(t *testing.T) { c.run(t, site{s, "", s.ErrorLog}, app) })
			}
		})
	}
}

func (c trustCase) run(t *testing.T, s site, app *strictApp) {
	if status, ok := c.refused[s.Kind]; ok {
		c.exchangeCase = exchangeCase{request: c.request, noApp: true, status: status, page: "*"}
	}
	fill := c.filler(s, app)
	before := len(app.since(0))
	got := visit(t, s.Addr, fill(strings.Replace(c.request, "{}", "Host: {host}\r\nConnection: close\r\n\r\n", 1)))
	requests := app.since(before)
	switch {
	case c.noApp && len(requests) > 0:
		t.Errorf("the app was asked: %q", requests[0].line)
	case !c.noApp && len(requests) != 1:
		t.Errorf("the app got %d requests, want one", len(requests))
	case !c.noApp:
		c.checkRequest(t, requests[0], fill)
		c.checkFields(t, requests[0], fill)
	}
	c.checkResponse(t, s.Kind, got, fill)
	app.check(t)
	if t.Failed() {
		t.Logf("%.300q was answered %s %v %.300q", c.request, got.Status, got.Header, got.body)
	}
}

// filler returns exchangeCase.fill with some names more: {port} is the
// server's, and {fold} what it puts in place of a line end within a field.
func (c trustCase) filler(s site, app *strictApp) func(string) string {
	_, port, _ := net.SplitHostPort(s.Addr)
	fold := " "
	if slices.Contains(lighttpds, s.Kind) {
		fold = "   "
	}
	more := strings.NewReplacer("{port}", port, "{fold}", fold)
	return func(text string) string { return more.Replace(c.fill(&s, app.addr, text, "")) }
}

// checkFields wants no field but those of the case and those of any request.
// How the body is framed is the web server's choice: that there is one framing,
// and that it is right, the strictApp has seen to.
func (c trustCase) checkFields(t *testing.T, r received, fill func(string) string) {
	t.Helper()
	want := map[string]string{}
	for _, line := range append([]string{"Host: {seen}", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: {seen}", "X-Forwarded-Port: {port}", "X-Forwarded-Proto: http"}, c.fields...) {
		name, value, _ := strings.Cut(fill(line), ": ")
		want[name] = value
	}
	want["X-Real-Ip"], _, _ = strings.Cut(want["X-Forwarded-For"], ",")
	for _, name := range c.without {
		delete(want, name)
	}
	for _, line := range r.lines {
		name, value, _ := strings.Cut(line, ": ")
		switch expected, ok := want[name]; {
		case name == "Connection", name == "Content-Length", name == "Transfer-Encoding":
		case !ok:
			t.Errorf("the app got %q, which it should not", line)
		case value != expected:
			t.Errorf("the app got %q, want %q", line, expected)
		}
		delete(want, name)
	}
	for name, value := range want {
		t.Errorf("the app did not get %q", fmt.Sprintf("%s: %s", name, value))
	}
}

// Web servers that do the same with a request, however they run proxy.cgi.
var (
	apaches     = []webserver.Kind{webserver.ApacheEvent, webserver.ApacheSuexec, fcgid}
	notApache   = slices.Concat(lighttpds, nginxes)
	notLighttpd = slices.Concat(apaches, nginxes)
	notNginx    = slices.Concat(apaches, lighttpds)
)

const bad = "400 Bad Request"

// byAll gives the status with which each web server answers by itself.
func byAll(status string) map[webserver.Kind]string {
	return and(on(status, apaches...), status, notApache...)
}

// forged returns the fields by which an app would know the client, the site
// and who vouches for both, each name spelled anew.
func forged(spell func(name string) string) string {
	var b strings.Builder
	for _, line := range []string{
		"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Forwarded-Port: 6", "X-Forwarded-Prefix: /evil",
		"X-Forwarded-User: root", "X-Forwarded-Server: evil", "X-Forwarded-Anything: evil", "X-Proxy-Signature: t=1,v1=00", "X-Proxy-Loop: 6", "Forwarded: for=6.6.6.6;proto=https",
		"X-Real-IP: 6.6.6.6", "True-Client-IP: 6.6.6.6", "X-Client-IP: 6.6.6.6", "Client-IP: 6.6.6.6", "X-Cluster-Client-IP: 6.6.6.6", "CF-Connecting-IP: 6.6.6.6",
		"Fastly-Client-IP: 6.6.6.6", "X-Forwarded: for=6.6.6.6", "X-Scheme: https", "X-Url-Scheme: https", "Front-End-Https: on", "X-Original-URL: /admin",
		"X-Rewrite-URL: /admin", "X-Original-Host: evil.example", "X-Host: evil.example", "X-Script-Name: /evil", "X-Sendfile-Type: X-Accel-Redirect", "X-Accel-Mapping: /=/etc/",
	} {
		name, value, _ := strings.Cut(line, ":")
		b.WriteString(spell(name) + ":" + value + "\r\n")
	}
	return b.String()
}

// spelled is a spell with which the hyphens are replaced.
func spelled(with string) func(string) string {
	return func(name string) string { return strings.ReplaceAll(name, "-", with) }
}

func trustGet(name, fields string, seen ...string) trustCase {
	return trustCase{exchangeCase: exchangeCase{name: name, request: "GET {site}/ HTTP/1.1\r\n" + fields + "{}", fields: seen}}
}

func (c trustCase) but(refused map[webserver.Kind]string) trustCase {
	c.refused = refused
	return c
}

// nameCases: fields that only proxy.cgi may set, however the client spells
// them. CGI has one name for many spellings (RFC 3875, section 4.1.18), and
// lighttpd takes any other byte for a hyphen.
var nameCases = []trustCase{
	trustGet("lower case", forged(strings.ToLower)),
	trustGet("upper case", forged(strings.ToUpper)),
	trustGet("underscores", forged(spelled("_"))),
	trustGet("dots", forged(spelled("."))),
	trustGet("other bytes of tokens", forged(spelled("~"))),
	trustGet("an underscore and a hyphen", forged(func(name string) string { return strings.Replace(strings.ToLower(name), "-", "_", 1) })),
	trustGet("twice", forged(spelled("-"))+forged(spelled("-"))),
	trustGet("two spellings", forged(spelled("_"))+forged(spelled("-"))+forged(strings.ToLower)),
	trustGet("named in Connection", "Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-Port, Host\r\n"+forged(spelled("-"))),
	trustGet("a colon more", forged(func(name string) string { return name + ":" })),
	trustGet("blank before the colon", forged(func(name string) string { return name + " " })).but(byAll(bad)),
	trustGet("tab before the colon", forged(func(name string) string { return name + "\t" })).but(byAll(bad)),
	trustGet("blanks in the name", forged(spelled(" "))).but(byAll(bad)),
	trustGet("folded line", "X: y\r\n X-Forwarded-User: root\r\n", "X: y{fold}X-Forwarded-User: root").but(on(bad, nginxes...)),
	trustGet("line ended by LF", "X: y\nX-Forwarded-User: root\r\n", "X: y").but(on(bad, notNginx...)),
	trustGet("line ended by CR", "X: y\rX-Forwarded-User: root\r\n").but(byAll(bad)),
	trustGet("line with NUL", "X: y\x00X-Forwarded-User: root\r\n").but(byAll(bad)),
	trustGet("line with control bytes", "X: y\x01z\x7f.\r\n", "X: y z .").but(on(bad, notNginx...)),
}

// variableCases: fields that look like what the server says itself.
var variableCases = []trustCase{
	trustGet("settings", "CGIPROXY-UPSTREAM: 127.0.0.1:1\r\nCGIPROXY-TRUSTED-PROXIES: 0.0.0.0/0\r\nX-Forwarded-For: 6.6.6.6\r\n",
		"Cgiproxy-Upstream: 127.0.0.1:1", "Cgiproxy-Trusted-Proxies: 0.0.0.0/0"),
	trustGet("variables of the server", "Remote-User: root\r\nRemote-Addr: 6.6.6.6\r\nHttps: on\r\nRequest-Scheme: https\r\nServer-Port: 6\r\nServer-Name: evil\r\nRequest-Uri: /evil\r\nRequest-Method: PUT\r\nRedirect-Remote-User: root\r\n",
		"Remote-User: root", "Remote-Addr: 6.6.6.6", "Https: on", "Request-Scheme: https", "Server-Port: 6", "Server-Name: evil", "Request-Uri: /evil", "Request-Method: PUT", "Redirect-Remote-User: root"),
	trustGet("httpoxy", "PROXY: http://127.0.0.1:1/\r\nproxy: http://127.0.0.1:1/\r\nHttp-Proxy: http://127.0.0.1:1/\r\n", "Http-Proxy: http://127.0.0.1:1/"),
	trustGet("another Content-Type", "Content-Type: a/b\r\nContent_Type: evil/x\r\nContent.Type: evil/y\r\n", "Content-Type: a/b"),
	trustGet("another Content-Type first", "Content_Type: evil/x\r\nContent-Type: a/b\r\n", "Content-Type: a/b"),
	trustGet("another Content-Type alone", "Content_Type: evil/x\r\nContent.Type: evil/y\r\n"),
	manyFields(90, nil),
	manyFields(200, on(bad, apaches...)), // LimitRequestFields
	manyFields(10_000, and(byAll(bad), "431 Request Header Fields Too Large", lighttpds...)),
}

func manyFields(n int, refused map[webserver.Kind]string) trustCase {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("X-%d: %d", i, i))
	}
	return trustGet(fmt.Sprint(n, " fields"), strings.Join(lines, "\r\n")+"\r\n", lines...).but(refused)
}

// passedCases: servers that make a variable of every field, as those written in
// Go do, are none to rely on.
var passedCases = []trustCase{
	trustGet("underscores", forged(spelled("_"))),
	trustGet("two spellings", forged(spelled("_"))+forged(spelled("-"))),
	trustGet("length", "Content_Length: 5\r\n"),
	trustBody("length beside the right one", "Content_Length: 3\r\nContent-Length: 5", "5\r\nhe"),
	trustGet("Content-Type", "Content_Type: evil/x\r\n"),
	trustGet("Content-Type beside the right one", "Content_Type: evil/x\r\nContent-Type: a/b\r\n", "Content-Type: a/b"),
	trustGet("coding", "Transfer_Encoding: chunked\r\n"),
	trustBody("coding beside a length", "Transfer_Encoding: chunked\r\nContent-Length: 5", "5\r\nhe"),
	trustGet("unknown coding", "Transfer_Encoding: gzip\r\n").but(on(unknown, goCGI)),
}

// queryCases: a query without "=" becomes arguments (RFC 3875, section 4.4),
// of which none may choose a command.
var queryCases = func() (cases []trustCase) {
	for _, query := range []string{"-version", "version", "--version", "help", "-h", "check", "-check+--bar%20x", "install+x", "app+stop", "-c+/bin/sh", "-d+allow_url_include%3d1"} {
		cases = append(cases, trustTarget("query "+query, "{site}/?"+query, ""))
	}
	return cases
}()

// claimCases: a proxy in front is believed, but not what a stranger had written
// to the left of its own word.
var claimCases = []trustCase{
	trustGet("chain", "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 127.0.0.2\r\n", "X-Forwarded-For: 203.0.113.9, 127.0.0.2, 127.0.0.1"),
	trustGet("chain with what is no address", "X-Forwarded-For: 6.6.6.6,\tunknown, 127.0.0.2\r\n", "X-Forwarded-For: 127.0.0.2, 127.0.0.1"),
	trustGet("chain that claims a trusted client", "X-Forwarded-For: 127.0.0.3, 203.0.113.9\r\n", "X-Forwarded-For: 203.0.113.9, 127.0.0.1"),
	trustGet("others' claims", "Forwarded: for=6.6.6.6\r\nX-Forwarded-User: root\r\nX-Forwarded-Server: evil\r\nX-Proxy-Signature: t=1,v1=00\r\n"),
	trustGet("claims that cannot be", "X-Forwarded-Host: a/b\r\nX-Forwarded-Proto: javascript\r\nX-Forwarded-Port: -1\r\nX-Forwarded-Prefix: //evil.example\r\n"),
	trustGet("claims", "X-Forwarded-Host: www.example:8443\r\nX-Forwarded-Proto: HTTPS\r\nX-Forwarded-Prefix: /front/\r\n",
		"X-Forwarded-Host: www.example:8443", "X-Forwarded-Proto: https", "X-Forwarded-Port: 8443", "X-Forwarded-Prefix: /front"),
	trustGet("chain on two lines", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9\r\n", "X-Forwarded-For: 203.0.113.9, 127.0.0.1"),
	trustGet("chain in two spellings", "X_Forwarded_For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9\r\nX.Forwarded.For: 6.6.6.6\r\n", "X-Forwarded-For: 203.0.113.9, 127.0.0.1").
		but(on(bad, lighttpds...)), // a variable for each spelling, and nobody knows which one the proxy wrote
	trustGet("chain in two spellings, the proxy's first", "X-Forwarded-For: 203.0.113.9\r\nX_Forwarded_For: 6.6.6.6\r\n", "X-Forwarded-For: 203.0.113.9, 127.0.0.1").
		but(on(bad, lighttpds...)),
	trustGet("address in two spellings", "True_Client_IP: 6.6.6.6\r\nTrue-Client-IP: 203.0.113.9\r\n", "True-Client-Ip: 203.0.113.9").
		but(on(bad, lighttpds...)),
}
