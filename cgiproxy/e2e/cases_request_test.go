package e2e

import (
	"maps"
	"strings"

	"proxy.cgi/cgiproxy/e2e/webserver"
)

const (
	lighttpd = webserver.LighttpdCGI
	nginx    = webserver.NginxFcgiwrap
	fcgid    = webserver.ApacheFcgid
)

// Kinds of one web server, which do the same however it runs proxy.cgi.
var (
	lighttpds = []webserver.Kind{lighttpd, webserver.LighttpdFastCGI}
	nginxes   = []webserver.Kind{nginx, webserver.NginxFastCGI, webserver.NginxFastCGIKeep}
)

// on gives several servers the same reason.
func on(reason string, kinds ...webserver.Kind) map[webserver.Kind]string {
	m := map[webserver.Kind]string{}
	for _, kind := range kinds {
		m[kind] = reason
	}
	return m
}

// and adds the same reason for further servers.
func and(m map[webserver.Kind]string, reason string, kinds ...webserver.Kind) map[webserver.Kind]string {
	maps.Copy(m, on(reason, kinds...))
	return m
}

// What mod_fcgid does to large bodies.
const fcgidMaxBody = "answers 500 to bodies over FcgidMaxRequestLen, 128 KiB"

// What Go's net/http/cgi does to every request.
const (
	goEncodes  = "gives REQUEST_URI as net/url encodes it anew"
	goNoChunks = "answers 400 to chunked bodies"
)

// targetCases: the request-target reaches the app as the client sent it.
var targetCases = []exchangeCase{
	{name: "folder", request: "GET {site}/ HTTP/1.1\r\n{}", line: "GET {site}/ HTTP/1.1"},
	{name: "escapes as sent", request: "GET {site}/a%20b%2Cc%7e%c3%a9;d=1,@:!$&'()*+ HTTP/1.1\r\n{}", line: "GET {site}/a%20b%2Cc%7e%c3%a9;d=1,@:!$&'()*+ HTTP/1.1"},
	{name: "encoded slash", request: "GET {site}/a%2Fb%2fc HTTP/1.1\r\n{}", line: "GET {site}/a%2Fb%2fc HTTP/1.1"},
	{name: "encoded percent, question mark, number sign", request: "GET {site}/a%25b%3Fc%23d HTTP/1.1\r\n{}", line: "GET {site}/a%25b%3Fc%23d HTTP/1.1"},
	{name: "empty segments", request: "GET {site}//a///b// HTTP/1.1\r\n{}", line: "GET {site}//a///b// HTTP/1.1"},
	{name: "bytes outside of ASCII", request: "GET {site}/caf\xc3\xa9 HTTP/1.1\r\n{}", line: "GET {site}/caf\xc3\xa9 HTTP/1.1", except: on(goEncodes, goCGI)},
	{name: "bytes that URLs should not have", request: "GET {site}/a|b{c}^`\"<> HTTP/1.1\r\n{}", line: "GET {site}/a|b{c}^`\"<> HTTP/1.1",
		except: on(goEncodes, goCGI)},
	{name: "query", request: "GET {site}/q?x=%7E&y=a;b&z&empty=&x=2+3 HTTP/1.1\r\n{}", line: "GET {site}/q?x=%7E&y=a;b&z&empty=&x=2+3 HTTP/1.1"},
	{name: "query of another shape", request: "GET {site}/q?a/../b?c%zz[]| HTTP/1.1\r\n{}", line: "GET {site}/q?a/../b?c%zz[]| HTTP/1.1"},
	{name: "empty query", request: "GET {site}/q? HTTP/1.1\r\n{}", line: "GET {site}/q? HTTP/1.1"},
	{name: "query that becomes an argument", request: "GET {site}/q?install+-x HTTP/1.1\r\n{}", line: "GET {site}/q?install+-x HTTP/1.1"},
	{name: "dot segments", request: "GET {site}/a/./b/../c HTTP/1.1\r\n{}", line: "GET {site}/a/c HTTP/1.1"},
	{name: "encoded dot segments", request: "GET {site}/a/%2e/b/.%2E/c HTTP/1.1\r\n{}", line: "GET {site}/a/c HTTP/1.1"},
	{name: "absolute form", request: "GET http://{host}{site}/a?b HTTP/1.1\r\n{}", line: "GET {site}/a?b HTTP/1.1", fields: []string{"Host: {seen}"}},
	{name: "absolute form and another Host", request: "GET http://ex.org{site}/a HTTP/1.1\r\n{}", line: "GET {site}/a HTTP/1.1", fields: []string{"Host: ex.org", "X-Forwarded-Host: ex.org"},
		except: on("answers 400 where the two differ", lighttpds...)},
	{name: "script named", request: "GET {site}/{script}/a%20b//c?d HTTP/1.1\r\n{}", line: "GET {site}/a%20b//c?d HTTP/1.1", except: on("has no script's name in its URLs", goCGI)},
	{name: "script named alone", request: "GET {site}/{script} HTTP/1.1\r\n{}", line: "GET {site}/ HTTP/1.1", except: on("has no script's name in its URLs", goCGI)},
	{name: "prefix stripped", settings: "CGIPROXY_STRIP_PREFIX=auto\n", request: "GET {site}/a%20b?c HTTP/1.1\r\n{}", line: "GET /a%20b?c HTTP/1.1", fields: []string{"X-Forwarded-Prefix: {site}"}, except: on("serves the document root only", goCGI, demo)},
	{name: "prefix stripped before two slashes", settings: "CGIPROXY_STRIP_PREFIX=auto\n", request: "GET {site}//ex.org/a HTTP/1.1\r\n{}", line: "GET //ex.org/a HTTP/1.1"},
}

