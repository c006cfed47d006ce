// Targets and hosts that could be read in two ways, or that no server should
// take.

package e2e

import (
	"strconv"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

// trustTarget is a GET of a target that the app must get as line, "" for as is.
func trustTarget(name, target, line string, seen ...string) trustCase {
	if line == "" {
		line = target
	}
	return trustCase{exchangeCase: exchangeCase{name: name, request: "GET " + target + " HTTP/1.1\r\n{}", line: "GET " + line + " HTTP/1.1", fields: seen}}
}

// authorityCases: the target names a host. That one counts, if it is a host at
// all (RFC 9112, section 3.2.2), and nobody connects to it.
var authorityCases = []trustCase{
	trustTarget("two slashes", "/{site}/x", ""),
	trustTarget("two slashes twice", "/{site}//evil.example/x", ""),
	trustTarget("another host", "http://evil.example{site}/x?y", "{site}/x?y", "Host: evil.example", "X-Forwarded-Host: evil.example").but(on(bad, lighttpds...)),
	trustTarget("another host, upper case", "HTTP://evil.example{site}/x", "{site}/x", "Host: evil.example", "X-Forwarded-Host: evil.example").but(on(bad, lighttpds...)),
	trustTarget("another host, https", "https://evil.example{site}/x", "{site}/x", "Host: evil.example", "X-Forwarded-Host: evil.example").but(on(bad, lighttpds...)),
	trustTarget("another scheme", "ftp://evil.example{site}/x", "{site}/x", "Host: evil.example", "X-Forwarded-Host: evil.example").but(on(bad, notNginx...)),
	noHost("http://{site}/x", "{site}/x"),
	trustTarget("user and password", "http://user:password@{host}{site}/x", "").but(byAll(bad)),
	trustTarget("user that looks like the host", "http://{host}@evil.example{site}/x", "").but(byAll(bad)),
	trustTarget("backslash", "http://{host}\\@evil.example{site}/x", "").but(byAll(bad)),
	trustTarget("port that is none", "http://evil.example:x{site}/x", "").but(byAll(bad)),
	trustTarget("fragment", "http://evil.example#{site}/x", "").but(byAll(bad)),
	trustTarget("no scheme", "evil.example{site}/x", "").but(byAll(bad)),
	trustTarget("no slashes", "http:{site}/x", "").but(byAll(bad)),
}

func trustHost(host, seen string, refused map[webserver.Kind]string) trustCase {
	c := trustCase{refused: refused}
	c.name = "Host " + strconv.Quote(host)
	c.request = "GET {site}/ HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"
	c.fields = []string{"Host: " + seen, "X-Forwarded-Host: " + seen}
	return c
}

// hostCases: a Host that is no host reaches nobody.
var hostCases = func() (cases []trustCase) {
	for _, host := range []string{"", " ", "a b", "a\tb", "a/b", "a@b", "a\\b", "a?b", "a#b", "a,b", "a;b", "a%2fb", "a\x01b", "a\x00b", "a\x7fb", "caf\xe9", "..", "[::1", "a\r\nHost: b", "a\r\nHOST: b", "a\r\nHost : b", "a\r\n Host: b"} {
		cases = append(cases, trustHost(host, "", byAll(bad)))
	}
	return append(cases,
		// nginx's $host is what stands before the colon.
		trustHost("u:p@a", "u", on(bad, notNginx...)),
		trustHost("a:0", "a", on(bad, notNginx...)),
		trustHost("a:99999", "a", on(bad, notNginx...)),
		trustHost("a:", "a", on(bad, apaches...)),
		trustHost("a\r\nHost: a", "a", on(bad, notLighttpd...)),
		trustHost("[::1]", "[::1]", nil),
		trustHost("_a", "_a", on(bad, lighttpds...)),
	)
}()

// byteCases: bytes that mean something to some, in the target and in fields.
// lighttpd wants targets without them (server.http-parseopts).
var byteCases = []trustCase{
	trustTarget("CR LF in the path", "{site}/a%0d%0aX-Forwarded-User:%20root", "").but(on(bad, lighttpds...)),
	trustTarget("CR LF in the query", "{site}/?a%0D%0A%0D%0AGET%20/evil", "").but(on(bad, lighttpds...)),
	trustTarget("NUL in the path", "{site}/a%00b", "").but(and(byAll(bad), "404 Not Found", apaches...)),
	trustTarget("NUL in the query", "{site}/?a%00b", "").but(on(bad, lighttpds...)),
	trustTarget("8-bit bytes in path and query", "{site}/\xff\xfe?\xc3\xa9\x80", "").but(on(bad, lighttpds...)),
	trustTarget("control byte in the path", "{site}/a\x01b", "").but(byAll(bad)),
	trustTarget("control byte in the query", "{site}/?a\x7fb", "").but(byAll(bad)),
	trustTarget("raw NUL", "{site}/a\x00b", "").but(byAll(bad)),
	trustTarget("tab", "{site}/a\tb", "").but(byAll(bad)),
	trustTarget("CR", "{site}/a\rX-Forwarded-User: root", "").but(byAll(bad)),
	trustTarget("blank in the path", "{site}/a HTTP/1.1", "{site}/a%20HTTP/1.1").but(on(bad, notLighttpd...)),
	trustTarget("blank in the query", "{site}/?a b", "{site}/?a%20b").but(on(bad, notLighttpd...)),
	trustTarget("number sign in the path", "{site}/open#/../admin/x", "").but(byAll(bad)),
	trustTarget("two dots behind an empty segment", "{site}/a//../admin/x", "").but(byAll(bad)),
	trustTarget("number sign in the query", "{site}/a?b#c", "{site}/a?b%23c").but(on(bad, apaches...)),
	trustTarget("backslashes", "{site}/a\\..\\b?..\\", "{site}/a%5C..%5Cb?..\\"),
	trustTarget("encoded backslashes", "{site}/..%5c..%5Cevil", ""),
	trustTarget("dot segments behind encoded slashes", "{site}/a%2f..%2fb", "").but(byAll(bad)),
	trustGet("8-bit bytes in a field", "X-A: \xff\x80\xc3\xa9\r\n", "X-A: \xff\x80\xc3\xa9"),
}

// noHost is an absolute-form without a host, for which Apache says no
// SERVER_NAME either.
func noHost(target, line string) trustCase {
	c := trustTarget("no host", target, line, "Host: {app}")
	c.without = []string{"X-Forwarded-Host"}
	return c.but(on(bad, notApache...))
}
