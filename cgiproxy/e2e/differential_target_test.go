// The differences in the request-target.

package e2e

import (
	"net/url"
	"path"
	"regexp"
	"strings"
)

func makeOriginForm(x *crossing) {
	m := &x.want.request
	method, target, _ := strings.Cut(m.start, " ")
	rest, ok := strings.CutPrefix(target, "http://")
	if !ok {
		return
	}
	end := strings.IndexAny(rest, "/?")
	m.start = method + " " + rest[end:]
	host := rest[:end]
	if x.way == viaModProxy {
		host = strings.ToLower(host)
	}
	m.set("Host", host)
}

// removeDots takes any spelling of the right path: which segments are kept, and
// how, TestTargetChanged holds to the byte.
func removeDots(x *crossing) {
	want, got := x.want.request.target(), x.got.request.target()
	if !dotted.MatchString(want) || dotted.MatchString(got) {
		return
	}
	want = resolved(want)
	if strings.HasPrefix(want, "/proxy.cgi/") {
		want = strings.TrimPrefix(want, "/proxy.cgi")
	}
	if want == resolved(got) {
		x.want.request.start = x.got.request.start
	}
}

// dotted matches a target whose path has a dot segment.
var dotted = regexp.MustCompile(`(?i)^[^?]*/(\.|%2e){1,2}(/|\?|$)`)

func encodeBackslashes(x *crossing) {
	m := &x.want.request
	path, _, _ := strings.Cut(m.start, "?")
	m.start = strings.ReplaceAll(path, `\`, "%5C") + m.start[len(path):]
}

func dropScriptName(x *crossing) {
	m := &x.want.request
	if dotted.MatchString(m.target()) {
		return // removeDots does both
	}
	method, rest, _ := strings.Cut(m.start, " ")
	m.start = method + " " + scriptNamed.ReplaceAllString(rest, "$1/$2")
}

// scriptNamed matches the start of a path that has the script's name in front.
var scriptNamed = regexp.MustCompile(`^(/*)/proxy\.cgi(?:/|([ ?]))`)

// undecodable matches a path that Apache may refuse to rewrite (AH10508), that is
// another one once it is decoded twice, or that reads as a URL.
var undecodable = regexp.MustCompile(`(?i)^(https?://[^/]*)?[^? ]*(:|%(3a|3f|25|23|2f|[01][0-9a-f]|7f))`)

func refuseNamed(x *crossing) {
	target := x.request.target()
	if scriptNamed.MatchString(target) && undecodable.MatchString(target) && x.got.request.start == "" && strings.HasPrefix(x.got.response.status(), "4") {
		x.want = x.got
	}
}

func canonicalise(x *crossing) {
	want, got := x.want.request.target(), x.got.request.target()
	switch {
	case !strings.HasPrefix(want, "//") && strings.HasPrefix(x.request.target(), "/"):
	case got == "" && strings.Contains(want, "%25") && x.got.response.status() == "400":
		x.want = x.got
	case resolved(want) == resolved(got):
		x.want.request.start = x.got.request.start
	}
}

// resolved returns a request-target with its path decoded, without dot segments
// and double slashes. It is how the outcomes of two who resolve differently are
// compared.
func resolved(target string) string {
	raw, query, _ := strings.Cut(target, "?")
	decoded, err := url.PathUnescape(raw)
	if err != nil {
		return ""
	}
	clean := path.Clean(decoded)
	if name := decoded[strings.LastIndexByte(decoded, '/')+1:]; clean != "/" && (name == "" || name == "." || name == "..") {
		clean += "/"
	}
	return clean + "?" + query
}
