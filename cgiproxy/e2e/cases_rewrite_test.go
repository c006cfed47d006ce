package e2e

// inRoot are the servers whose sites have no folder.
var inRoot = on("serves the document root only", goCGI, demo)

// moveTo is a request of a WebDAV client whose site is in a folder of
// http://site.test.
const moveTo = "MOVE {site}/a.txt HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n"

// visitTo is one of a browser there.
const visitTo = "GET {site}/a HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n"

// redirect is an app's response with these field lines.
func redirect(fields string) string {
	return "HTTP/1.1 303 See Other\r\n" + fields + "Content-Length: 0\r\n\r\n"
}

// rewriteCases: the URLs in fields are the client's for the client, and the
// app's for the app.
var rewriteCases = []exchangeCase{
	{
		name: "redirect to the Host of a socket", socket: true, settings: "CGIPROXY_PRESERVE_HOST=false\n", request: visitTo, status: "303 See Other",
		fields:   []string{"Host: localhost"},
		response: redirect("Location: http://localhost/login\r\nContent-Location: http://LOCALHOST:80/a\r\n"),
		gets:     []string{"Location: http://site.test/login", "Content-Location: http://site.test/a"},
	},
	{
		name: "redirect to the Host of a socket, prefix stripped", socket: true, settings: "CGIPROXY_PRESERVE_HOST=false\nCGIPROXY_STRIP_PREFIX=auto\n", request: visitTo, status: "303 See Other",
		response: redirect("Location: http://localhost/login\r\nRefresh: 5; url='http://localhost/b'; c\r\n"),
		gets:     []string{"Location: http://site.test{site}/login", "Refresh: 5; url='http://site.test{site}/b'; c"}, except: inRoot,
	},
	{
		name: "redirect to localhost from a socket with the client's Host", socket: true, request: visitTo, status: "303 See Other",
		response: redirect("Location: http://localhost/callback\r\n"), gets: []string{"Location: http://localhost/callback"},
	},
	{
		name: "redirect with the usual port, prefix stripped", settings: "CGIPROXY_STRIP_PREFIX=auto\n", request: visitTo, status: "303 See Other",
		response: redirect("Location: http://site.test:80/login\r\nContent-Location: http://Site.TEST/a\r\n"),
		gets:     []string{"Location: http://site.test:80{site}/login", "Content-Location: http://Site.TEST{site}/a"}, except: inRoot,
	},
	{
		name: "redirect to another port, prefix stripped", settings: "CGIPROXY_STRIP_PREFIX=auto\n", request: visitTo, status: "303 See Other",
		response: redirect("Location: http://site.test:8080/login\r\nContent-Location: b\r\n"),
		gets:     []string{"Location: http://site.test:8080/login", "Content-Location: b"}, except: inRoot,
	},
	{
		name: "refresh without url, prefix stripped", settings: "CGIPROXY_STRIP_PREFIX=auto\n", request: visitTo, status: "303 See Other",
		response: redirect("Refresh: 5; /login?url=/x\r\n"), gets: []string{"Refresh: 5; {site}/login?url=/x"}, except: inRoot,
	},
	{
		name: "destination, prefix stripped", settings: "CGIPROXY_STRIP_PREFIX=auto\n",
		request: moveTo + "Destination: http://site.test:80{site}/b%20c.txt\r\n\r\n", line: "MOVE /a.txt HTTP/1.1",
		fields: []string{"Destination: http://site.test:80/b%20c.txt"}, except: inRoot,
	},
	{
		name: "destination that is a path, prefix stripped", settings: "CGIPROXY_STRIP_PREFIX=auto\n",
		request: moveTo + "Destination: {site}/b.txt\r\n\r\n", fields: []string{"Destination: /b.txt"}, except: inRoot,
	},
	{
		name: "destination, base path", settings: "CGIPROXY_UPSTREAM=http://{app}/base\n",
		request: moveTo + "Destination: http://site.test{site}/b.txt\r\n\r\n", line: "MOVE /base{site}/a.txt HTTP/1.1",
		fields: []string{"Destination: http://site.test/base{site}/b.txt"},
	},
	{
		name: "destination, base path and prefix stripped", settings: "CGIPROXY_UPSTREAM=http://{app}/base\nCGIPROXY_STRIP_PREFIX=auto\n",
		request: moveTo + "Destination: {site}/b.txt\r\n\r\n", line: "MOVE /base/a.txt HTTP/1.1",
		fields: []string{"Destination: /base/b.txt"}, except: inRoot,
	},
	{
		name: "destination, Host of the app", settings: "CGIPROXY_PRESERVE_HOST=false\n",
		request: moveTo + "Destination: http://site.test{site}/b.txt\r\n\r\n",
		fields:  []string{"Host: {app}", "Destination: http://{app}{site}/b.txt"},
	},
	{
		name: "destination of an https site, Host of the app", settings: "CGIPROXY_PRESERVE_HOST=false\nCGIPROXY_TRUSTED_PROXIES=127.0.0.1\n",
		request: moveTo + "X-Forwarded-Proto: https\r\nDestination: https://site.test{site}/b.txt\r\n\r\n",
		fields:  []string{"X-Forwarded-Proto: https", "Destination: http://{app}{site}/b.txt"},
	},
	{
		name: "destination of an https site", settings: "CGIPROXY_TRUSTED_PROXIES=127.0.0.1\n",
		request: moveTo + "X-Forwarded-Proto: https\r\nDestination: https://site.test{site}/b.txt\r\n\r\n",
		fields:  []string{"Host: site.test", "Destination: https://site.test{site}/b.txt"},
	},
	{
		name: "destination of another server", settings: "CGIPROXY_STRIP_PREFIX=auto\nCGIPROXY_PRESERVE_HOST=false\n",
		request: moveTo + "Destination: http://other.test{site}/b.txt\r\n\r\n",
		fields:  []string{"Destination: http://other.test{site}/b.txt"}, except: inRoot,
	},
	{
		name: "locked resources, prefix stripped", settings: "CGIPROXY_UPSTREAM=http://{app}/base\nCGIPROXY_STRIP_PREFIX=auto\n",
		request: moveTo + "Destination: {site}/b\r\nIf: <http://site.test{site}/a> (<urn:uuid:1> [\"{site}\"]) <{site}/b> (Not <http://site.test{site}/lock>)\r\n\r\n",
		fields:  []string{"If: <http://site.test/base/a> (<urn:uuid:1> [\"{site}\"]) </base/b> (Not <http://site.test{site}/lock>)"}, except: inRoot,
	},
	{
		name: "Referer and Origin", settings: "CGIPROXY_STRIP_PREFIX=auto\nCGIPROXY_PRESERVE_HOST=false\n",
		request: moveTo + "Referer: http://site.test{site}/b\r\nOrigin: http://site.test\r\n\r\n",
		fields:  []string{"Referer: http://site.test{site}/b", "Origin: http://site.test"}, except: inRoot,
	},
}
