// Where the requests of TestSmuggleRequests come from, and how they may be
// understood.

package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A pair is what a client sends on one connection: a request of which it is
// doubtful where it ends, and a plain one behind it. A third, for a file that
// the web server has itself, closes the connection.
type pair struct {
	head     string // of the first request, with the empty line
	rest     string // its body and all behind it
	readings []reading
	hungry   bool // by one reading the web server waits for more
	broken   bool // there may be chunks, but not as they should be
}

// place returns where in rest a request stands.
func (p *pair) place(name string) int { return strings.Index(p.rest, "-"+name+" HTTP") }

// A reading is a body that the first request may be taken to have, and where in
// rest it ends.
type reading struct {
	body string
	end  int
}

// A pairGenerator draws the parts of a pair.
type pairGenerator struct {
	generator
	host   string
	site   string // "/s1"
	prefix string // of the paths of this pair: "/s1/p17-"

	fields  []string // units of the header section, in any order
	lengths []int64  // that a field may declare
	chunked bool     // whether a field may declare chunks
	odd     bool     // whether these fields may be passed over
}

// generatePair makes the same pair of the same arguments.
func generatePair(seed uint64, index int, site, host string) *pair {
	g := &pairGenerator{
		generator: generator{rand.New(rand.NewPCG(seed, uint64(index)))},
		host:      host, site: site, prefix: fmt.Sprintf("%s/p%d-", site, index),
	}
	p := new(pair)
	content := g.content()
	wire := content
	style := g.oneOf("length", "length", "length", "chunks", "chunks", "chunks", "both", "both", "none")
	if style == "chunks" || style == "both" && g.chance(60) {
		wire = g.chunks(content)
	}
	p.rest = wire + g.second() + "GET " + site + "/end.txt HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"
	if style == "length" || style == "both" {
		g.declareLength(wire)
	}
	if style == "chunks" || style == "both" {
		g.declareChunks()
	}
	p.head = g.head()
	p.read(g)
	return p
}

// content is what is meant as a body: mostly something that looks like a
// request.
func (g *pairGenerator) content() string {
	text := g.oneOf("", "a", "0\r\n\r\n", "x=1&y=2", "\r\n", strings.Repeat("z", 100+g.IntN(3000)), "5\r\nhello\r\n0\r\n\r\n")
	if g.chance(70) {
		text += g.inner(1)
	}
	if g.chance(20) {
		text += g.oneOf("\r\n", "0\r\n\r\n", "tail") + g.inner(2)
	}
	return text
}

// inner is a request that stands within another one's body.
func (g *pairGenerator) inner(n int) string {
	return fmt.Sprintf("GET %sinner%d HTTP/1.1\r\nHost: %s\r\nX-Inner: 1\r\n\r\n", g.prefix, n, g.host)
}

func (g *pairGenerator) second() string {
	return fmt.Sprintf("POST %ssecond HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", g.prefix, g.host, len(secondBody), secondBody)
}

const secondBody = "second"

// chunks puts content into chunks, each of whose parts may be odd.
func (g *pairGenerator) chunks(content string) string {
	var b strings.Builder
	for content != "" {
		n := g.chunkLength(content)
		b.WriteString(g.chunkSize(n) + content[:n] + g.mostly("\r\n", "\n", "", "x\r\n", "\r", "\r\n\r\n"))
		content = content[n:]
	}
	b.WriteString(g.mostly("0\r\n", "000\r\n", "0;last\r\n", "0\n", "", "-0\r\n", "0x0\r\n", "0 \r\n", "00000000000000000\r\n"))
	if g.chance(15) {
		b.WriteString(g.oneOf("X-Trailer: evil\r\n", "Content-Length: 5\r\n", "Host: evil.example\r\n", "Transfer-Encoding: evil\r\n", "X-Forwarded-User: evil\r\n",
			"Content-Length: 5\r\nX-A: evil\r\n", "X: a\r\n evil\r\n", "X-Trailer : evil\r\n", "X: evil\n", strings.Repeat("X-Long: evil\r\n", 40)))
	}
	b.WriteString(g.mostly("\r\n", "\n", "", "\r"))
	return b.String()
}

