// Package live asks a site on the web what its web server does to requests and
// responses, as `proxy.cgi check --url` tells it.
//
//	live.go       the rows of the table, in order
//	site.go       one request, byte for byte, and its response
//	key.go        whom proxy.cgi answers: SECRET, or a file beside it
//	unreached.go  what it may mean that something else has answered
//	request.go    the rows about requests
//	front.go      those about what a proxy in front says of the visitor
//	upload.go     the rows about their bodies
//	response.go   the rows about responses
//	browser.go    the same rows, asked by a browser (the status page)
//
// By itself it speaks HTTP/1.1 itself, for net/http sends no such paths, and does not tell
// when a piece has come. Package challenge is what both sides share.
package live

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"proxy.cgi/cgiproxy/command/finding"
)

// A Finding is one line of a finding. Its Check is the row's name.
type Finding = finding.Finding

func ok(format string, args ...any) Finding {
	return Finding{Level: finding.OK, Text: fmt.Sprintf(format, args...)}
}

func warning(remedy, format string, args ...any) Finding {
	return Finding{Level: finding.Warning, Text: fmt.Sprintf(format, args...), Remedy: remedy}
}

func fault(remedy, format string, args ...any) Finding {
	return Finding{Level: finding.Fault, Text: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Options say what to ask.
type Options struct {
	URL string // of the folder that proxy.cgi is in: "https://example.com/"

	Secret string // as the site has it, "" to find it in Dir

	// Dir is that folder, or a copy with the same .htcgiproxy. Where no SECRET is
	// known, a file is put there for the time of the finding. It is "" for none.
	Dir string

	Insecure bool // accept any certificate

	Version string // that proxy.cgi should have there, "" for any
}

// wholeTime bounds a check, and leaves some of a minute to remove the file.
const wholeTime = 55 * time.Second

// rows returns the table. It is a function, for a variable would be filled with
// each request to the site.
func rows() []row {
	return []row{
		{"settings", settingsUsed},
		{"version", version},
		{"way", way},
		{"app", app},
		{"method", method},
		{"path %2F", path("/a%2Fb")},
		{"path //", path("/a//b")},
		{"path %3F", path("/a%3Fb")},
		{"path %25", path("/a%25b")},
		{"query", query},
		{"Authorization", authorization},
		{"https", https},
		{"client address", clientAddress},
		{"forged fields", forgedFields},
		{"upload", upload},
		{"chunked upload", chunkedUpload},
		{"early response", earlyResponse},
		{"Content-Length", contentLength},
		{"HEAD", head},
		{"cut response", cutResponse},
		{"streaming", streaming("*/*")},
		{"event stream", streaming("text/event-stream")},
		{"compression", compression},
		{"private files", privateFiles},
	}
}

type row struct {
	name string
	look func(*site) Finding
}

// Run asks the site. It takes less than a minute, ends early with ctx and on
// Ctrl-C, and leaves no file behind.
func Run(ctx context.Context, o Options) []Finding {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()

	s, err := newSite(ctx, o)
	if err != nil {
		return []Finding{{Check: "reach", Level: finding.Fault, Text: err.Error(), Remedy: "give the address of the site's folder, as in https://example.com/app/"}}
	}
	remove, err := s.findKey(o.Secret, o.Dir)
	if err != nil {
		return []Finding{{Check: "reach", Level: finding.Fault, Text: err.Error(), Remedy: "give the site's folder, or in the environment CGIPROXY_SECRET as it is there"}}
	}
	defer remove()
	return s.findings()
}

// findings asks for each row, once proxy.cgi has answered at all.
func (s *site) findings() []Finding {
	reach := s.reach()
	reach.Check = "reach"
	findings := []Finding{reach}
	if reach.Level == finding.Fault {
		return findings
	}
	for _, r := range rows() {
		found := Finding{Level: finding.Warning, Text: "not asked: the time is over", Remedy: "the site is slow: ask again"}
		if s.ctx.Err() == nil {
			found = r.look(s)
		}
		if s.unable != "" {
			found, s.unable = ok("%s", s.unable), ""
		}
		found.Check = r.name
		findings = append(findings, found)
	}
	return findings
}

// newSite reads the URL.
func newSite(ctx context.Context, o Options) (*site, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q begins with neither http:// nor https://", o.URL)
	case u.Host == "":
		return nil, fmt.Errorf("%q has no host", o.URL)
	}
	base := u.EscapedPath()
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	s := &site{
		ctx: ctx, url: u, base: base, insecure: o.Insecure, version: o.Version,
		bearer: strings.ToLower(rand.Text()), send: (*site).sendItself, nonce: randomNonce,
	}
	return s, nil
}
