// All that may differ between the ways of TestDifferential, and why.

package e2e

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A difference is one that a way may make, against the direct one.
type difference struct {
	ways  way
	what  string
	why   string
	apply func(x *crossing) // turns what is wanted into what has to come instead
}

// differences lists all that may differ, in the order it is applied. Each row
// foretells what comes; what it does not foretell to the byte fails the test,
// and so does a row without use.
var differences = []difference{
	// On both ways.
	{viaBoth, "absolute-form", "its authority counts, not Host (RFC 9112, section 3.2.2); mod_proxy makes it lower case", makeOriginForm},
	{viaBoth, "HTTP/1.0", "each hop speaks its own version (RFC 9110, section 2.5)", makeHTTP11},
	{viaBoth, "Transfer-Encoding: Chunked", "each hop frames the body anew, and writes it in lower case", lowerCoding},
	{viaBoth, "repeated fields of the request", "Apache joins them when it reads them", joinRequestFields},
	{viaBoth, "hop-by-hop fields", "they were for the other connection (RFC 9110, section 7.6.1)", replaceHopByHop},
	{viaBoth, "framing of a response without a length", "Apache frames anew, and knows the length of a short one", frameAnew},
	{viaBoth, "trailer fields", "Apache passes none on", func(x *crossing) { x.want.response.trailer = nil }},
	{viaBoth, "Content-Length of a 304, or 0 of a HEAD", "Apache leaves it out, as it may (RFC 9110, section 8.6)", dropLength},
	{viaBoth, "Vary", "Apache puts it on one line, without blanks", joinVary},

	// Where CGI, as Apache does it, cannot have it otherwise.
	{viaCGI, "field names of other characters", "Apache makes no variable of them: X_Y would pass for X-Y", dropOddNames},
	{viaCGI, "Proxy, Proxy-Authorization", "Apache keeps them from scripts, the first for what it does as a variable (httpoxy)", dropProxyFields},
	{viaCGI, "Date, Server", "Apache puts its own in place of a script's", replaceDateAndServer},
	{viaCGI, "repeated fields of the response", "Apache joins those of a script, but for Set-Cookie", joinResponseFields},
	{viaCGI, "Content-Type of a 204 or 304", "Apache leaves out that of a script", dropTypeOfNone},
	{viaCGI, "case of Content-Type", "Apache makes the type of a script lower case", lowerType},
	{viaCGI, "1xx responses", "a script has one status", func(x *crossing) { x.want.response.interim = "" }},
	{viaCGI, "Location of a 200", "Apache would answer with what is there", dropLocationOf200},
	{viaCGI, "Status", "Apache would take it as the status", func(x *crossing) { x.want.response.remove("Status") }},

	// Where proxy.cgi means to differ.
	{viaCGI, "no reason phrase", "the usual one is given, or the name of the class: nginx would send a malformed status line", addReason},
	{viaCGI, "a backslash in the path", "apps that read URLs as browsers do take it for a slash", encodeBackslashes},
	{viaCGI, "the script's name in the path", "it is taken out, for it is no part of the app's URLs", dropScriptName},
	{viaCGI, "dot segments", "the app is asked for the path that Apache's rules were applied to", removeDots},
	{viaCGI, "X-Proxy-Signature", "the client's would be forged", func(x *crossing) { x.want.request.remove("X-Proxy-Signature") }},
	{viaCGI, "X-Forwarded-*, Forwarded", "what a client claims is replaced", replaceForwarded},
	{viaCGI, "Location at the app's address", "the client could not get there", makeLocationPublic},
	{viaCGI, "the script's name before %3F, %25, %23, %2F, a colon or a control byte", "htaccess.example refuses it, for Apache would read it twice", refuseNamed},

	// Where mod_proxy differs and proxy.cgi does not.
	{viaModProxy, "X-Forwarded-For, -Host, -Server", "mod_proxy believes the client and adds to it", addForwarded},
	{viaModProxy, "Max-Forwards", "mod_proxy counts down for each method", countDown},
	{viaModProxy, "chunks of a request", "mod_proxy sends a length where it has a short body whole", giveLength},
	{viaModProxy, "no Date, no Server", "Apache adds what is missing", addDateAndServer},
	{viaModProxy, "no Content-Type", "mod_mime guesses from the path", guessType},
	{viaModProxy, "Proxy-Authenticate", "mod_proxy takes it for its own", func(x *crossing) { x.want.response.remove("Proxy-Authenticate") }},
	{viaModProxy, "Range", "Apache cuts it out of a short 200; proxy.cgi leaves that to the app", cutRange},
	{viaModProxy, "absolute-form, or // in front of a path", "mod_proxy ignores nocanon there: it decodes and encodes again, and refuses some %25", canonicalise},

	{viaBoth, "order and case of field names", "neither has a meaning (RFC 9110, sections 5.1 and 5.3); CGI keeps neither", sortFields},
}

