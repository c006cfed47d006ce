package e2e

import "slices"

// A move is one thing that gateways do where proxy.cgi does another: with a
// field or, where none is named, with the request line. A server that answers
// by itself has its status, and the name of the case, in the place of that.
type move struct{ by, field, theirs, ours, why string }

// apply makes got like want where the row is about them, and reports whether it
// had to.
func (m move) apply(want, got *message) bool {
	switch {
	case m.field == "" && got.start == m.theirs && want.start == m.ours:
		if got.start = want.start; got.fields == nil {
			*got = *want
		}
		return true
	case m.field == "" || got.fields == nil || got.value(m.field) != m.theirs || want.value(m.field) != m.ours:
		return false
	}
	before := got.values(m.field)
	got.remove(m.field)
	if m.ours != "" {
		got.add(m.field, m.ours)
	}
	return !slices.Equal(before, got.values(m.field))
}

// moves lists all that may differ. What no row foretells to the byte fails the
// test, and so does a row without use.
var moves = []move{
	{"nginx Caddy Apache", "", "GET {site}/a/./b/../c HTTP/1.1", "GET {site}/a/c HTTP/1.1", "dot segments are left to the app"},
	{"nginx Caddy Apache", "", "GET {site}/a/%2e/b/.%2E/c HTTP/1.1", "GET {site}/a/c HTTP/1.1", "dot segments are left to the app"},
	{"nginx Caddy Apache", "Proxy", "http://evil/", "", "only a CGI program would take it for the variable HTTP_PROXY"},
	{"nginx Apache", "Proxy-Authorization", "x", "", "Apache keeps it from scripts only"},
	{"nginx Caddy Apache", "X-Forwarded-Server", "evil", "", "no app decides by it"},
	{"nginx Caddy Apache", "X-Proxy-Signature", "evil", "", "an app that looks at it finds it wrong"},
	{"nginx Caddy Apache", "X-Proxy-Loop", "evil", "", "only proxy.cgi looks at it"},
	{"nginx Caddy", "X-A", "1, 2", "1, 2", "repeated fields stay apart, where Apache joins them"},
	{"nginx Caddy", "X-Forwarded-Port", "{port}", "8443", "where it listens, whatever Host says"},
	{"nginx Apache", "Transfer-Encoding", "", "chunked", "a short body is sent with its length"},
	{"nginx Apache", "Content-Length", "11", "", "a short body is sent with its length"},
	{"nginx Apache", "Content-Length", "0", "", "a short body is sent with its length"},
	{"nginx", "Host", "{host}", "ex.org", "Host counts, not the authority of an absolute form"},
	{"nginx", "X-Forwarded-Host", "{host}", "ex.org", "Host counts, not the authority of an absolute form"},
	{"nginx", "Host", "", "{host}", "HTTP/1.0 need not have a Host, and nothing is made up"},
	{"nginx", "Trailer", "x", "", "it takes no notice of hop-by-hop fields but TE and Keep-Alive"},
	{"nginx", "Upgrade", "h2c", "", "without a Connection that names it, it says nothing"},
	{"nginx", "X-Hop", "1", "", "it takes no notice of Connection"},
	{"nginx", "Proxy-Connection", "x", "", "it is no field of any RFC"},
	{"Caddy Apache", "X-Forwarded-Host", "", "", "HTTP/1.0 need not have a Host"},
	{"Caddy", "Host", "{app}", "{host}", "HTTP/1.0 need not have a Host"},
	{"Caddy", "Connection", "", "close", "the app's connection is kept for the next request"},
	{"Caddy", "TE", "trailers", "", "gRPC needs it"},
	{"Caddy", "Expect", "100-continue", "", "the app may answer it, too"},
	{"Caddy", "Content-Length", "0", "", "Go's idea of which methods have a body"},
	{"Caddy", "Content-Length", "", "0", "Go's idea of which methods have a body"},
	{"Caddy", "", "GET {site}/caf%C3%A9 HTTP/1.1", "GET {site}/caf\xc3\xa9 HTTP/1.1", "Go encodes bytes that no URL may have"},
	{"Caddy", "", "GET {site}/a%7Cb%7Bc%7D%5E%60%22%3C%3E HTTP/1.1", "GET {site}/a|b{c}^`\"<> HTTP/1.1", "Go encodes bytes that no URL may have"},
	{"Caddy", "", "404 Not Found to hidden file", "403 Forbidden to hidden file", "it hides that the file is there"},
	{"Apache", "Host", "example.org", "{host}", "HTTP/1.0 need not have a Host: it gets the name of the site"},
	{"Apache", "Connection", "Keep-Alive", "close", "the app's connection is kept for the next request"},
	{"Apache", "client_id", "1", "", "it cannot drop fields by a pattern"},
	{"Apache", "", "403 Forbidden to names with an underscore", "GET {site}/ HTTP/1.1", "it cannot drop fields by a pattern"},
	{"Apache", "", "403 Forbidden to forged with one underscore", "GET {site}/ HTTP/1.1", "it cannot drop fields by a pattern"},
}
