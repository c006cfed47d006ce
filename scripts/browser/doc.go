// Package browser tests in Chromium what people see of proxy.cgi: the demo, the
// error page, the page of an app that is being started and the status page. It
// is a module of its own, so that nothing of it is a dependency of proxy.cgi.
//
//	go test -artifacts -outputdir DIR ./...
//
// leaves a screenshot of each page in DIR, light and dark, wide and narrow.
package browser