// chunkLength returns how much of content is in the next chunk: no request line
// in halves, for with a line end in it, it would be one of HTTP/0.9.
func (g *pairGenerator) chunkLength(content string) int {
	n := min(len(content), g.pick(1, 5, 26, 171, 5000))
	if at := strings.Index(content, "GET "+g.prefix); at >= 0 && at < n {
		n = max(n, at+strings.Index(content[at:], "\r\n"))
	}
	return n
}

func (g *pairGenerator) chunkSize(n int) string {
	size := strconv.FormatInt(int64(n), 16)
	return g.mostly(size, strings.ToUpper(size), "0"+size, "00000000"+size, "000000000000000000000"+size, size+" ", size+"\t", " "+size, "+"+size, "-"+size, "0x"+size,
		"1000000000000000"+size, "ffffffff"+size, size+"g", size+",", size+";", size+";a=b", size+"; a=\"b;c\"", size+";a=\"\r\"", size+";"+strings.Repeat("e", 300)) +
		g.mostly("\r\n", "\n", "\r", "\r\r\n", " \r\n")
}

// mostly draws the usual one, and sometimes another.
func (g *pairGenerator) mostly(usual string, others ...string) string {
	if g.chance(96) {
		return usual
	}
	return g.oneOf(others...)
}

func (g *pairGenerator) declareLength(wire string) {
	n := len(wire)
	if at := strings.Index(wire, "GET "+g.prefix); at >= 0 && g.chance(30) {
		n = at
	}
	if g.chance(20) {
		n = g.pick(0, 1, 4, len(wire)+1, len(wire)+len(g.second()), len(wire)+100_000, max(0, len(wire)-1))
	}
	plain := strconv.Itoa(n)
	value := plain
	if g.chance(25) {
		value = g.oneOf("+"+plain, "-"+plain, "0x"+strconv.FormatInt(int64(n), 16), "0"+plain, plain+" ", "\t"+plain, plain+".0", plain+";", plain+", "+plain, plain+","+strconv.Itoa(n+5), "\x0b"+plain, "", plain+"\r\n ", "\r\n "+plain, "1"+strings.Repeat("0", 20))
	}
	g.declare("Content-Length", value, value != plain)
	if g.chance(6) {
		g.declare("Content-Length", strconv.Itoa(g.pick(n, n+1, 0)), true)
	}
}

func (g *pairGenerator) declareChunks() {
	value := "chunked"
	if g.chance(25) {
		value = g.oneOf("Chunked", " chunked ", "\tchunked", "chunked\t", "xchunked", "chunked, identity", "identity, chunked", "gzip, chunked", "chunked, chunked", "identity", "",
			"\"chunked\"", "chunked;q=1", ",chunked", "chunked,", "\x0bchunked", "\r\n chunked", "chunked\r\n\t", "chun\x00ked", "chunked\xa0")
	}
	g.declare("Transfer-Encoding", value, value != "chunked")
	if g.chance(6) {
		g.declare("Transfer-Encoding", g.oneOf("chunked", "identity", "x"), true)
	}
}

