package live

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/challenge"
)

// A site is the one that is asked.
type site struct {
	ctx      context.Context
	url      *url.URL
	base     string // its folder's path, percent-encoded, with a slash at the end
	insecure bool
	version  string // that proxy.cgi should have
	key      string
	keyFile  *os.File      // that holds it, nil for none
	ahead    time.Duration // how far its clock is ahead of ours
	bearer   string        // what Authorization is tried with
	seen     url.Values    // what the first response tells

	// send asks a question and returns the response, as far as it tells. nonce
	// makes the part of a challenge that tells one question from another.
	send  func(s *site, q question, marker, proof string) (*response, error)
	nonce func(question) string

	unable string // why the question cannot be asked, "" where it can
}

// A question is one request, without what all have.
type question struct {
	what    string // "" for the description of the request
	method  string // "" for GET
	before  string // of the target, before the part that is the nonce's
	rest    string // of the target, behind that part
	fields  []string
	body    []byte
	chunked bool
	target  string // in place of one with a nonce, for a question to somebody else
}

// A response is what came back.
type response struct {
	*http.Response
	body    []byte // without its coding; a browser tells its beginning
	sum     string // its SHA-256
	size    int    // its bytes
	bodyErr error
	wire    int           // bytes of the body with its coding
	surplus int           // bytes behind the response
	spread  time.Duration // from the first half of the body to its end
	local   string        // our address on this connection

	ours   bool       // it is proxy.cgi's
	method string     // that it had there
	seen   url.Values // what proxy.cgi says about the request
	marker string     // the part of the target that is the nonce's
}

// askTime bounds one request. It is more than what a probe of proxy.cgi takes,
// with a site that answers pages in a second or two.
const askTime = 8 * time.Second

// A slowError is a question without a response in askTime.
type slowError struct{}

func (slowError) Error() string { return "no response in " + askTime.String() }

// ask asks proxy.cgi, and finds out whether it has answered.
func (s *site) ask(q question) (*response, error) {
	asked := challenge.Challenge{Time: time.Now().Add(s.ahead), Nonce: s.nonce(q), What: q.what}
	if asked.What == "" {
		asked.What = "request"
	}
	marker := "proxy-check-" + asked.Nonce
	r, err := s.send(s, q, marker, asked.Value(s.key))
	if err != nil {
		return nil, err
	}
	r.marker = marker
	r.method = asked.Proves(r.Header.Get(challenge.Field), s.key)
	r.ours = r.method != "" && (r.StatusCode == http.StatusOK || q.what == "early") // mod_fcgid's own 500 keeps our fields
	if r.ours && (q.what == "" || q.what == "app") {
		r.seen, _ = url.ParseQuery(string(r.body))
	}
	return r, nil
}

// randomNonce is that of a question which is asked at once.
func randomNonce(question) string {
	nonce := make([]byte, 16)
	rand.Read(nonce)
	return hex.EncodeToString(nonce)
}

// sendItself sends a request on a connection of its own and reads the response.
func (s *site) sendItself(q question, marker, proof string) (*response, error) {
	ctx, cancel := context.WithTimeout(s.ctx, askTime)
	defer cancel()
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	message := s.message(q, marker, proof)
	go conn.Write(message) // beside the reading: a server may answer before it has read all
	r, err := read(conn, q)
	if err != nil {
		if ctx.Err() != nil && s.ctx.Err() == nil {
			err = slowError{}
		}
		return nil, err
	}
	r.local = conn.LocalAddr().String()
	return r, nil
}

func (s *site) connect(ctx context.Context) (net.Conn, error) {
	port := s.url.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[s.url.Scheme]
	}
	addr := net.JoinHostPort(s.url.Hostname(), port)
	if s.url.Scheme == "http" {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	config := &tls.Config{ServerName: s.url.Hostname(), NextProtos: []string{"http/1.1"}, InsecureSkipVerify: s.insecure}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", addr)
}

