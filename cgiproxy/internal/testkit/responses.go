package testkit

import (
	"net/http"
	"strings"
)

// WholeResponses are responses as apps send them, and what they say.
var WholeResponses = []struct {
	Name, Method, Text string
	Status             string
	Header             http.Header
	Body               string
}{
	{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 OK", http.Header{"Content-Length": {"2"}}, "hi"},
	{"length, more follows", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 400 no", "200 OK", http.Header{"Content-Length": {"2"}}, "hi"},
	{"length 0", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nxx", "200 OK", http.Header{"Content-Length": {"0"}}, ""},
	{"the same length twice", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", "200 OK", http.Header{"Content-Length": {"2"}}, "hi"},
	{"to the end", "GET", "HTTP/1.1 200 OK\r\n\r\nhi\r\n", "200 OK", http.Header{}, "hi\r\n"},
	{"nothing to the end", "GET", "HTTP/1.1 200 OK\r\n\r\n", "200 OK", http.Header{}, ""},
	{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\n\r\nhi", "200 OK", http.Header{}, "hi"},
	{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;x=y\r\n yo\r\n0\r\n\r\n", "200 OK", http.Header{"Transfer-Encoding": {"chunked"}}, "hi yo"},
	{"chunked, upper case", "GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n00\r\n\r\n", "200 OK", http.Header{"Transfer-Encoding": {"CHUNKED"}}, "0123456789"},
	{"chunked with trailers", "GET", "HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n", "200 OK",
		http.Header{"Trailer": {"X"}, "Transfer-Encoding": {"chunked"}}, "hi"},

	{"own reason", "GET", "HTTP/1.1 404 Nothing here, sorry\r\n\r\n", "404 Nothing here, sorry", http.Header{}, ""},
	{"no reason", "GET", "HTTP/1.1 200 \r\n\r\n", "200 ", http.Header{}, ""},
	{"no reason and no blank", "GET", "HTTP/1.1 200\r\n\r\n", "200", http.Header{}, ""},
	{"reason with 8-bit bytes", "GET", "HTTP/1.1 200 \xc3\xa7a va\r\n\r\n", "200 \xc3\xa7a va", http.Header{}, ""},
	{"unknown status", "GET", "HTTP/1.1 299 Fine\r\n\r\n", "299 Fine", http.Header{}, ""},

	{"after 100", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\n\r\nhi", "200 OK", http.Header{"X": {"y"}}, "hi"},
	{"after several 1xx", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi", "200 OK", http.Header{}, "hi"},
	{"1xx with a length", "GET", "HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi", "200 OK", http.Header{}, "hi"},

	{"HEAD with a length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "200 OK", http.Header{"Content-Length": {"1000"}}, ""},
	{"HEAD, chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 OK", http.Header{"Transfer-Encoding": {"chunked"}}, ""},
	{"HEAD with a body all the same", "HEAD", "HTTP/1.1 200 OK\r\n\r\nhi", "200 OK", http.Header{}, ""},
	{"204 with a length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204 No Content", http.Header{"Content-Length": {"0"}}, ""},
	{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nEtag: \"a\"\r\n\r\n", "304 Not Modified", http.Header{"Content-Length": {"1000"}, "Etag": {`"a"`}}, ""},
	{"206", "GET", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nhi", "206 Partial Content", http.Header{"Content-Length": {"2"}, "Content-Range": {"bytes 0-1/9"}}, "hi"},

	// http.ReadResponse adds a Cache-Control here.
	{"Pragma alone", "GET", "HTTP/1.1 200 OK\r\nPragma: no-cache\r\n\r\n", "200 OK", http.Header{"Pragma": {"no-cache"}}, ""},
	{"repeated fields", "GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX: 1\r\nSet-Cookie: b=2\r\nset-cookie: c=3\r\n\r\n", "200 OK", http.Header{"Set-Cookie": {"a=1", "b=2", "c=3"}, "X": {"1"}}, ""},
	{"empty field", "GET", "HTTP/1.1 200 OK\r\nX:\r\nY:   \r\n\r\n", "200 OK", http.Header{"X": {""}, "Y": {""}}, ""},
	{"8-bit bytes in a field", "GET", "HTTP/1.1 200 OK\r\nX: caf\xe9\r\n\r\n", "200 OK", http.Header{"X": {"caf\xe9"}}, ""},
	{"folded line", "GET", "HTTP/1.1 200 OK\r\nX: a\r\n \t b\r\nY: c\r\n\r\n", "200 OK", http.Header{"X": {"a b"}, "Y": {"c"}}, ""}, // RFC 9112, section 5.2
	{"bare LF", "GET", "HTTP/1.1 200 OK\nX: y\nContent-Length: 2\n\nhi", "200 OK", http.Header{"X": {"y"}, "Content-Length": {"2"}}, "hi"},
	{"1000 lines", "GET", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1000) + "\r\nhi", "200 OK", http.Header{"X": strings.Split(strings.Repeat("y", 1000), "")}, "hi"},
}

// MalformedResponses have no header that could be passed on.
var MalformedResponses = []struct{ Name, Text string }{
	{"nothing", ""},
	{"an empty line", "\r\n"},
	{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
	{"text", "hello, world\n\n"},
	{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n"},
	{"ICY", "ICY 200 OK\r\n\r\n"},
	{"no version", "HTTP 200 OK\r\n\r\n"},
	{"no status", "HTTP/1.1\r\n\r\n"},
	{"two digits", "HTTP/1.1 20 OK\r\n\r\n"},
	{"four digits", "HTTP/1.1 2000 OK\r\n\r\n"},
	{"a sign", "HTTP/1.1 +20 OK\r\n\r\n"},
	{"status 099", "HTTP/1.1 099 OK\r\n\r\n"},
	{"letters", "HTTP/1.1 2OO OK\r\n\r\n"},
	{"a tab in the status line", "HTTP/1.1\t200\tOK\r\n\r\n"},
	{"a CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n"},
	{"a NUL in the reason", "HTTP/1.1 200 O\x00K\r\n\r\n"},
	{"an escape in the reason", "HTTP/1.1 200 O\x1bK\r\n\r\n"},
	{"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"},

	{"cut in the status line", "HTTP/1.1 200"},
	{"cut in a field", "HTTP/1.1 200 OK\r\nX: y"},
	{"cut between fields", "HTTP/1.1 200 OK\r\nX: y\r\n"},
	{"cut after 100", "HTTP/1.1 100 Continue\r\n\r\n"},

	{"no colon", "HTTP/1.1 200 OK\r\nX\r\n\r\n"},
	{"no name", "HTTP/1.1 200 OK\r\n: y\r\n\r\n"},
	{"a blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi"}, // RFC 9112, section 5.1
	{"a blank in a name", "HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n"},
	{"a control byte in a name", "HTTP/1.1 200 OK\r\nX\x01Y: z\r\n\r\n"},
	{"8-bit bytes in a name", "HTTP/1.1 200 OK\r\nX\xe9: z\r\n\r\n"},
	{"folded first line", "HTTP/1.1 200 OK\r\n X: y\r\n\r\n"},
	{"a CR in a field", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"},
	{"a NUL in a field", "HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n"},
	{"an escape in a field", "HTTP/1.1 200 OK\r\nX: a\x1bb\r\n\r\n"},
	{"a DEL in a field", "HTTP/1.1 200 OK\r\nX: a\x7fb\r\n\r\n"},

	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"},
	{"length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"},
	{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
	{"length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi"},
	{"hexadecimal length", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nhi"},
	{"empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhi"},
	{"length of over 63 bits", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nhi"},
	{"gzip coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi"},
	{"two codings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
	{"chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"1001 lines", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1001) + "\r\nhi"},
}

// CutResponses end before their body does.
var CutResponses = []struct{ Name, Text, Body string }{
	{"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "hi"},
	{"the largest length", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nhi", "hi"},
	{"length, before the first byte", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", ""},
	{"chunked, before the first chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
	{"chunked, in a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", ""},
	{"chunked, in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhi", "hi"},
	{"chunked, after a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "hi"},
	{"chunked, in the last size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0", "hi"},
	{"chunked, in the largest chunk after another", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n7fffffffffffffff\r\n!", "hi!"},
	{"chunked, too large a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n8000000000000000\r\n!", "hi"},
	{"chunked, bad size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nxyz\r\n", "hi"},
	{"chunked, chunk longer than its size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n", "hi"},
}
