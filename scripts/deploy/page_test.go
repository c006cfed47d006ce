package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestUnasked begins with what to do about a site that cannot be asked.
func TestUnasked(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	for _, c := range []struct{ name, url, want string }{
		{"nobody listens", gone.URL, "the site " + gone.URL + " cannot be asked: nobody listens at " + strings.TrimPrefix(gone.URL, "http://")},
		{"a certificate that nobody trusts", untrusted.URL, "browsers refuse the site, too: ask the host for a certificate"},
		{"a word", "http://", "the site cannot be asked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &options{url: c.url}
			err := o.unasked(o.firstPage(t.Context()).err)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
