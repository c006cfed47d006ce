package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/challenge"
	"proxy.cgi/cgiproxy/command/finding"
	"proxy.cgi/cgiproxy/command/live"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/scripts/deploy/remote"
)

// pageTime is for an app that has to start, at a host that is slow.
const pageTime = 100 * time.Second

// reachable asks the site's address before anything is uploaded: what cannot be
// checked is not deployed.
func (o *options) reachable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	resp, err := get(ctx, o.url)
	if err != nil {
		return o.unasked(err)
	}
	resp.Body.Close()
	return nil
}

// unasked says what to do about a site that cannot be asked.
func (o *options) unasked(err error) error {
	if u, parseErr := url.Parse(o.url); parseErr == nil {
		if absent := remote.Absent(u.Host, err); absent != nil {
			return fmt.Errorf("the site %s cannot be asked: %w Its address is said with --url", o.url, absent)
		}
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("browsers refuse the site, too: ask the host for a certificate (Let's Encrypt), or say the address that has one with --url: %w", certificate)
	}
	return fmt.Errorf("the site cannot be asked: %w: is that its address? Say it with --url", err)
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

// firstPage returns the status of the site's first page, and what to say of it.
func (d *deploy) firstPage(ctx context.Context) (status int, text string) {
	ctx, cancel := context.WithTimeout(ctx, pageTime)
	defer cancel()
	resp, err := get(ctx, d.url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text = resp.Status
	if resp.StatusCode >= 400 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
		text += ": " + printable(line)
	}
	return resp.StatusCode, text
}

// verify returns why the site must not stay as it is now, nothing where it may.
// It asks first for what may have to be taken back at once.
func (d *deploy) verify(ctx context.Context) (problems []string) {
	switch status, text := d.firstPage(ctx); status {
	case 0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return []string{"the app's first page: " + text}
	case http.StatusInternalServerError:
		problems = append(problems, "the first page: "+text)
	}
	// Where a new app does not start, proxy.cgi lets the old one go on.
	now := d.appState()
	switch {
	case now.began == "" || now.began != d.before.began:
	case now.seen != d.before.seen:
		return []string{"the app does not start with what is new, and the old one still answers: " + printable(now.exit)}
	case d.appWork != nil:
		d.say("warning  app: whether it starts with what is new is not known, for the first page does not come from it\n")
	}
	findings := d.live(ctx)
	if ctx.Err() != nil {
		return nil
	}
	for _, f := range findings {
		text := printable(f.Text)
		if f.Remedy != "" {
			text += ": " + f.Remedy
		}
		switch {
		case f.Level == finding.Fault && slices.Contains([]string{"reach", "settings", "private files"}, f.Check):
			problems = append(problems, f.Check+": "+text)
		case f.Level != finding.OK:
			d.say("%-8s %s: %s\n", f.Level, f.Check, text)
		}
	}
	return problems
}

// askLive is live.Run; tests that deploy a hundred times put less in its place.
var askLive = live.Run

// live is the check of `proxy.cgi check --url`, which proxy.cgi answers to who
// knows SECRET, or the key in a file beside it.
func (d *deploy) live(ctx context.Context) []finding.Finding {
	o := live.Options{URL: d.url, Secret: settings.ValueIn(d.lines, "SECRET")}
	if d.program != nil {
		o.Version = d.program.version
	}
	if o.Secret != "" {
		return askLive(ctx, o)
	}
	file := d.served.path(challenge.KeyFile)
	o.Secret = rand.Text() + rand.Text()
	if err := put(d.host, file, []byte(o.Secret), 0o600, meter{}); err != nil {
		return []finding.Finding{{Check: "reach", Level: finding.Fault, Text: err.Error()}}
	}
	defer d.host.Remove(file)
	found := askLive(ctx, o)
	if found[0].Level == finding.Fault && d.host.Chmod(file, 0o644) == nil { // scripts may run as another user
		found = askLive(ctx, o)
	}
	return found
}

// status says what is there, and whether it works.
func (d *deploy) status(ctx context.Context) error {
	for _, name := range [...]string{"proxy.cgi", "proxy.fcgi", settings.File, ".htaccess"} {
		for _, e := range d.served.list {
			if e.Name == name {
				d.say("%s, %d bytes, permissions %03o\n", d.served.path(name), e.Size, e.Mode.Perm())
			}
		}
	}
	if folder, _, err := d.appFolder(); err == nil {
		if list, err := d.host.List(path.Join(folder, stateFolder)); err == nil && list != nil {
			if d.app, err = openApp(d.host, folder); err != nil {
				return err
			}
			if d.app.now.Former != nil {
				d.say("a deploy broke off halfway: deploy again, or --rollback\n")
			}
			d.say("%s, deploy %d, %d files\n", folder, d.app.now.Number, len(d.app.now.Files))
		}
	}
	d.places = d.findPlaces()
	for _, f := range d.live(ctx) {
		d.say("%-8s %s: %s\n", f.Level, f.Check, printable(f.Text))
		if f.Level == finding.Fault && f.Check == "reach" {
			return fmt.Errorf("%s: %s", d.url, f.Remedy)
		}
	}
	status, text := d.firstPage(ctx)
	d.say("first page: %s\n", text)
	if status == 0 || status >= 500 {
		if s := d.appState(); s.began != "" && s.exit != "" {
			d.say("the app last ended: %s\n", printable(s.exit))
		}
		return fmt.Errorf("%s does not work: --logs may say why", d.url)
	}
	return nil
}
