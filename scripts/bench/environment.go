package main

// The variables that Apache sets for one request of a usual browser.

import (
	"fmt"
	"strconv"
	"strings"
)

// A request is what the variables are made of.
type request struct {
	method string // "" is GET
	target string // "/page?x"
	fields int    // X-Bench- fields beside the usual ones
	length int64  // of the body, 0 for none
}

// environment returns the variables for the program p.
func (r request) environment(p *program) []string {
	method := r.method
	if method == "" {
		method = "GET"
	}
	_, query, _ := strings.Cut(r.target, "?")
	env := append([]string{}, p.env...)
	env = append(env, usualVariables...)
	env = append(env, "REQUEST_METHOD="+method, "REQUEST_URI="+r.target, "QUERY_STRING="+query)
	if r.length > 0 {
		env = append(env, "CONTENT_LENGTH="+strconv.FormatInt(r.length, 10), "CONTENT_TYPE=application/octet-stream")
	}
	for i := range r.fields {
		env = append(env, fmt.Sprintf("HTTP_X_BENCH_%d=%s", i, fieldValue))
	}
	return env
}

var usualVariables = []string{
	"PATH=/usr/local/bin:/usr/bin:/bin",
	"GATEWAY_INTERFACE=CGI/1.1",
	"SERVER_SOFTWARE=Apache/2.4",
	"SERVER_PROTOCOL=HTTP/1.1",
	"SERVER_NAME=www.example.org",
	"SERVER_ADDR=127.0.0.1",
	"SERVER_PORT=443",
	"SERVER_ADMIN=webmaster@example.org",
	"SERVER_SIGNATURE=",
	"REQUEST_SCHEME=https",
	"HTTPS=on",
	"REMOTE_ADDR=127.0.0.2",
	"REMOTE_PORT=50000",
	"DOCUMENT_ROOT=/home/user/public_html",
	"CONTEXT_DOCUMENT_ROOT=/home/user/public_html",
	"CONTEXT_PREFIX=",
	"SCRIPT_NAME=/proxy.cgi",
	"REDIRECT_STATUS=200",
	"REDIRECT_URL=/page",
	"UNIQUE_ID=aBcDeFgHiJkLmNoPqRsTuVwXyZ0",
	"HTTP_HOST=www.example.org",
	"HTTP_USER_AGENT=Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"HTTP_ACCEPT=text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	"HTTP_ACCEPT_LANGUAGE=en-US,en;q=0.5",
	"HTTP_ACCEPT_ENCODING=gzip, deflate, br, zstd",
	"HTTP_CONNECTION=keep-alive",
	"HTTP_COOKIE=session=0123456789abcdef0123456789abcdef; theme=dark",
	"HTTP_REFERER=https://www.example.org/",
	"HTTP_SEC_FETCH_DEST=document",
	"HTTP_SEC_FETCH_MODE=navigate",
	"HTTP_SEC_FETCH_SITE=same-origin",
	"HTTP_UPGRADE_INSECURE_REQUESTS=1",
}
