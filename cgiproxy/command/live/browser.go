package live

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/finding"
)

// A browser sees the way through all that is in front of a site, as visitors do.
// It gets the questions, sends them, and tells what has come back; what that
// means is found out here, by the rows of the check. Each question is the same
// whenever it is made, so nothing has to be kept in between.

// A Browser is one that asks.
type Browser struct {
	Origin  string // "https://example.com", as it sees it
	Folder  string // path of the folder that proxy.cgi is in, percent-encoded, with a slash at the end
	Key     string // that proxy.cgi answers: challenge.TokenKey
	Session string // tells one browser from another, and is known to no third
}

// A Question is a request for the browser to send.
type Question struct {
	Method, Target string
	Fields         [][2]string
	BodySize       int // of digits, from 0 to 9 again and again
}

// An Observation is what has come back for a Question.
type Observation struct {
	Error  string // why there is no response, "" where there is one
	Status int    // 0 for a redirection, of which a browser tells no more
	Reason string
	Header http.Header

	Text   string // the beginning of the body
	Sum    string // SHA-256 of all of it
	Size   int    // its bytes
	Wire   int    // those with its coding, 0 where it has none
	Cut    string // why it is not whole, "" where it is
	Pieces string // when so many bytes had come: "12:100,312:200" in ms
}

// noBrowser is why a row is not asked.
const noBrowser = "not asked: no browser sends such a request; proxy.cgi check --url does"

var errPlanned = errors.New("is yet to be asked")

// Questions returns what the browser shall send.
func (b Browser) Questions(ctx context.Context) (list []Question, err error) {
	s, err := b.site(ctx)
	if err != nil {
		return nil, err
	}
	planned := map[string]bool{}
	s.send = func(s *site, q question, marker, proof string) (*response, error) {
		if id := q.id(); !q.chunked && !planned[id] {
			planned[id] = true
			list = append(list, s.forBrowser(q, marker, proof))
		}
		return nil, errPlanned
	}
	s.ask(question{}) // for the row reach
	for _, r := range rows() {
		r.look(s)
	}
	return list, nil
}

// Judge returns the findings. observed are the observations, in the order of
// Questions.
func (b Browser) Judge(ctx context.Context, observed []Observation) ([]Finding, error) {
	s, err := b.site(ctx)
	if err != nil {
		return nil, err
	}
	questions, err := b.Questions(ctx)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, q := range questions {
		at[q.Method+" "+q.Target+" "+fmt.Sprint(q.BodySize)] = i
	}
	s.send = func(s *site, q question, marker, proof string) (*response, error) {
		if q.chunked {
			s.unable = noBrowser
			return nil, errPlanned
		}
		asked := s.forBrowser(q, marker, proof)
		i, ok := at[asked.Method+" "+asked.Target+" "+fmt.Sprint(asked.BodySize)]
		if !ok || i >= len(observed) {
			return nil, errors.New("the browser was not asked to look")
		}
		return observed[i].response()
	}
	return s.findings(), nil
}

func (b Browser) site(ctx context.Context) (*site, error) {
	s, err := newSite(ctx, Options{URL: b.Origin + b.Folder})
	if err != nil {
		return nil, err
	}
	s.key, s.bearer = b.Key, b.random("bearer")
	s.nonce = func(q question) string { return b.random(q.id()) }
	return s, nil
}

// random returns what nobody else can guess, and is the same each time.
func (b Browser) random(what string) string {
	mac := hmac.New(sha256.New, []byte(b.Key))
	mac.Write([]byte("live check\n" + b.Session + "\n" + what))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// id tells questions apart.
func (q question) id() string {
	return fmt.Sprintf("%q %q %q %q %q %d %v %q", q.what, q.method, q.before, q.rest, q.fields, len(q.body), q.chunked, q.target)
}

func (s *site) forBrowser(q question, marker, proof string) Question {
	asked := Question{Method: q.method, Target: q.target, BodySize: len(q.body)}
	if asked.Method == "" {
		asked.Method = http.MethodGet
	}
	if asked.Target == "" {
		asked.Target = s.base + q.before + marker + q.rest
		asked.Fields = [][2]string{{challenge.Field, proof}}
	}
	for _, field := range q.fields {
		name, value, _ := strings.Cut(field, ": ")
		if name != "Accept-Encoding" { // a browser says that itself
			asked.Fields = append(asked.Fields, [2]string{name, value})
		}
	}
	return asked
}

// response returns what has come back as the rows look at it.
func (o Observation) response() (*response, error) {
	if o.Error != "" {
		return nil, errors.New(o.Error)
	}
	status := strings.TrimSpace(strconv.Itoa(o.Status) + " " + o.Reason)
	switch {
	case o.Status == 0:
		status = "a redirection"
	case o.Reason == "": // HTTP/2 has none
		status = strings.TrimSpace(strconv.Itoa(o.Status) + " " + http.StatusText(o.Status))
	}
	r := &response{
		Response: &http.Response{Status: status, StatusCode: o.Status, Header: o.Header, ContentLength: -1},
		body:     []byte(o.Text), sum: o.Sum, size: o.Size, wire: o.Size,
	}
	if o.Wire > 0 {
		r.wire = o.Wire
	}
	if n, err := strconv.ParseInt(o.Header.Get("Content-Length"), 10, 64); err == nil {
		r.ContentLength = n
	}
	if o.Cut != "" {
		r.bodyErr = errors.New(o.Cut)
	}
	r.spread = spread(o.arrivals())
	return r, nil
}

func (o Observation) arrivals() (list []arrival) {
	for piece := range strings.SplitSeq(o.Pieces, ",") {
		at, bytes, _ := strings.Cut(piece, ":")
		ms, err1 := strconv.Atoi(at)
		n, err2 := strconv.Atoi(bytes)
		if err1 == nil && err2 == nil {
			list = append(list, arrival{time.Duration(ms) * time.Millisecond, n})
		}
	}
	return list
}

// ReadObservations reads what the status page's script has put into a form:
// "0.status", "0.header" and so on, of each question.
func ReadObservations(form url.Values) (list []Observation) {
	for i := 0; ; i++ {
		get := func(name string) string { return form.Get(strconv.Itoa(i) + "." + name) }
		number := func(name string) int {
			n, _ := strconv.Atoi(get(name))
			return n
		}
		o := Observation{
			Error: get("error"), Status: number("status"), Reason: get("reason"), Header: http.Header{},
			Text: get("text"), Sum: get("sum"), Size: number("size"), Wire: number("wire"), Cut: get("cut"), Pieces: get("pieces"),
		}
		if !form.Has(strconv.Itoa(i)+".status") && o.Error == "" {
			return list
		}
		for line := range strings.Lines(get("header")) {
			if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": "); ok {
				o.Header.Add(name, value)
			}
		}
		list = append(list, o)
	}
}

// QuestionsJSON returns the questions for the script.
func QuestionsJSON(list []Question) string {
	return finding.JSONArray(list, func(q Question) string {
		return fmt.Sprintf("{\"method\":%s,\"target\":%s,\"size\":%d,\"fields\":%s}",
			finding.QuoteJSON(q.Method), finding.QuoteJSON(q.Target), q.BodySize, finding.JSONArray(q.Fields, finding.JSONPair))
	}) + "\n"
}
