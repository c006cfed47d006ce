//go:build libraries

package main

// What proxy.cgi is made with, linked in and not used: it costs what it does
// before main. No program that is made with it can cost less.
import (
	_ "net/http/cgi"

	_ "github.com/kelseyhightower/envconfig"
)
