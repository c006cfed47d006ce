// Gohello is a CGI program that asks nobody: what a Go process costs before it
// does anything for a request.
package main

import "os"

func main() {
	os.Stdout.WriteString("Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\n")
}