func makeHTTP11(x *crossing) {
	for _, m := range []*message{&x.want.request, &x.want.response} {
		m.start = strings.Replace(m.start, "HTTP/1.0", "HTTP/1.1", 1)
	}
}

func lowerCoding(x *crossing) {
	if m := &x.want.request; m.value("Transfer-Encoding") != "" {
		m.set("Transfer-Encoding", "chunked")
	}
}

func joinRequestFields(x *crossing) { x.want.request.join() }

func replaceHopByHop(x *crossing) {
	for _, m := range []*message{&x.want.request, &x.want.response} {
		m.remove(strings.Split(m.value("Connection"), ", ")...)
		m.remove("Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade")
	}
	x.want.request.add("Connection", "close")
	if v := x.got.response.value("Connection"); v == "close" || v == "Keep-Alive" {
		x.want.response.add("Connection", v)
	}
	if v := x.got.response.value("Keep-Alive"); v == keepAlive {
		x.want.response.add("Keep-Alive", v)
	}
}

func frameAnew(x *crossing) {
	want, got := &x.want.response, &x.got.response
	length, coding := got.value("Content-Length"), got.value("Transfer-Encoding")
	want.remove("Transfer-Encoding")
	switch {
	case want.value("Content-Length") != "":
		// The app's own has to come.
	case x.method() == http.MethodHead:
		if strings.EqualFold(coding, "chunked") { // as the app sent it, or not at all
			want.add("Transfer-Encoding", coding)
		}
	case want.status() == "204" || want.status() == "304":
	case length == strconv.Itoa(len(got.body)):
		want.add("Content-Length", length)
	case strings.HasSuffix(x.request.start, "HTTP/1.1"):
		want.add("Transfer-Encoding", "chunked")
	}
}

func dropLength(x *crossing) {
	if m := &x.want.response; m.status() == "304" || x.method() == http.MethodHead && m.value("Content-Length") == "0" {
		m.remove("Content-Length")
	}
}

func joinVary(x *crossing) {
	if values := x.want.response.values("Vary"); values != nil {
		x.want.response.set("Vary", strings.Join(values, ","))
	}
}

