// Where the requests and responses of TestDifferential come from.

package e2e

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// A trial is one generated request and what the app answers to it.
type trial struct {
	request, response message
	chunk             int    // the size of the pieces of a chunked body
	pad               string // around the values of fields
}

func (c *trial) method() string {
	method, _, _ := strings.Cut(c.request.start, " ")
	return method
}

// generate makes the same trial of the same arguments. Every request is one
// that Apache hands to whoever is behind it. It answers these by itself, so
// they are left out:
//
//   - a Host with a colon and no port, and a number sign in the target: 400
//   - ".." above the root: 400; .ht* in the path: 403; %00: 404
//   - a segment of over 255 bytes: 403, for Apache looks for a file
//   - a request line or field line of over 8190 bytes, also one that only
//     joining repeated fields makes: 400
//   - TRACE, OPTIONS *
//
// Others are left out for other reasons. Expect: 100-continue makes mod_proxy
// wait for the app's consent, which the recorder never gives. An encoded slash
// beside dot segments is 400 by proxy.cgi, see removeDotSegments. Of field
// lines over 8000 bytes in a response proxy.cgi splits or drops some, and
// mod_proxy answers 502: see TestMatrix.
func generate(seed uint64, index int, app string) *trial {
	g := generator{rand.New(rand.NewPCG(seed, uint64(index)))}
	c := &trial{chunk: g.pick(7, 1000, 8192, 100_000), pad: g.oneOf(" ", "", " \t ")}
	host := g.oneOf("shop.example", "shop.example:8443", "127.0.0.1", "[::1]:81", "UPPER.example")
	c.request = g.request(host, c.chunk)
	c.response = g.response(c.method(), c.chunk, app, host)
	if g.chance(4) && strings.HasSuffix(c.request.start, "1.1") { // RFC 9110, section 15.2
		c.response.interim = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
	}
	return c
}

// A generator draws the parts of a trial.
type generator struct{ *rand.Rand }

func (g generator) chance(percent int) bool        { return g.IntN(100) < percent }
func (g generator) oneOf(choices ...string) string { return choices[g.IntN(len(choices))] }
func (g generator) pick(choices ...int) int        { return choices[g.IntN(len(choices))] }

// fields draws up to n fields, none twice, in any order.
func (g generator) fields(from []field, n int) []field {
	var drawn []field
	for _, i := range g.Perm(len(from))[:g.IntN(n+1)] {
		drawn = append(drawn, from[i])
	}
	return drawn
}

