package cgiproxy

import "strings"

// isProxyField reports whether apps and frameworks take a field for the word of
// a proxy in front of them about who asks, and how; many do without being told,
// when it comes from 127.0.0.1, as it does from here. X-Forwarded-*, Forwarded and
// X-Real-IP are set or removed anyway. X-HTTP-Method-Override and the like are not
// here: they are meant for clients.
func isProxyField(name string) bool {
	if strings.HasPrefix(name, "X-Original-") { // -Host, -Proto, -For: ASP.NET
		return true
	}
	switch name { // not a map, which every process would have to fill
	case "Client-Ip", "True-Client-Ip", // Rails; chi
		"X-Client-Ip", "X-Cluster-Client-Ip", "X-Forwarded", "Forwarded-For", // request-ip of Node.js
		"Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Pseudo-Ipv4", "Do-Connecting-Ip", "Fastly-Client-Ip", "X-Appengine-User-Ip", // the same
		"Proxy-Client-Ip", "Wl-Proxy-Client-Ip", "Wl-Proxy-Ssl", "X-Proxied-Https", "Proxy-Ssl-Id", "Proxy-Auth-Cert", // Java: WebLogic, Jetty
		"X-Scheme", "X-Url-Scheme", "Front-End-Https": // Tornado; the rest by custom
		return true
	}
	return false
}

// tellsOfProxy reports whether a request with the field has come through a proxy, as
// far as proxies tell: RFC 9110, section 7.6.3, RFC 7239, RFC 8586, and what they say
// of the client.
func tellsOfProxy(name string) bool {
	switch name {
	case "Via", "Forwarded", "Cdn-Loop", "X-Real-Ip":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || isProxyField(name)
}

// replacesTarget reports whether apps take a field for the path, folder or host in
// place of the request's own, or for a file of the server. Nobody is believed in
// these, for a proxy in front passes them on as a client writes them, unless it is
// told not to: they would lead past the rules of the web server.
func replacesTarget(name string) bool {
	switch name {
	case "X-Original-Url", "X-Original-Host", "X-Rewrite-Url", // Symfony, Laminas; ASP.NET
		"X-Script-Name", "X-Host", "X-Http-Host-Override", // by custom
		"X-Sendfile-Type", "X-Accel-Mapping": // Rack: which file of the server to send
		return true
	}
	return false
}
