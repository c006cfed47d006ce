// Where the responses of TestSmuggleResponses come from, and what a client must
// get of them.

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
)

// An oddResponse is what the app says to the first of two requests.
type oddResponse struct {
	what      string
	method    string // of the request
	pipelined bool   // the second request comes with the first
	last      bool   // the first request is its connection's last

	wire   string // all that the app sends at once
	late   string // what it sends after that, when the client has its response
	closes bool   // whether it then closes the connection

	status string // what the client must get
	body   string
	cut    bool // it may get less of the body, or an error of the web server's
}

// fake is a response that nobody asked for.
const fake = "HTTP/1.1 200 OK\r\nX-Marker: evil\r\nContent-Length: 4\r\n\r\nevil"

// A responseGenerator draws the parts of an oddResponse.
type responseGenerator struct {
	generator
	site string // "/s1"
	turn int    // which variant of the trick it is

	line    string   // the status line
	fields  []string // lines, or what stands in their place
	framing []string // the same, of the fields that frame the body
	body    string   // as it is sent
}

// variant draws the next one of a trick's variants.
func (g *responseGenerator) variant(choices ...string) string { return choices[g.turn%len(choices)] }

// generateResponse makes the same response of the same arguments. The tricks
// come by turns, and so do their variants, of which each web server starts with
// another one.
func generateResponse(seed uint64, index, server int, site string) *oddResponse {
	trick := responseTricks[index%len(responseTricks)]
	g := &responseGenerator{generator: generator{rand.New(rand.NewPCG(seed, uint64(index)))}, site: site, turn: 5*server + index/len(responseTricks), line: "HTTP/1.1 200 OK"}
	o := &oddResponse{method: "GET", status: "200", body: g.content(), pipelined: g.chance(30)}
	g.frame(o)
	o.what = trick.name
	trick.play(g, o)
	g.Shuffle(len(g.fields), func(i, j int) { g.fields[i], g.fields[j] = g.fields[j], g.fields[i] })
	end := "\r\n"
	if o.what == "lines ended by LF" {
		end = "\n"
	}
	o.wire += g.line + end + strings.Join(append(g.fields, g.framing...), end) + end + end + g.body
	if len(g.framing) > 0 && !o.cut {
		g.surplus(o)
	}
	return o
}

func (g *responseGenerator) content() string {
	return g.oneOf("", "a", "0\r\n\r\n", fake, "a"+fake+"z", strings.Repeat("z", 3000), strings.Repeat("y", 70_000))
}

// frame declares the end of the body in one of the three right ways.
func (g *responseGenerator) frame(o *oddResponse) {
	g.fields = []string{"Content-Type: text/plain", "X-First: 1"}
	switch g.IntN(5) {
	case 0:
		g.body, o.closes = o.body, true
	case 1, 2:
		g.inChunks(o)
	default:
		g.byLength(o)
	}
}

func (g *responseGenerator) byLength(o *oddResponse) {
	g.framing, g.body, o.closes = []string{"Content-Length: " + strconv.Itoa(len(o.body))}, o.body, false
}

func (g *responseGenerator) inChunks(o *oddResponse) {
	g.framing, g.body, o.closes = []string{"Transfer-Encoding: chunked"}, "", false
	size := g.pick(1000, 7, 100_000)
	for rest := o.body; rest != ""; rest = rest[min(size, len(rest)):] {
		g.body += fmt.Sprintf("%x\r\n%s\r\n", min(size, len(rest)), rest[:min(size, len(rest))])
	}
	g.body += "0\r\n\r\n"
}

// surplus adds bytes that are no part of the response.
func (g *responseGenerator) surplus(o *oddResponse) {
	extra := g.oneOf("", "", fake, fake, fake+fake, "\r\n", "evil", "\r\n"+fake, "0\r\n\r\n")
	if g.chance(30) && !o.closes && !o.pipelined {
		o.late = extra
		return
	}
	o.wire += extra
}

// refused is for responses that proxy.cgi must not pass on.
func (o *oddResponse) refused() { o.status, o.closes = "502", true }

// A responseTrick makes a response odd.
type responseTrick struct {
	name string
	play func(g *responseGenerator, o *oddResponse)
}

