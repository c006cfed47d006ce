// Where the body of a request ends, said in every way but the plain one.

package e2e

import (
	"proxy.cgi/cgiproxy/e2e/webserver"
)

// chunkedHello is a body in chunks, or seventeen bytes that look so.
const chunkedHello = "5\r\nhello\r\n0\r\n\r\n"

func trustBody(name, fields, body string, seen ...string) trustCase {
	return trustCase{exchangeCase: exchangeCase{name: name, body: body, fields: seen,
		request: "POST {site}/ HTTP/1.1\r\n" + fields + "\r\nHost: {host}\r\nConnection: close\r\n\r\n" + chunkedHello}}
}

const (
	unknown = "501 Not Implemented"
	noLen   = "411 Length Required" // lighttpd, for a POST
)

// lengthCases: how long the body is.
var lengthCases = []trustCase{
	trustBody("two lengths", "Content-Length: 5\r\nContent-Length: 6", "").but(byAll(bad)),
	trustBody("one length twice", "Content-Length: 5\r\nContent-Length: 5", "").but(byAll(bad)),
	trustBody("list of lengths", "Content-Length: 5, 5", "").but(byAll(bad)),
	trustBody("signed length", "Content-Length: +5", "").but(byAll(bad)),
	trustBody("negative length", "Content-Length: -5", "").but(byAll(bad)),
	trustBody("hexadecimal length", "Content-Length: 0x5", "").but(byAll(bad)),
	trustBody("length with a fraction", "Content-Length: 5.0", "").but(byAll(bad)),
	trustBody("length with a parameter", "Content-Length: 5;x", "").but(byAll(bad)),
	trustBody("endless length", "Content-Length: 99999999999999999999", "").but(byAll(bad)),
	trustBody("empty length", "Content-Length: ", "").but(and(byAll(bad), noLen, lighttpds...)),
	trustBody("length with a zero in front", "Content-Length: 05", "5\r\nhe"),
	trustBody("length before a blank", "Content-Length: 5 ", "5\r\nhe"),
	trustBody("length, blank before the colon", "Content-Length : 5", "").but(byAll(bad)),
	trustBody("length named in Connection", "Content-Length: 5\r\nConnection: Content-Length", "5\r\nhe"),
	trustBody("length with an underscore", "Content_Length: 5", "").but(on(noLen, lighttpds...)),
	trustBody("length with a dot", "Content.Length: 5", "").but(on(noLen, lighttpds...)),
	trustBody("length, one with an underscore first", "Content_Length: 3\r\nContent-Length: 5", "5\r\nhe"),
	trustBody("length, one with an underscore last", "Content-Length: 5\r\nContent_Length: 3", "5\r\nhe"),
	trustBody("length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked", "hello").but(on(bad, notApache...)),
	trustBody("chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: 5", "hello").but(on(bad, notApache...)),
	trustBody("chunks, and a length with an underscore", "Transfer-Encoding: chunked\r\nContent_Length: 3", "hello"),
}

// apacheCGI are those whose chunked bodies proxy.cgi gets under their coding's
// name. mod_fcgid takes any list that ends in chunked for chunked.
var apacheCGI = []webserver.Kind{webserver.ApacheEvent, webserver.ApacheSuexec}

func allBut(status string, others map[webserver.Kind]string, kinds ...webserver.Kind) map[webserver.Kind]string {
	m := byAll(status)
	for kind, other := range others {
		m[kind] = other
	}
	for _, kind := range kinds {
		delete(m, kind)
	}
	return m
}

// codingCases: whether the body is in chunks at all.
var codingCases = []trustCase{
	trustBody("coding: upper case", "Transfer-Encoding: CHUNKED", "hello"),
	trustBody("coding: tab after", "Transfer-Encoding: chunked\t", "hello").but(on(unknown, nginxes...)),
	trustBody("coding: tab before", "Transfer-Encoding: \tchunked", "hello").but(on(unknown, nginxes...)),
	trustBody("coding: vertical tab", "Transfer-Encoding: \x0bchunked", "").but(allBut(bad, on(unknown, nginxes...))),
	trustBody("coding: chunked, identity", "Transfer-Encoding: chunked, identity", "").but(allBut(unknown, on(bad, apaches...))),
	trustBody("coding: identity, chunked", "Transfer-Encoding: identity, chunked", "hello").but(allBut(unknown, nil, fcgid)),
	trustBody("coding: gzip, chunked", "Transfer-Encoding: gzip, chunked", "hello").but(allBut(unknown, nil, fcgid)),
	trustBody("coding: chunked, chunked", "Transfer-Encoding: chunked, chunked", "hello").but(allBut(unknown, nil, fcgid)),
	trustBody("coding: empty, chunked", "Transfer-Encoding: ,chunked", "hello").but(allBut(unknown, nil, fcgid)),
	trustBody("coding: xchunked", "Transfer-Encoding: xchunked", "").but(allBut(unknown, on(bad, apaches...))),
	trustBody("coding: quoted", "Transfer-Encoding: \"chunked\"", "").but(allBut(unknown, on(bad, apaches...))),
	trustBody("coding: with a parameter", "Transfer-Encoding: chunked;q=1", "").but(allBut(unknown, on(bad, apaches...))),
	trustBody("coding: identity", "Transfer-Encoding: identity", "").but(allBut(unknown, on(bad, apaches...))),
	trustBody("coding: empty", "Transfer-Encoding: ", "").but(and(allBut(unknown, on(bad, apaches...)), noLen, lighttpds...)),
	trustBody("coding: chunked and identity on two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "").but(allBut(bad, on(unknown, lighttpds...))),
	trustBody("coding: identity and chunked on two lines", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "hello").but(allBut(unknown, on(bad, nginxes...), fcgid)),
	trustBody("coding: chunked on two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "hello").but(and(on(unknown, apacheCGI...), bad, nginxes...)),
	trustBody("coding: blank before the colon", "Transfer-Encoding : chunked", "").but(byAll(bad)),
	trustBody("coding: folded", "Transfer-Encoding:\r\n chunked", "hello").but(and(on(unknown, lighttpds...), bad, nginxes...)),
	trustBody("coding: folded into another field", "X: y\r\n Transfer-Encoding: chunked", "", "X: y Transfer-Encoding: chunked").but(and(on(noLen, lighttpds...), bad, nginxes...)),
	trustBody("coding: named in Connection", "Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding", "hello"),
	trustBody("coding: underscore", "Transfer_Encoding: chunked", "").but(on(noLen, lighttpds...)),
	trustBody("coding: dot", "Transfer.Encoding: chunked", "").but(on(noLen, lighttpds...)),
	trustBody("coding: underscore and a length", "Transfer_Encoding: chunked\r\nContent-Length: 5", "5\r\nhe"),
	trustBody("coding: underscore, unknown, and a length", "Content-Length: 5\r\nTransfer_Encoding: gzip", "5\r\nhe"),
	trustBody("coding: underscore, unknown, and chunks", "Transfer_Encoding: gzip\r\nTransfer-Encoding: chunked", "hello"),
	trustGet("coding: underscore without a body", "Transfer_Encoding: chunked\r\n"),
	trustGet("coding: underscore, unknown, without a body", "Transfer_Encoding: gzip\r\n"),
}