func dropOddNames(x *crossing) {
	x.want.request.fields = slices.DeleteFunc(x.want.request.fields, func(f field) bool {
		return strings.Trim(strings.ToLower(f.name), "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
	})
}

func replaceDateAndServer(x *crossing) {
	x.want.response.remove("Date", "Server")
	addDateAndServer(x)
}

func addDateAndServer(x *crossing) {
	want, got := &x.want.response, &x.got.response
	if date, err := http.ParseTime(got.value("Date")); want.value("Date") == "" && err == nil && time.Since(date).Abs() < time.Minute {
		want.add("Date", got.value("Date"))
	}
	if server := got.value("Server"); want.value("Server") == "" && strings.HasPrefix(server, "Apache/") {
		want.add("Server", server)
	}
}

func joinResponseFields(x *crossing) { x.want.response.join("Set-Cookie") }

func dropTypeOfNone(x *crossing) {
	if status := x.want.response.status(); status == "204" || status == "304" {
		x.want.response.remove("Content-Type")
	}
}

func lowerType(x *crossing) {
	if t, parameters, ok := strings.Cut(x.want.response.value("Content-Type"), ";"); ok {
		x.want.response.set("Content-Type", strings.ToLower(t)+";"+parameters)
	}
}

func addReason(x *crossing) {
	m := &x.want.response
	if code, _ := strconv.Atoi(m.status()); strings.HasSuffix(m.start, m.status()+" ") {
		m.start += cmp.Or(http.StatusText(code), map[int]string{2: "Successful", 3: "Redirection", 4: "Client Error"}[code/100], "Server Error")
	}
}

func dropLocationOf200(x *crossing) {
	if x.want.response.status() == "200" {
		x.want.response.remove("Location")
	}
}

func dropProxyFields(x *crossing) { x.want.request.remove("Proxy", "Proxy-Authorization") }

func replaceForwarded(x *crossing) {
	m := &x.want.request
	m.remove("Forwarded", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-User", "Client-IP", "X-Rewrite-URL")
	host := m.value("Host")
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		_, port, _ = net.SplitHostPort(x.ways[viaCGI].addr)
	}
	m.set("X-Forwarded-For", "127.0.0.1")
	m.set("X-Forwarded-Host", host)
	m.set("X-Forwarded-Port", port)
	m.set("X-Forwarded-Proto", "http")
	m.set("X-Real-IP", "127.0.0.1")
}

func makeLocationPublic(x *crossing) {
	m := &x.want.response
	if path, ok := strings.CutPrefix(m.value("Location"), "http://"+x.app.addr); ok {
		m.set("Location", "http://"+x.want.request.value("Host")+path)
	}
}

func addForwarded(x *crossing) {
	m := &x.want.request
	for _, f := range []field{{"X-Forwarded-For", "127.0.0.1"}, {"X-Forwarded-Host", m.value("Host")}, {"X-Forwarded-Server", "127.0.0.1"}} {
		m.add(f.name, f.value)
		m.set(f.name, m.value(f.name))
	}
}

func countDown(x *crossing) {
	if x.want.request.value("Max-Forwards") == "3" {
		x.want.request.set("Max-Forwards", "2")
	}
}

func giveLength(x *crossing) {
	m := &x.want.request
	length := strconv.Itoa(len(m.body))
	if m.value("Transfer-Encoding") != "" && x.got.request.value("Content-Length") == length {
		m.remove("Transfer-Encoding")
		m.add("Content-Length", length)
	}
}

func guessType(x *crossing) {
	if x.want.response.value("Content-Type") == "" && strings.Contains(x.request.start, "index.html") && x.got.response.value("Content-Type") == "text/html" {
		x.want.response.add("Content-Type", "text/html")
	}
}

// cutRange knows the one range that is asked for.
func cutRange(x *crossing) {
	m := &x.want.response
	if m.status() != "200" || x.request.value("Range") != "bytes=2-5" {
		return
	}
	switch x.got.response.status() {
	case "206":
		last := min(5, len(m.body)-1)
		m.set("Content-Range", fmt.Sprintf("bytes 2-%d/%d", last, len(m.body)))
		m.start, m.body = "HTTP/1.1 206 Partial Content", m.body[2:last+1]
		m.set("Content-Length", strconv.Itoa(len(m.body)))
	case "416":
		if len(m.body) <= 2 {
			*m = x.got.response
		}
	}
}

func sortFields(x *crossing) {
	for _, m := range []*message{&x.want.request, &x.want.response, &x.got.request, &x.got.response} {
		for i, f := range m.fields {
			m.fields[i].name = strings.ToLower(f.name)
		}
		slices.SortStableFunc(m.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	}
}
