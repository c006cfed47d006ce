package check

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"proxy.cgi/cgiproxy/command/docroot"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/upstream"
)

// patience is how long the check waits for an app to connect or respond where
// the settings have no limit, or a longer one.
const patience = 10 * time.Second

// A listener is what is at one of the app's addresses.
type listener struct {
	address  string
	err      error // why there is no connection
	owner    int
	ownerErr error // why nobody can tell whose it is
	took     time.Duration
}

// findListeners connects to each of the app's addresses.
func (s *site) findListeners() (list []listener) {
	if s.cfgErr != nil {
		return nil
	}
	s.findAuto()
	up := s.cfg.Upstream
	if up.Auto {
		return nil
	}
	for _, address := range []string{up.Address, up.Second} {
		if address != "" {
			list = append(list, s.connect(up.Network, address))
		}
	}
	return list
}

// findAuto takes the port that the app was started with last as its address.
func (s *site) findAuto() {
	if !s.cfg.Upstream.Auto {
		return
	}
	if network, addresses, err := upstream.NewApp(s.cfg).Address(); err == nil && len(addresses) > 0 {
		s.cfg.Upstream.Network, s.cfg.Upstream.Address, s.cfg.Upstream.Auto = network, addresses[0], false
	}
}

func (s *site) connect(network, address string) listener {
	ctx, cancel := context.WithTimeout(s.ctx, within(s.cfg.ConnectTimeout))
	defer cancel()
	begin := time.Now()
	conn, err := upstream.Dial(ctx, network, address)
	l := listener{address: address, err: err, took: time.Since(begin)}
	if err == nil {
		l.owner, l.ownerErr = upstream.ListenerOwner(conn)
		conn.Close()
	}
	return l
}

// within is the setting for a time limit, where 0 is none.
func within(limit time.Duration) time.Duration {
	if limit == 0 {
		return patience
	}
	return min(limit, patience)
}

// listening returns the listeners that a request may reach.
func (s *site) listening() []listener {
	return slices.DeleteFunc(slices.Clone(s.listeners), func(l listener) bool { return l.err != nil })
}

func checkApp(s *site) []Finding {
	up := s.cfg.Upstream
	if s.cfgErr != nil {
		return nil // see settings
	}
	if up.Auto {
		return fine("the app is not running: the first request starts it, on a free port")
	}
	if up.Network == "unix" {
		if f := s.checkSocket(up.Address); f != nil {
			return f
		}
	}
	there := s.listening()
	if len(there) == 0 {
		return s.notListening()
	}
	l := there[0]
	text := fine("somebody listens on %s (connected in %v)", l.address, l.took.Round(10*time.Microsecond))
	if l.address == up.Second {
		text = fine("somebody listens on %s, and nobody on %s: that is enough (connected in %v)", l.address, up.Address, l.took.Round(10*time.Microsecond))
	}
	return text
}

// notListening says why there is no connection. It asks the transport, so that
// it has the words of the log.
func (s *site) notListening() []Finding {
	refused := slices.ContainsFunc(s.listeners, func(l listener) bool {
		return errors.Is(l.err, syscall.ECONNREFUSED) || errors.Is(l.err, syscall.ENOENT)
	})
	if s.cfg.Start != "" && refused {
		return fine("nobody listens on %s now: the first request starts the app", s.cfg.Upstream.String())
	}
	_, err := s.ask("/", nil)
	if err == nil { // it has just been started
		return fine("the app listens on %s", s.cfg.Upstream.String())
	}
	return s.asFault(err)
}

// asFault returns the finding of a request that got no response.
func (s *site) asFault(err error) []Finding {
	c := cause{trouble: "502"}
	if e, ok := errors.AsType[*upstream.Error](err); ok {
		c.remedy = e.Remedy
		if e.Timeout {
			c.trouble = "504"
		}
	} else if e, ok := errors.AsType[*settings.Error](err); ok {
		c = cause{"setting", e.Remedy}
	}
	return c.fault("%v", err)
}

// checkSocket looks whether the user that scripts run as may use a unix socket:
// root, who may be the one who checks, may use each.
func (s *site) checkSocket(path string) []Finding {
	info, err := os.Stat(path)
	if err != nil {
		return nil // see notListening
	}
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		if above, err := os.Stat(folder); err == nil && !may(above, s.uid, s.gid, 1) {
			return cause{"502", "set its permissions to 711"}.fault("user %d may not enter %s, where the app's socket is: permission denied", s.uid, folder)
		}
		if folder == filepath.Dir(folder) {
			break
		}
	}
	if !may(info, s.uid, s.gid, 2) {
		return cause{"502", "start the app as the user that scripts run as, or let it give the socket permissions 666 in a folder of yours"}.
			fault("%s has permissions %03o: user %d may not write to it: permission denied", path, info.Mode().Perm(), s.uid)
	}
	return nil
}