// fieldCases: the header section, less what concerns our connection, plus what
// only we know.
var fieldCases = []exchangeCase{
	{
		name:    "all fields",
		request: "GET {site}/ HTTP/1.1\r\nAccept: */*\r\nUser-Agent: t/1\r\nX-Custom: a, \"b\"\r\nCookie: a=1; b=2\r\nAuthorization: Bearer x.y\r\nAccept-Encoding: br\r\nIf-None-Match: \"x\"\r\n{}",
		fields:  []string{"Accept: */*", "User-Agent: t/1", "X-Custom: a, \"b\"", "Cookie: a=1; b=2", "Authorization: Bearer x.y", "Accept-Encoding: br", "If-None-Match: \"x\"", "Host: {seen}"},
	},
	{
		name:    "nothing invented",
		request: "GET {site}/ HTTP/1.1\r\n{}",
		without: []string{"User-Agent", "Accept", "Accept-Encoding", "Content-Type", "Transfer-Encoding", "X-Forwarded-User", "X-Forwarded-Prefix", "Cache-Control"},
	},
	{name: "no length invented", request: "GET {site}/ HTTP/1.1\r\n{}", without: []string{"Content-Length"},
		except: on("sets CONTENT_LENGTH=0 for every request without a body", append(lighttpds, fcgid)...)},
	{
		name:    "repeated field",
		request: "GET {site}/ HTTP/1.1\r\nX-A: 1\r\nX-A: 2\r\n{}",
		fields:  []string{"X-A: 1, 2"},
	},
	{
		name:    "hop-by-hop fields",
		request: "GET {site}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nProxy: http://evil/\r\nX-Stays: 1\r\n\r\n",
		fields:  []string{"X-Stays: 1"},
		without: []string{"X-Hop", "Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Connection", "Proxy-Authorization", "Proxy"},
		except:  on("puts close in the place of Connection, so nobody knows about X-Hop", fcgid),
	},
	{
		name:    "hop-by-hop fields that are known",
		request: "GET {site}/ HTTP/1.1\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nProxy: http://evil/\r\nX-Stays: 1\r\n{}",
		fields:  []string{"X-Stays: 1"},
		without: []string{"Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Connection", "Proxy-Authorization", "Proxy"},
	},
	{
		name:    "connection closed after the response",
		request: "GET {site}/ HTTP/1.1\r\n{}",
		fields:  []string{"Connection: close"},
		except:  on("keeps connections to the app", webserver.FastCGI...),
	},
	{
		name:    "connection closed after an upload",
		request: "POST {site}/ HTTP/1.1\r\nContent-Length: 0\r\n{}",
		fields:  []string{"Connection: close"},
	},
	{
		name:    "forwarded fields replaced",
		request: "GET {site}/ HTTP/1.1\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 6\r\nX-Forwarded-User: root\r\nX-Forwarded-Prefix: /evil\r\nX-Forwarded-Server: evil\r\nForwarded: for=6.6.6.6\r\nX-Proxy-Signature: evil\r\nX-Proxy-Loop: evil\r\n{}",
		fields:  []string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: {seen}", "X-Forwarded-Proto: http"},
		without: []string{"X-Forwarded-User", "X-Forwarded-Prefix", "X-Forwarded-Server", "Forwarded", "X-Proxy-Signature"},
	},
	{
		name:     "forwarded fields of a trusted proxy",
		settings: "CGIPROXY_TRUSTED_PROXIES=127.0.0.0/8\n",
		request:  "GET {site}/ HTTP/1.1\r\nX-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-Host: ex.org\r\nX-Forwarded-Proto: https\r\n{}",
		fields:   []string{"X-Forwarded-For: 203.0.113.9, 127.0.0.1", "X-Forwarded-Host: ex.org", "X-Forwarded-Proto: https", "X-Forwarded-Port: 443"},
	},
	{
		name:    "names with an underscore",
		request: "GET {site}/ HTTP/1.1\r\nX_Forwarded_For: 6.6.6.6\r\nX_Forwarded_User: root\r\nContent_Length: 7\r\n{}",
		fields:  []string{"X-Forwarded-For: 127.0.0.1"},
		without: []string{"X-Forwarded-User"},
	},
	{name: "another host", request: "GET {site}/ HTTP/1.1\r\nHost: ex.org:8443\r\nConnection: close\r\n\r\n", fields: []string{"Host: ex.org:8443", "X-Forwarded-Host: ex.org:8443"},
		except: on("Debian's fastcgi_params pass Host on without its port", nginxes...)},
	{name: "host not kept", settings: "CGIPROXY_PRESERVE_HOST=false\n", request: "GET {site}/ HTTP/1.1\r\n{}", fields: []string{"Host: {app}", "X-Forwarded-Host: {seen}"}},
	{name: "HTTP/1.0 without a host", request: "GET {site}/ HTTP/1.0\r\n\r\n", line: "GET {site}/ HTTP/1.1", without: []string{"X-Forwarded-Host"}},
	{name: "long field", request: "GET {site}/ HTTP/1.1\r\nCookie: " + strings.Repeat("c", 7000) + "\r\n{}", fields: []string{"Cookie: " + strings.Repeat("c", 7000)}},
	{name: "value outside of ASCII", request: "GET {site}/ HTTP/1.1\r\nX-A: caf\xe9\r\n{}", fields: []string{"X-A: caf\xe9"}},
	{
		name:    "websocket",
		request: "GET {site}/ HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		noApp:   true, status: "501 Not Implemented", page: "*",
		except: on("keeps Upgrade to itself, so the app sees an ordinary GET", lighttpd, fcgid),
	},
}

