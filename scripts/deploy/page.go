package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/scripts/deploy/remote"
)

// pageTime is for an app that has to start, at a host that is slow.
const pageTime = 100 * time.Second

// A page is what came for the site's first page.
type page struct {
	status int    // 0 for no response
	text   string // what to say of it
	err    error  // why there is no response
}

// fails reports whether visitors of the site get nothing else.
func (p page) fails() bool {
	switch p.status {
	case 0, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// firstPage asks for it.
func (o *options) firstPage(ctx context.Context) page {
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	resp, err := get(ctx, o.url)
	if err != nil {
		return page{text: err.Error(), err: err}
	}
	defer resp.Body.Close()
	text := printable(resp.Status)
	if resp.StatusCode >= 400 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		body = bytes.TrimPrefix(bytes.TrimSpace(body), []byte(resp.Status)) // a page of proxy.cgi begins with it
		if line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n"); line != "" {
			text += ": " + printable(line)
		}
	}
	return page{status: resp.StatusCode, text: text}
}

// startedPage is firstPage of an app that may have to start. Where START_TIMEOUT gives it
// longer than a web server waits (60 s, Apache's Timeout), the start goes on after that
// server's 504, and the page is asked for again.
func (d *deploy) startedPage(ctx context.Context) page {
	timeout, _ := time.ParseDuration(settings.ValueIn(d.lines, "START_TIMEOUT")) // 0 where it is not said
	for end := time.Now().Add(timeout); ; {
		p := d.firstPage(ctx)
		if !p.fails() || d.appState().phase != "starting" || time.Now().After(end) || pause(ctx, time.Second) != nil {
			return p
		}
	}
}

// redacted is an address without the password that may be in it.
func redacted(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return address
}

// get asks for a page, and follows no redirect: that is a response, too.
func get(ctx context.Context, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain, */*;q=0.1") // an error of proxy.cgi is then a line
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(req)
}

var usualPorts = map[string]string{"http": "80", "https": "443"}

// unasked says what to do about a site that does not respond.
func (o *options) unasked(err error) error {
	if u, parseErr := url.Parse(o.url); parseErr == nil {
		if absent := remote.Absent(net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), usualPorts[u.Scheme])), err); absent != nil {
			return fmt.Errorf("the site %s cannot be asked: %w Its address, with the port if it is another, is said with --url, as in --url %s://%s:8443/", redacted(o.url), absent, u.Scheme, u.Hostname())
		}
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("browsers refuse the site, too: ask the host for a certificate (Let's Encrypt), or say the address that has one with --url: %w", certificate)
	}
	return fmt.Errorf("the site cannot be asked: %w: is that its address? Say it with --url", err)
}
