package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// hang is an app that says nothing.
func hang(conn net.Conn, _ received) {
	io.Copy(io.Discard, conn)
}

// links is a list-valued field of about 20 KiB.
var links = strings.TrimSuffix(strings.Repeat("</style.css?a,b>; rel=preload; title=\"a, b\", ", 450), ", ")

// responseCases: what the app says reaches the client.
var responseCases = []exchangeCase{
	{name: "reason phrase", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 404 Not Here, Sorry\r\nContent-Length: 4\r\n\r\ngone", status: "404 Not Here, Sorry", page: "gone"},
	{name: "unknown status", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 299 Fine By Me\r\nContent-Length: 1\r\n\r\n.", status: "299 Fine By Me", page: "."},
	{name: "unknown status without a reason phrase", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 299\r\nContent-Length: 1\r\n\r\n.", status: "299 Successful", page: "."},
	{name: "no reason phrase", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n.", page: "."},
	{
		name: "fields", request: "GET {site}/ HTTP/1.1\r\n{}", page: "x",
		response: "HTTP/1.1 200 OK\r\nContent-Type: text/x; charset=utf-8\r\nETag: \"e\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nCache-Control: no-cache\r\nVary: a\r\nVary: b\r\nX-A: 1\r\nContent-Encoding: x-none\r\nContent-Length: 1\r\n\r\nx",
		gets:     []string{"Content-Type: text/x; charset=utf-8", "ETag: \"e\"", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Cache-Control: no-cache", "X-A: 1", "Content-Encoding: x-none", "Content-Length: 1"},
	},
	{name: "no content type", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html></html>\r\n", page: "<html></html>\r\n", hidden: []string{"Content-Type"}, except: on("guesses a Content-Type", goCGI)},
	{name: "Pragma alone", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length: 0\r\n\r\n", gets: []string{"Pragma: no-cache"}, hidden: []string{"Cache-Control"}},
	{name: "cookies in order", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nSet-Cookie: b=1; Path=/\r\nSet-Cookie: a=2\r\nSet-Cookie: b=3\r\nContent-Length: 0\r\n\r\n", gets: []string{"Set-Cookie: b=1; Path=/", "Set-Cookie: a=2", "Set-Cookie: b=3"}},
	{name: "hop-by-hop fields", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nX-Stays: 1\r\nContent-Length: 0\r\n\r\n", gets: []string{"X-Stays: 1"}, hidden: []string{"X-Hop"}},
	{name: "Status field", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nStatus: 500 Oops\r\nContent-Length: 1\r\n\r\n.", hidden: []string{"Status"}, page: "."},
	{name: "Location with 200", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nLocation: /elsewhere\r\nContent-Length: 4\r\n\r\nhere", hidden: []string{"Location"}, page: "here", log: "dropped Location"},
	{name: "Location with 201", request: "POST {site}/ HTTP/1.1\r\nContent-Length: 0\r\n{}", response: "HTTP/1.1 201 Created\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n", status: "201 Created", gets: []string{"Location: /new"}},
	{name: "redirect to the app's own address", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 302 Found\r\nLocation: http://{app}/x?y#z\r\nContent-Length: 0\r\n\r\n", status: "302 Found", gets: []string{"Location: http://{seen}/x?y#z"}},
	{name: "redirect elsewhere", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 302 Found\r\nLocation: https://ex.org/x\r\nContent-Length: 0\r\n\r\n", status: "302 Found", gets: []string{"Location: https://ex.org/x"}},
	{name: "relative redirect", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 302 Found\r\nLocation: ../x\r\nContent-Length: 0\r\n\r\n", status: "302 Found", gets: []string{"Location: ../x"}},
	{
		name: "stripped prefix given back", settings: "CGIPROXY_STRIP_PREFIX=auto\n", request: "GET {site}/a HTTP/1.1\r\n{}", status: "303 See Other",
		response: "HTTP/1.1 303 See Other\r\nLocation: /x\r\nContent-Location: http://{app}/y\r\nRefresh: 5; url=/z\r\nSet-Cookie: a=1; Path=/; HttpOnly\r\nSet-Cookie: b=1; path=/b\r\nContent-Length: 0\r\n\r\n",
		gets:     []string{"Location: {site}/x", "Content-Location: http://{seen}{site}/y", "Refresh: 5; url={site}/z", "Set-Cookie: a=1; Path={site}; HttpOnly", "Set-Cookie: b=1; path={site}/b"},
		except:   on("serves the document root only", goCGI, demo),
	},
	{name: "HEAD", request: "HEAD {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nContent-Type: text/x\r\n\r\n", gets: []string{"Content-Length: 12345", "Content-Type: text/x"}},
	{name: "204", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", status: "204 No Content", gets: []string{"X-A: 1"}, hidden: []string{"Content-Length", "Content-Type"}},
	{name: "304", request: "GET {site}/ HTTP/1.1\r\nIf-None-Match: \"e\"\r\n{}", response: "HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n", status: "304 Not Modified", gets: []string{"ETag: \"e\""}},
	{name: "206", request: "GET {site}/ HTTP/1.1\r\nRange: bytes=2-3\r\n{}", response: "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/10\r\nContent-Length: 2\r\n\r\n23", status: "206 Partial Content", gets: []string{"Content-Range: bytes 2-3/10", "Content-Length: 2"}, page: "23"},
	{name: "1xx swallowed", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plainResponse, page: "ok", hidden: []string{"Link"}},
	{name: "chunked", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-T: 1\r\n\r\n", page: "abcde", hidden: []string{"Trailer", "X-T"}},
	{name: "until the connection closes", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.0 200 OK\r\n\r\nabcde", page: "abcde"},
	{name: "1 MiB", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + megabyte, page: megabyte, gets: []string{"Content-Length: 1048576"}},
	{name: "1 MiB in chunks", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + megabyte + "\r\n0\r\n\r\n", page: megabyte},
	{name: "long list split", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nLink: " + links + "\r\nContent-Length: 0\r\n\r\n", page: "", gets: []string{"Link: " + links},
		except: and(on("answers 502 to any header over fastcgi_buffer_size, 4 or 8 KiB", nginxes...), "answers 500 to a field line over 1 KiB", goCGI)},
	{name: "long field dropped", request: "GET {site}/ HTTP/1.1\r\n{}", response: "HTTP/1.1 200 OK\r\nX-Long: " + strings.Repeat("x", 20000) + "\r\nX-Short: 1\r\nContent-Length: 0\r\n\r\n", gets: []string{"X-Short: 1"}, hidden: []string{"X-Long"}, log: "dropped field \"X-Long\""},
	{
		name: "early response to a large upload", status: "413 Enough", page: "stop",
		request: "PUT {site}/ HTTP/1.1\r\nContent-Length: 1048576\r\nHost: {host}\r\nConnection: close\r\n\r\n" + megabyte,
		body:    megabyte, response: "HTTP/1.1 413 Enough\r\nContent-Length: 4\r\n\r\nstop",
		except: on(fcgidMaxBody, fcgid),
	},
}

const html502 = "GET {site}/ HTTP/1.1\r\nAccept: text/html\r\n{}"

// What mod_fcgid does to responses that are cut short.
const fcgidHolds = "holds back 64 KiB, and makes a response that is cut before a 500 of its own"

// failureCases: an app, or a setting, that is not as it should be.
var failureCases = []exchangeCase{
	{name: "garbage", request: html502, response: "SSH-2.0-OpenSSH_9.2\r\n", status: "502 Bad Gateway", page: "*", log: "malformed answer: status line \"SSH-2.0"},
	{name: "no response", request: html502, response: "HTTP/1.1 200 OK", status: "502 Bad Gateway", page: "*", log: "closed the connection before the header"},
	{name: "101", request: html502, response: "HTTP/1.1 101 Switching Protocols\r\n\r\n", status: "502 Bad Gateway", page: "*", log: "101 Switching Protocols"},
	{name: "two lengths", request: html502, response: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", status: "502 Bad Gateway", page: "*", log: "two lengths"},
	{name: "length and chunks", request: html502, response: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", status: "502 Bad Gateway", page: "*", log: "both Content-Length and Transfer-Encoding"},
	{name: "control byte in a field", request: html502, response: "HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 0\r\n\r\n", status: "502 Bad Gateway", page: "*", log: "malformed answer"},
	{name: "header cut", request: html502, response: "HTTP/1.1 200 OK\r\nContent-Le", status: "502 Bad Gateway", page: "*", log: "closed the connection before the header"},
	{name: "endless header", request: html502, status: "502 Bad Gateway", page: "*", log: "header of over 1048576 bytes", reply: func(conn net.Conn, _ received) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(conn, "X-%d: %s\r\n", i, megabyte[:1000]); err != nil {
				return
			}
		}
	}},
	{name: "header of too many lines", request: html502, response: "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1001) + "\r\n", status: "502 Bad Gateway", page: "*", log: "header of 1001 lines"},
	{name: "body cut", request: html502, response: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", page: "half", cut: true, log: "cut short", except: on(fcgidHolds, fcgid)},
	{name: "long body cut", request: html502, response: "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + megabyte, page: "*", cut: true, log: "cut short"},
	{name: "hung app", settings: "CGIPROXY_HEADER_TIMEOUT=300ms\n", request: html502, reply: hang, status: "504 Gateway Timeout", page: "*", log: "no answer within 300ms"},
	{name: "silent app", settings: "CGIPROXY_IDLE_TIMEOUT=300ms\n", request: html502, reply: func(conn net.Conn, r received) {
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
		hang(conn, r)
	}, page: "half", cut: true, log: "no piece of the answer within 300ms", except: on(fcgidHolds, fcgid)},
	{name: "app down", settings: "CGIPROXY_UPSTREAM=127.0.0.1:1\n", request: html502, noApp: true, status: "502 Bad Gateway", page: "*", log: "connect 127.0.0.1:1: connection refused: is the app running?"},
	{name: "no socket", settings: "CGIPROXY_UPSTREAM=unix:/nonexistent/app.sock\n", request: html502, noApp: true, status: "502 Bad Gateway", page: "*", log: "connect unix:/nonexistent/app.sock: no such file or directory"},
	{name: "bad upstream", settings: "CGIPROXY_UPSTREAM=app\n", request: html502, noApp: true, status: "500 Internal Server Error", page: "*", log: "CGIPROXY_UPSTREAM is \"app\": neither a port, host:port, a URL, unix:/path nor auto: write for example CGIPROXY_UPSTREAM=6543 into"},
	{name: "bad setting", settings: "CGIPROXY_HEADER_TIMEOUT=soon\n", request: html502, noApp: true, status: "500 Internal Server Error", page: "*", log: "CGIPROXY_HEADER_TIMEOUT is \"soon\""},
	{name: "misspelt setting", settings: "CGIPROXY_HEADER_TIMOUT=5s\n", request: "GET {site}/ HTTP/1.1\r\n{}", log: "CGIPROXY_HEADER_TIMOUT is no setting: did you mean CGIPROXY_HEADER_TIMEOUT?"},
}
