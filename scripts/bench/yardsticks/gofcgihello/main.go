// Gofcgihello is a FastCGI program that asks nobody: what mod_fcgid and
// net/http/fcgi cost before anything is done for a request.
package main

import (
	"io"
	"log"
	"net/http"
	"net/http/fcgi"
)

func main() {
	hello := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "hello\n")
	}
	if err := fcgi.Serve(nil, http.HandlerFunc(hello)); err != nil {
		log.Fatal(err)
	}
}
