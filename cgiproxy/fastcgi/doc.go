// Package fastcgi is the other way in: one process that answers many requests.
//
//	fastcgi.go   from the socket to cgiproxy.Serve
//	listener.go  the connections from the web server, and when they end
//	conn.go      one of them: what the web server sends
//	write.go     what is written to it, in whole records
//	request.go   a request on it, to its end
//	writer.go    the response
//	record.go    the records and parameters of the FastCGI specification
//	sites.go     the sites of a process, until their settings change
//	replaced.go  a new proxy.fcgi takes over
//
// It trusts the web server as cgiproxy does, and the owner of the executable.
package fastcgi