func checkAppOwner(s *site) (all []Finding) {
	for _, l := range s.listening() {
		switch {
		case l.ownerErr != nil && s.cfg.RequireOwner:
			all = append(all, cause{"502", "let the app listen on a unix socket of yours, or set " + settings.Prefix + "REQUIRE_OWNER=false"}.fault("%s: %v", l.address, l.ownerErr)...)
		case l.ownerErr != nil:
			all = append(all, fine("%s: %v", l.address, l.ownerErr)...)
		case l.owner == s.uid:
			all = append(all, fine("the listener on %s belongs to user %d, as the site does", l.address, l.owner)...)
		case s.cfg.RequireOwner:
			all = append(all, cause{"502", settings.Prefix + "REQUIRE_OWNER is set: is it your own app that listens there, started by you?"}.fault("the listener on %s belongs to user %d and not to ours, user %d", l.address, l.owner, s.uid)...)
		case l.address == s.cfg.Upstream.Second && l.owner != 0 && len(s.listening()) == 1:
			all = append(all, cause{"502", "is your app running? If this is the app, name its address in " + settings.Prefix + "UPSTREAM"}.fault("the listener on %s belongs to user %d, and the site to user %d, so it gets no request", l.address, l.owner, s.uid)...)
		default:
			all = append(all, cause{"502", "is it your app? If not, let yours listen elsewhere, or on a unix socket, and set " + settings.Prefix + "REQUIRE_OWNER=true"}.warning("the listener on %s belongs to user %d, and the site to user %d", l.address, l.owner, s.uid)...)
		}
	}
	return all
}

// ask sends HEAD to the app. The listener's owner has been looked at already, and
// is not the user who checks where that is root.
func (s *site) ask(target string, fields http.Header) (*http.Response, error) {
	cfg := *s.cfg
	cfg.RequireOwner, cfg.ConnectRetry = false, 0
	if there := s.listening(); len(there) > 0 {
		cfg.Upstream.Address, cfg.Upstream.Second = there[0].address, ""
	}
	cfg.ConnectTimeout, cfg.HeaderTimeout = within(cfg.ConnectTimeout), within(cfg.HeaderTimeout)
	if fields == nil {
		fields = http.Header{}
	}
	req := &http.Request{
		Method: http.MethodHead, URL: &url.URL{}, RequestURI: s.cfg.Upstream.Base + target,
		Host: hostAsked, Header: fields, Body: http.NoBody,
	}
	resp, err := (&upstream.Transport{Config: &cfg}).RoundTrip(req.WithContext(s.ctx))
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

// hostAsked is a name that no app is on (RFC 6761, section 6.4): what a redirect
// has of it is from the request.
const hostAsked = "check.invalid"

// checkHTTP asks the app for its first page.
func checkHTTP(s *site) []Finding {
	if len(s.listening()) == 0 {
		return nil // see app
	}
	begin := time.Now()
	resp, err := s.ask("/", nil)
	if err != nil {
		return s.asFault(err)
	}
	if server := resp.Header.Get("Server"); isWebServer(server) {
		return cause{"loop", "is that your app? " + settings.Prefix + "UPSTREAM must be its own port, not the web server's"}.warning("the program at %s is a web server (%.60q)", s.cfg.Upstream.String(), server)
	}
	return fine("the app speaks HTTP/%d.%d: %s in %v", resp.ProtoMajor, resp.ProtoMinor, resp.Status, time.Since(begin).Round(time.Millisecond))
}

func isWebServer(server string) bool {
	name, _, _ := strings.Cut(strings.ToLower(server), "/")
	return slices.Contains([]string{"apache", "litespeed", "openlitespeed", "nginx", "lighttpd", "cloudflare"}, name)
}

// checkHTTPS looks whether the app sends visitors to https who have it already.
func checkHTTPS(s *site) []Finding {
	if len(s.listening()) == 0 {
		return nil
	}
	resp, err := s.ask("/", http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {hostAsked}, "X-Forwarded-Port": {"443"}, "X-Forwarded-For": {"192.0.2.1"}})
	if err != nil {
		return nil // see app-http
	}
	if resp.StatusCode/100 == 3 && strings.TrimSuffix(resp.Header.Get("Location"), "/") == "https://"+hostAsked {
		return cause{"redirect", "have the app trust X-Forwarded-Proto: MANUAL.md, Frameworks"}.fault("the app redirects to https also where X-Forwarded-Proto says that it is https already: without end")
	}
	return fine("the app does not redirect from https to https")
}

// checkPrefix looks whether an app in a folder expects paths without it.
func checkPrefix(s *site) []Finding {
	prefix := s.publicPrefix()
	if prefix == "" || s.cfg.StripPrefix != "" || len(s.listening()) == 0 {
		return nil
	}
	inside, err := s.ask(prefix+"/", nil)
	if err != nil || inside.StatusCode != http.StatusNotFound {
		return nil
	}
	if root, err := s.ask("/", nil); err != nil || root.StatusCode == http.StatusNotFound {
		return nil
	}
	return cause{"app-404", "write " + settings.Prefix + "STRIP_PREFIX=auto into " + s.path(settings.File)}.warning("the app has / but no %s/ (404): it seems to expect paths without the folder", prefix)
}

// publicPrefix returns the path of the folder in URLs, as far as the usual names
// of document roots tell; "" for the root, or where they do not.
func (s *site) publicPrefix() string {
	_, below, _ := docroot.Split(s.folder)
	if below == "" {
		return ""
	}
	return (&url.URL{Path: "/" + below}).EscapedPath()
}