// message returns the request as it goes on the wire.
func (s *site) message(q question, marker, proof string) []byte {
	method, target := q.method, q.target
	if method == "" {
		method = "GET"
	}
	if target == "" {
		target = s.base + q.before + marker + q.rest
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: proxy.cgi-check\r\nConnection: close\r\n", method, target, s.url.Host)
	if q.target == "" {
		fmt.Fprintf(&b, "%s: %s\r\n", challenge.Field, proof)
	}
	if s.url.User != nil && !slices.ContainsFunc(q.fields, func(f string) bool { return strings.HasPrefix(f, "Authorization:") }) {
		fmt.Fprintf(&b, "Authorization: %s\r\n", s.credentials())
	}
	for _, field := range q.fields {
		b.WriteString(field + "\r\n")
	}
	switch {
	case q.chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for piece := range slices.Chunk(q.body, 10000) {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
		}
		b.WriteString("0\r\n\r\n")
	case q.body != nil || takesBody(method):
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(q.body), q.body)
	default:
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// takesBody reports whether clients send a length with a method also where they
// send no body (RFC 9110, section 8.6): without one lighttpd answers 411.
func takesBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// credentials returns the Authorization for the name in the URL.
func (s *site) credentials() string {
	password, _ := s.url.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(s.url.User.Username()+":"+password))
}

// maxRead bounds a response's header and its body, each in bytes: a page of
// somebody else's may be any.
const maxRead = 1 << 20

func read(conn net.Conn, q question) (*response, error) {
	header := &io.LimitedReader{R: conn, N: maxRead} // with those of interim responses (1xx)
	in := bufio.NewReader(header)
	var resp *http.Response
	for resp == nil || resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
		var err error
		if resp, err = http.ReadResponse(in, &http.Request{Method: q.method}); err != nil {
			if header.N == 0 {
				err = fmt.Errorf("the header of the response does not end within %d bytes", maxRead)
			}
			return nil, err
		}
	}
	header.N = math.MaxInt64 // the body has its own bound
	defer resp.Body.Close()
	r := &response{Response: resp}
	r.readBody(io.LimitReader(resp.Body, maxRead))
	if q.method == http.MethodHead {
		rest, _ := io.ReadAll(io.LimitReader(in, 1))
		r.surplus = len(rest)
	}
	return r, nil
}

// readBody reads the body, and notes when its first half had come. A coding
// begins with some bytes of its own, which say nothing.
func (r *response) readBody(body io.Reader) {
	var arrivals []arrival
	begun := time.Now()
	piece := make([]byte, 4096)
	for r.bodyErr == nil {
		var n int
		n, r.bodyErr = body.Read(piece)
		r.body = append(r.body, piece[:n]...)
		arrivals = append(arrivals, arrival{time.Since(begun), len(r.body)})
	}
	if r.bodyErr == io.EOF {
		r.bodyErr = nil
	}
	r.wire, r.spread = len(r.body), spread(arrivals)
	if r.Header.Get("Content-Encoding") == "gzip" {
		if unpacked, err := gzip.NewReader(bytes.NewReader(r.body)); err == nil {
			r.body, _ = io.ReadAll(io.LimitReader(unpacked, maxRead))
		}
	}
	r.size, r.sum = len(r.body), sumOf(r.body)
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// An arrival is when so many bytes had come.
type arrival struct {
	at    time.Duration
	bytes int
}

// spread returns the time from when a third of the bytes had come to the end.
func spread(arrivals []arrival) time.Duration {
	for _, a := range arrivals {
		if end := arrivals[len(arrivals)-1]; a.bytes >= end.bytes/3 {
			return end.at - a.at
		}
	}
	return 0
}

// describe asks for the description of a request. Where somebody else has
// answered, or nobody, it returns what to say about it.
func (s *site) describe(q question) (*response, *Finding) {
	r, err := s.ask(q)
	if err != nil {
		f := fault("see the web server's error log", "no response: %v", err)
		return nil, &f
	}
	if !r.ours {
		f := fault("ask the host, or see its error log", "the web server answers this itself: %s", r.summary())
		return r, &f
	}
	if refused := r.seen.Get("refused"); refused != "" {
		f := fault("ask the host, or see its error log", "the web server refuses this itself (%s) and has proxy.cgi show the page of that error", refused)
		return r, &f
	}
	return r, nil
}