// digits are what somebody may take for a length.
var digits = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+`)

// declare adds a field that frames the body, mostly by its right name.
func (g *pairGenerator) declare(name, value string, odd bool) {
	spelled := name
	if g.chance(12) {
		spelled = g.oneOf(strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", "."), name+" ", name+"\t", " "+name, "X: y\n"+name, "X: y\r"+name, name+":", "X-"+name, name+"\x00")
	}
	g.odd = g.odd || odd || !strings.EqualFold(spelled, name)
	g.fields = append(g.fields, spelled+": "+value)
	if name == "Transfer-Encoding" {
		g.chunked = g.chunked || strings.Contains(strings.ToLower(value), "chunked")
		return
	}
	for _, found := range digits.FindAllString(value, -1) {
		if n, err := strconv.ParseInt(found, 0, 64); err == nil {
			g.lengths = append(g.lengths, n)
		}
		if n, err := strconv.ParseInt(found, 10, 64); err == nil { // 010 is not 8
			g.lengths = append(g.lengths, n)
		}
	}
}

// head puts the header section together, sometimes with a line more that has
// nothing to do with the body, and should not.
func (g *pairGenerator) head() string {
	method, version := g.oneOf("POST", "POST", "POST", "PUT", "GET", "PROPFIND"), "HTTP/1.1"
	if g.chance(4) {
		version = "HTTP/1.0"
		g.odd = true
		g.fields = append(g.fields, "Connection: keep-alive")
	}
	if g.chance(20) {
		g.fields = append(g.fields, g.oneOf("X: a\r\n b", "Connection: Content-Length", "Connection: Transfer-Encoding, keep-alive", "Expect: 100-continue", "TE: trailers, chunked", "Trailer: Content-Length",
			"Upgrade: h2c", "X-Empty:", "X-8-Bit: \xff", "Content-Type: multipart/form-data; boundary=0", "X-Tab:\ta\t", "Keep-Alive: 5", "Content-Length-X: 7", "X: y\nX: y", "no colon", ": no name", "X-A : blank"))
	}
	g.fields = append(g.fields, "Host: "+g.host)
	g.Shuffle(len(g.fields), func(i, j int) { g.fields[i], g.fields[j] = g.fields[j], g.fields[i] })
	return method + " " + g.prefix + "first " + version + "\r\n" + strings.Join(g.fields, "\r\n") + "\r\n\r\n"
}

// read collects the readings. Where the fields are as they should be there is
// one, or, with both of them, two, for some servers want no Content-Length
// beside Transfer-Encoding and others pass it over (RFC 9112, section 6.1).
func (p *pair) read(g *pairGenerator) {
	if g.odd || !g.chunked && len(g.lengths) == 0 {
		p.readings = append(p.readings, reading{"", 0})
	}
	for _, n := range slices.Compact(g.lengths) {
		if n > int64(len(p.rest)) {
			p.hungry = true
			continue
		}
		p.readings = append(p.readings, reading{p.rest[:n], int(n)})
	}
	if g.chunked {
		body, end, err := dechunk(p.rest, false)
		if err == nil {
			p.readings = append(p.readings, reading{body, end})
		}
		p.hungry = p.hungry || err == errHungry
		_, _, err = dechunk(p.rest, true)
		p.broken = err != nil
	}
}

var (
	errHungry = errors.New("the chunks do not end")
	errChunk  = errors.New("not a chunk")
)

// dechunk reads chunks (RFC 9112, section 7.1), either as they should be or as
// tolerant servers do: with LF for a line end, and blanks around the size. It
// does not look at trailers.
func dechunk(text string, strict bool) (body string, end int, err error) {
	for at := 0; ; {
		line, _, ok := strings.Cut(text[at:], "\n")
		if !ok {
			return "", 0, errHungry
		}
		at += len(line) + len("\n")
		line, crlf := strings.CutSuffix(line, "\r")
		crlf = crlf && !strings.Contains(line, "\r")
		digits, _, _ := strings.Cut(line, ";")
		if !strict {
			crlf, digits = true, strings.Trim(digits, " \t\r")
		}
		size, err := strconv.ParseUint(digits, 16, 63)
		switch {
		case err != nil || !crlf:
			return "", 0, errChunk
		case size == 0:
			return body, at, nil
		case size > uint64(len(text)-at):
			return "", 0, errHungry
		}
		body += text[at : at+int(size)]
		at += int(size)
		switch {
		case strings.HasPrefix(text[at:], "\r\n"):
			at += len("\r\n")
		case strings.HasPrefix(text[at:], "\n") && !strict:
			at += len("\n")
		default:
			return "", 0, errChunk
		}
	}
}
