package cgiproxy

import (
	"net/http"
	"strconv"
	"strings"
)

// A web server that refuses a request may redirect it internally to the page
// of its error (Apache's ErrorDocument, lighttpd's server.error-handler), and
// where the owner's rule takes that page, too, the script is run for it:
// REQUEST_URI is still the target that was refused, and REMOTE_USER the name
// that nobody proved. REDIRECT_STATUS tells.

// refusedStatus returns the status with which the web server has refused the
// request, 0 where it has not.
func (env Environ) refusedStatus() int { return errorStatus(env["REDIRECT_STATUS"]) }

// errorStatus returns the status that a REDIRECT_STATUS stands for, 0 where it
// is no error's. Configurations made for PHP set 200, 1 or CGI with each
// request, and nginx's $status is 000 before there is a response.
func errorStatus(redirectStatus string) int {
	status, err := strconv.Atoi(redirectStatus)
	if err != nil || status < 100 || status > 599 || status == http.StatusOK {
		return 0
	}
	return status
}

// provesUser reports whether REMOTE_USER is somebody the web server has
// authenticated. nginx has there what a client claims in Authorization, and no
// AUTH_TYPE, which RFC 3875, section 4.1.1, asks for; the others named here
// prove it, also where they leave AUTH_TYPE out (a client's certificate). Python's
// http.server asks for no password, and has both from Authorization.
func (env Environ) provesUser() bool {
	claims := strings.HasPrefix(env["SERVER_SOFTWARE"], "SimpleHTTP/")
	return env["AUTH_TYPE"] != "" && !claims || env.readsHtaccess()
}

// readsHtaccess reports whether the web server is one of those that have the
// site's rules from .htaccess.
func (env Environ) readsHtaccess() bool {
	server := env["SERVER_SOFTWARE"]
	return strings.HasPrefix(server, "Apache") || strings.HasPrefix(server, "LiteSpeed")
}