var megabyte = strings.Repeat("0123456789abcdef", 1<<16)

// bodyCases: the request's body, whole or not at all.
var bodyCases = []exchangeCase{
	{name: "length", request: "POST {site}/ HTTP/1.1\r\nContent-Type: text/x\r\nContent-Length: 5\r\nHost: {host}\r\nConnection: close\r\n\r\nhello", fields: []string{"Content-Length: 5", "Content-Type: text/x"}, without: []string{"Transfer-Encoding"}, body: "hello"},
	{name: "length 0", request: "POST {site}/ HTTP/1.1\r\nContent-Length: 0\r\n{}", fields: []string{"Content-Length: 0"}, without: []string{"Transfer-Encoding"}, except: on("gives no CONTENT_LENGTH of 0", goCGI)},
	{name: "POST without a body", request: "POST {site}/ HTTP/1.1\r\n{}", without: []string{"Transfer-Encoding"},
		except: on("answers 411 to a POST without a length", lighttpds...)},
	{name: "GET with a body", request: "GET {site}/ HTTP/1.1\r\nContent-Length: 5\r\nHost: {host}\r\nConnection: close\r\n\r\nhello", fields: []string{"Content-Length: 5"}, body: "hello",
		except: on("answers 400 to a GET with a body", lighttpds...)},
	{name: "chunked", request: "POST {site}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: {host}\r\nConnection: close\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", body: "hello world", except: on(goNoChunks, goCGI)},
	{name: "chunked and empty", request: "POST {site}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: {host}\r\nConnection: close\r\n\r\n0\r\n\r\n", except: on(goNoChunks, goCGI)},
	{name: "1 MiB", request: "PUT {site}/ HTTP/1.1\r\nContent-Length: 1048576\r\nHost: {host}\r\nConnection: close\r\n\r\n" + megabyte, body: megabyte, except: on(fcgidMaxBody, fcgid)},
	{name: "100 kB", request: "PUT {site}/ HTTP/1.1\r\nContent-Length: 100000\r\nHost: {host}\r\nConnection: close\r\n\r\n" + megabyte[:100000], body: megabyte[:100000]},
	{name: "100 kB chunked", request: "PUT {site}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: {host}\r\nConnection: close\r\n\r\n186a0\r\n" + megabyte[:100000] + "\r\n0\r\n\r\n", body: megabyte[:100000], except: on(goNoChunks, goCGI)},
	{name: "1 MiB chunked", request: "PUT {site}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: {host}\r\nConnection: close\r\n\r\n100000\r\n" + megabyte + "\r\n0\r\n\r\n", body: megabyte, except: and(on(goNoChunks, goCGI), fcgidMaxBody, fcgid)},
	{name: "expectation", request: "POST {site}/ HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\nHost: {host}\r\nConnection: close\r\n\r\nhello", body: "hello", without: []string{"Expect"}},
	{
		name: "over MAX_BODY", settings: "CGIPROXY_MAX_BODY=1000\n",
		request: "POST {site}/ HTTP/1.1\r\nContent-Length: 1048576\r\nHost: {host}\r\nConnection: close\r\n\r\n" + megabyte,
		noApp:   true, status: "413 Request Entity Too Large", page: "*", log: "request body over 1000 bytes: raise CGIPROXY_MAX_BODY",
		except: on(fcgidMaxBody, fcgid),
	},
	{
		name: "a little over MAX_BODY", settings: "CGIPROXY_MAX_BODY=1000\n",
		request: "POST {site}/ HTTP/1.1\r\nContent-Length: 1001\r\nHost: {host}\r\nConnection: close\r\n\r\n" + megabyte[:1001],
		noApp:   true, status: "413 Request Entity Too Large", page: "*", log: "request body over 1000 bytes: raise CGIPROXY_MAX_BODY",
	},
}