var responseTricks = []responseTrick{
	{"nothing odd", func(*responseGenerator, *oddResponse) {}},
	{"length and chunks", func(g *responseGenerator, o *oddResponse) {
		g.inChunks(o)
		length := "Content-Length: " + strconv.Itoa(g.pick(len(o.body), len(g.body), 0, 5))
		g.framing = append(g.framing, length)
		if g.chance(50) {
			g.framing[0], g.framing[1] = g.framing[1], g.framing[0]
		}
		o.refused()
	}},
	{"two lengths", func(g *responseGenerator, o *oddResponse) {
		g.byLength(o)
		g.framing = append(g.framing, "Content-Length: "+strconv.Itoa(len(o.body)+g.pick(1, 4, 61)))
		o.refused()
	}},
	{"one length twice", func(g *responseGenerator, o *oddResponse) {
		g.byLength(o)
		g.framing = append(g.framing, strings.ToUpper(g.framing[0]))
	}},
	{"odd length", func(g *responseGenerator, o *oddResponse) {
		g.byLength(o)
		n := strconv.Itoa(len(o.body))
		g.framing[0] = "Content-Length: " + g.variant("+"+n, "-"+n, "0x"+n, n+", "+n, n+";", "", n+".0", n+" "+n, "1"+strings.Repeat("0", 20), n+"\r\n "+n)
		o.refused()
	}},
	{"odd coding", func(g *responseGenerator, o *oddResponse) {
		g.inChunks(o)
		g.framing[0] = "Transfer-Encoding: " + g.variant("xchunked", "chunked, identity", "identity", "gzip, chunked", "", "chunked\r\nTransfer-Encoding: chunked", "identity\r\nTransfer-Encoding: chunked", "\"chunked\"", "\r\n chunked,", "chunked, chunked")
		o.refused()
	}},
	{"upper case", func(g *responseGenerator, o *oddResponse) {
		g.inChunks(o)
		g.framing[0] = strings.ToUpper(g.framing[0])
	}},
	{"broken chunks", func(g *responseGenerator, o *oddResponse) {
		o.body = "begin" + o.body
		g.inChunks(o)
		at := strings.Index(g.body, "\r\n") + len("\r\nbegin")
		g.body = g.body[:at] + g.variant("", "\r", "evil\r\n0\r\n\r\n", "\r\nevil\r\n", "\r\n-1\r\nevil", "\r\nffffffffffffffffff\r\nevil", "\r\n0x4\r\nevil\r\n0\r\n\r\n", "\r\n;\r\nevil")
		g.body = "5" + g.body[strings.Index(g.body, "\r\n"):]
		o.cut, o.closes = true, true
	}},
	{"no last chunk", func(g *responseGenerator, o *oddResponse) {
		g.inChunks(o)
		g.body = strings.TrimSuffix(g.body, "0\r\n\r\n")
		o.cut, o.closes = true, true
	}},
	{"chunks with extensions", func(g *responseGenerator, o *oddResponse) {
		o.body = "hello"
		g.inChunks(o)
		g.body = g.variant("5;evil\r\nhello\r\n0;evil\r\n\r\n", "0005\r\nhello\r\n00\r\n\r\n", "5;a=\"\r\nhello\r\n0\r\n\r\n")
	}},
	{"trailers", func(g *responseGenerator, o *oddResponse) {
		g.inChunks(o)
		g.body = strings.TrimSuffix(g.body, "\r\n") + g.variant("X-Marker: evil\r\n", "Content-Length: 3\r\nX: evil\r\n", "Transfer-Encoding: evil\r\n", "Status: 404 evil\r\n", fake+"\r\n") + "\r\n"
	}},
	{"length too long", func(g *responseGenerator, o *oddResponse) {
		g.byLength(o)
		g.framing[0] = "Content-Length: " + strconv.Itoa(len(o.body)+g.pick(1, 100, 1_000_000))
		// Web servers keep the connection of a response that is shorter than it
		// says: the client would wait, or take the next response for its rest.
		o.cut, o.closes, o.pipelined, o.last = true, true, false, true
	}},
	{"length too short", func(g *responseGenerator, o *oddResponse) {
		g.byLength(o)
		g.body += g.variant(fake, "evil", "\r\n"+fake)
	}},
	{"1xx before", func(g *responseGenerator, o *oddResponse) {
		o.wire = strings.Repeat(g.variant("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nX-Marker: evil\r\nContent-Length: 4\r\n\r\n", "HTTP/1.1 199 \r\nTransfer-Encoding: chunked\r\n\r\n"), g.pick(1, 3, 500))
	}},
	{"1xx without end", func(g *responseGenerator, o *oddResponse) {
		o.wire = strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1<<20/25+1)
		o.refused()
	}},
	{"1xx with a body", func(g *responseGenerator, o *oddResponse) {
		o.wire = "HTTP/1.1 102 Processing\r\nContent-Length: 4\r\n\r\nevil"
		o.refused()
	}},
	{"odd version", func(g *responseGenerator, o *oddResponse) {
		g.line = g.variant("HTTP/2.0 200 OK", "http/1.1 200 OK", "ICY 200 OK", "", "\r\nHTTP/1.1 200 OK", " HTTP/1.1 200 OK", "HTTP/1.x 200 OK")
		o.refused()
	}},
	{"odd status", func(g *responseGenerator, o *oddResponse) {
		g.line = "HTTP/1.1 " + g.variant("101 Switching Protocols", "099 x", "2000 x", "20", "+20 x", "-20 x", "2 0", " 200 x", "x")
		o.refused()
	}},
	{"two status lines", func(g *responseGenerator, o *oddResponse) {
		g.line = "HTTP/1.1 200 OK\r\nHTTP/1.1 404 evil"
		o.refused()
	}},
	{"odd reason phrase", func(g *responseGenerator, o *oddResponse) {
		g.line = "HTTP/1.1 200 " + g.variant("", "HTTP/1.1 404", "a: b", strings.Repeat("r", 300), "\xff")
	}},
	{"control byte in the status line", func(g *responseGenerator, o *oddResponse) {
		g.line = "HTTP/1.1 200 OK" + g.variant("\rX-Marker: evil", "\x00", "\x0b")
		o.refused()
	}},
	{"odd field line", func(g *responseGenerator, o *oddResponse) {
		g.fields = append(g.fields, g.variant("X: a\rX-Marker: evil", "X: a\x00", "X: \x01", "X: a\x7f", "no colon", ": evil", "X A: evil", "X-A : evil", "Content-Length\x0b: 3", "\xa0X: evil"))
		o.refused()
	}},
	{"folded line", func(g *responseGenerator, o *oddResponse) {
		g.fields = append(g.fields, g.variant("X: a\r\n b", "X: a\r\n\tContent-Length: 3", "X:\r\n b"))
	}},
	{"lines ended by LF", func(g *responseGenerator, o *oddResponse) {}},
	{"Status field", func(g *responseGenerator, o *oddResponse) {
		g.fields = append(g.fields, g.variant("Status: 404 evil", "status: 204 evil", "STATUS: 304 evil", "Status: 101 evil", "Status: evil"))
	}},
	{"Location of a 200", func(g *responseGenerator, o *oddResponse) {
		g.fields = append(g.fields, "Location: "+g.variant(g.site+"/end.txt?evil", "http://evil.example/", "//evil"))
	}},
	{"Location of a redirect", func(g *responseGenerator, o *oddResponse) {
		o.status = g.variant("201", "302", "303", "308")
		g.line = "HTTP/1.1 " + o.status + " x"
		g.fields = append(g.fields, "Location: "+g.site+"/end.txt")
	}},
	{"hop-by-hop fields", func(g *responseGenerator, o *oddResponse) {
		g.fields = append(g.fields, g.variant("Connection: Content-Length\r\nUpgrade: evil", "Connection: close, X-Hop\r\nX-Hop: evil", "Keep-Alive: evil", "Connection: keep-alive\r\nProxy-Connection: evil", "Trailer: evil", "Upgrade: evil\r\nConnection: Upgrade"))
	}},
	{"HTTP/1.0", func(g *responseGenerator, o *oddResponse) {
		g.byLength(o)
		g.line = "HTTP/1.0 200 OK"
		g.fields = append(g.fields, g.variant("X: y", "Connection: keep-alive"))
	}},
	{"body of a HEAD", func(g *responseGenerator, o *oddResponse) { o.method, o.body = http.MethodHead, "" }},
	{"body of a 204 or 304", func(g *responseGenerator, o *oddResponse) {
		o.status, o.body = g.variant("204", "304"), ""
		g.line = "HTTP/1.1 " + o.status + " x"
	}},
	{"long fields", func(g *responseGenerator, o *oddResponse) {
		g.fields = append(g.fields, "X-Long: "+strings.Repeat("evil", 3000))
	}},
}
