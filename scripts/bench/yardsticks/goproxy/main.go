// Goproxy is the CGI reverse proxy that most would write in Go: the standard
// library, put together. The app's host:port is in UPSTREAM.
package main

import (
	"log"
	"net/http/cgi"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	app := &url.URL{Scheme: "http", Host: os.Getenv("UPSTREAM")}
	if err := cgi.Serve(httputil.NewSingleHostReverseProxy(app)); err != nil {
		log.Fatal(err)
	}
}
