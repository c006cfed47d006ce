package cgiproxy

import "strings"

// isProxyField reports whether apps and frameworks take a field for the word of
// a proxy in front of them, many without being told when it comes from
// 127.0.0.1, as it does from here. X-Forwarded-*, Forwarded and X-Real-IP are
// set or removed anyway. X-HTTP-Method-Override and the like are not here: they
// are meant for clients.
func isProxyField(name string) bool {
	if strings.HasPrefix(name, "X-Original-") { // -Url replaces the path: Symfony, Laminas; -Host, -Proto, -For: ASP.NET
		return true
	}
	switch name { // not a map, which every process would have to fill
	case "Client-Ip", "True-Client-Ip", // Rails; chi
		"X-Client-Ip", "X-Cluster-Client-Ip", "X-Forwarded", "Forwarded-For", // request-ip of Node.js
		"Cf-Connecting-Ip", "Cf-Connecting-Ipv6", "Cf-Pseudo-Ipv4", "Do-Connecting-Ip", "Fastly-Client-Ip", "X-Appengine-User-Ip", // the same
		"Proxy-Client-Ip", "Wl-Proxy-Client-Ip", "Wl-Proxy-Ssl", "X-Proxied-Https", // Java: WebLogic, Jetty
		"X-Scheme", "X-Url-Scheme", "Front-End-Https", // Tornado; the rest by custom
		"X-Rewrite-Url", "X-Script-Name", "X-Host", "X-Http-Host-Override", // replace path, folder or host
		"X-Sendfile-Type", "X-Accel-Mapping": // Rack: which file of the server to send
		return true
	}
	return false
}