func (g generator) request(host string, chunk int) message {
	method := g.oneOf("GET", "GET", "GET", "HEAD", "POST", "PUT", g.oneOf("PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "MKCOL", "PURGE", "get", "!#$%&'*+-.^_`|~1"))
	target := g.path() + g.query()
	if g.chance(5) {
		target = "http://" + g.oneOf(host, "other.example") + target
	}
	version := "HTTP/1.1"
	if g.chance(4) {
		version = "HTTP/1.0"
	}
	m := message{start: method + " " + target + " " + version}
	m.fields = append(g.fields(requestFields, 8), field{"Host", host})
	if g.chance(10) {
		m.add("Range", "bytes=2-5")
	}
	switch g.IntN(10) {
	case 0:
		m.add("Connection", g.oneOf("close", "keep-alive", "Keep-Alive"))
	case 1:
		m.add("Connection", "x-hop, keep-alive")
		m.add("X-Hop", "1")
	}
	if method != "GET" && method != "HEAD" && g.chance(90) || g.chance(5) {
		m.body = g.body(chunk)
		if version == "HTTP/1.1" && g.chance(40) {
			m.add("Transfer-Encoding", g.oneOf("chunked", "Chunked"))
		} else {
			m.add("Content-Length", strconv.Itoa(len(m.body)))
		}
	}
	g.Shuffle(len(m.fields), func(i, j int) { m.fields[i], m.fields[j] = m.fields[j], m.fields[i] })
	return m
}

// segmentParts are what segments of a path are made of.
var segmentParts = []string{
	"a", "B7", "-._~", "!$&'()*+,;=:@", "proxy.cgi", "index.html", "...", "%20", "%7e", "%C3%a9", "%25", "%3F", "%23", "%3b", "%5c", "%01",
	"%2F", "%2f", "\xc3\xa9", "\xff", "|{}^`\"<>\\[]",
}

func (g generator) path() string {
	var b strings.Builder
	dots := g.chance(8)
	for range g.IntN(6) {
		b.WriteString("/")
		if g.chance(3) {
			b.WriteString(strings.Repeat("s", 255))
			continue
		}
		for range g.IntN(4) {
			if part := g.oneOf(segmentParts...); !dots || !strings.HasPrefix(strings.ToLower(part), "%2f") {
				b.WriteString(part)
			}
		}
		if dots {
			b.WriteString("/x/" + g.oneOf(".", "..", "%2e", ".%2E", "y/./../.."))
		}
	}
	if b.Len() == 0 || g.chance(20) {
		b.WriteString("/")
	}
	return b.String()
}

func (g generator) query() string {
	if g.chance(50) {
		return ""
	}
	query := "?"
	for range g.IntN(7) {
		query += g.oneOf("a=1", "b=", "c", "&", "&", ";", "=", "+", "%20", "%7e", "%zz", "%", "%00", "?", "/", "/../", "[]|{}^`\"<>\\", "\xc3\xa9", "-d", "http://h/")
	}
	if g.chance(5) {
		query += strings.Repeat("q", 5000)
	}
	return query
}

// statuses are final ones, among them some that no RFC has.
var statuses = strings.Fields(`200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 201 202 203 206 207 226 299 300 301 302 303 307 308
	400 401 402 403 404 405 406 407 408 409 410 411 412 413 414 415 416 417 418 421 422 423 424 425 426 428 429 431 451 499
	500 501 502 503 504 505 506 507 508 510 511 599`)

func (g generator) response(method string, chunk int, app, host string) message {
	status := g.oneOf(statuses...)
	if g.chance(8) {
		status = g.oneOf("204", "304", "205")
	}
	version := g.oneOf("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0")
	m := message{start: version + " " + status + " " + g.oneOf("OK", "Not Here, Sorry", "x", "caf\xc3\xa9", "200 OK", "a: b", "", strings.Repeat("r", 200))}
	m.fields = g.fields(responseFields, 10)
	if g.chance(50) {
		m.add("Content-Type", g.oneOf("text/html; charset=utf-8", "application/json", "Text/X ;a=\"b\""))
	}
	if status[0] == '3' || g.chance(5) {
		m.add("Location", g.oneOf("/x?y#z", "../x", "http://"+app+"/own?a", "https://foreign.example/", "http://"+host+"/public", "//foreign.example/x"))
	}
	if g.chance(5) {
		m.add("Connection", "x-hop")
		m.add("X-Hop", "1")
	}
	if status == "204" {
		return m
	}
	m.body = g.body(chunk)
	switch p := g.IntN(100); {
	case version == "HTTP/1.1" && p < 30:
		m.add("Transfer-Encoding", g.oneOf("chunked", "Chunked"))
		if g.chance(20) {
			m.add("Trailer", "X-Sum")
			m.trailer = []field{{"X-Sum", "1"}}
		}
	case p < 85:
		m.add("Content-Length", strconv.Itoa(len(m.body)))
	}
	if method == "HEAD" || status == "304" {
		m.body, m.trailer = nil, nil
	}
	return m
}

// noise is what bodies are made of: all bytes, line ends and NUL included.
var noise = func() []byte {
	b := make([]byte, 1<<20+1<<16)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

// body returns a body whose length is around that of some buffer, or small.
// It has at most 10,000 chunks.
func (g generator) body(chunk int) []byte {
	size := g.IntN(300)
	if g.chance(33) {
		size = g.pick(0, 8<<10, 8<<10, 8<<10, 64<<10, 64<<10, 64<<10, 64<<10, 1<<20) + g.IntN(7) - 3
	}
	size = min(max(size, 0), 10_000*chunk)
	start := g.IntN(1 << 15)
	return noise[start : start+size]
}

// requestFields holds what a client may send. Names differ in case on purpose.
var requestFields = []field{
	{"Accept", "*/*"}, {"accept", "text/html;q=0.5, text/event-stream"}, {"Accept-Encoding", "gzip, br"}, {"ACCEPT-LANGUAGE", "de, en;q=0.5"},
	{"User-Agent", "test/1 (a; b)"}, {"Cookie", "a=1; b=\"2\""}, {"Cookie", "c=3"}, {"Authorization", "Basic dTpw"},
	{"If-None-Match", "\"e\", W/\"f\""}, {"If-Match", "*"}, {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}, {"If-Range", "\"e\""}, {"Range", "bytes=2-5"},
	{"Referer", "http://other.example/?a"}, {"Origin", "null"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Encoding", "x-none"}, {"Date", "Sun, 06 Nov 1994 08:49:37 GMT"},
	{"X-Custom", "a, \"b\""}, {"X-Custom", "second"}, {"x-custom", "third"}, {"X-Empty", ""}, {"X-Tab", "a\tb"}, {"X-Bytes", "caf\xe9 \xc3\xa9"},
	{"X!#$%&'*+^`|~1", "odd"}, {"X_Under", "1"}, {"X.Dot", "1"}, {"X-Long", strings.Repeat("l", 8000)}, {"X-Quite-Long", strings.Repeat("m", 4097)},
	{"Keep-Alive", "5"}, {"TE", "trailers"}, {"Trailer", "X-T"}, {"Upgrade", "h2c"}, {"Proxy-Connection", "keep-alive"}, {"Proxy-Authorization", "Basic eDp5"}, {"Proxy", "http://evil.example/"},
	{"X-Forwarded-For", "6.6.6.6"}, {"X-Forwarded-Host", "evil.example"}, {"X-Forwarded-Proto", "https"}, {"X-Forwarded-Port", "6"}, {"X-Forwarded-Prefix", "/evil"}, {"X-Forwarded-Server", "evil"}, {"X-Forwarded-User", "root"},
	{"Forwarded", "for=6.6.6.6"}, {"X-Proxy-Signature", "evil"}, {"X-Real-IP", "6.6.6.6"}, {"Client-IP", "6.6.6.6"}, {"X-Rewrite-URL", "/evil"}, {"Via", "1.1 front"}, {"Max-Forwards", "3"}, {"Pragma", "no-cache"}, {"Cache-Control", "no-cache"},
	{"Status", "500"}, {"Location", "/x"}, {"Remote-User", "root"}, {"Https", "on"},
}

// responseFields holds what an app may say.
var responseFields = []field{
	{"Set-Cookie", "a=1; Path=/; HttpOnly"}, {"Set-Cookie", "b=2"}, {"SET-COOKIE", "a=3; expires=Sun, 06 Nov 1994 08:49:37 GMT"}, {"set-cookie", "d=4"},
	{"X-Rep", "1"}, {"X-Rep", "2, 3"}, {"x-rep", "4"}, {"Vary", "Accept"}, {"Vary", "Cookie"}, {"Link", "</a.css>; rel=preload"}, {"WWW-Authenticate", "Basic realm=\"a, b\""}, {"WWW-Authenticate", "Bearer"}, {"Proxy-Authenticate", "Basic realm=\"p\""},
	{"ETag", "W/\"e\""}, {"Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"}, {"Expires", "Sun, 06 Nov 1994 08:49:37 GMT"}, {"Date", "Sun, 06 Nov 1994 08:49:37 GMT"}, {"Server", "app/1"}, {"Via", "1.1 inner"}, {"Age", "3"},
	{"Pragma", "no-cache"}, {"Cache-Control", "private, max-age=0"}, {"Content-Encoding", "x-none"}, {"Content-Language", "de"}, {"Content-Disposition", "attachment; filename=\"\xc3\xa9\""}, {"Content-Range", "bytes 2-5/10"}, {"Accept-Ranges", "bytes"},
	{"Content-Location", "/c"}, {"Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ=="}, {"Refresh", "5; url=/z"}, {"Retry-After", "3"}, {"Allow", "GET, HEAD"}, {"Warning", "199 - \"x\""}, {"Strict-Transport-Security", "max-age=1"}, {"Content-Security-Policy", "default-src 'self'"},
	{"X-Empty", ""}, {"X-Tab", "a\tb"}, {"X-Bytes", "caf\xe9 \xc3\xa9"}, {"X!#$%&'*+^`|~1", "odd"}, {"X_Under", "1"}, {"X.Dot", "1"}, {"X-Long", strings.Repeat("l", 7900)}, {"X-Quite-Long", strings.Repeat("m", 4097)},
	{"Status", "500 Oops"}, {"Keep-Alive", "timeout=9"}, {"Proxy-Connection", "close"}, {"Upgrade", "h2c"}, {"TE", "x"}, {"X-Forwarded-For", "1.2.3.4"}, {"Script-Control", "no-abort"}, {"X-Accel-Redirect", "/a"}, {"X-Sendfile", "/etc/passwd"},
}
