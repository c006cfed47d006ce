// Package e2e holds the tests that run the real proxy.cgi behind real web
// servers, with an app that records each byte it gets and answers with bytes
// the test chooses.
package e2e
