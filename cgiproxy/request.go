package cgiproxy

import (
	"net/http"
	"net/url"
	"strconv"

	"proxy.cgi/cgiproxy/settings"
)

// newRequest returns the request to send to the app, without its body, and how
// the app's URLs and the public ones relate. It depends on its arguments only.
// mark is that of the site.
//
// RequestURI is the request-target as it goes on the wire: net/url cannot hold
// each one a client may send. ContentLength is 0 for no body and -1 for one of
// unknown length; Header has the matching Content-Length or Transfer-Encoding.
func newRequest(env Environ, cfg *settings.Config, mark string) (*http.Request, reverseMapping, error) {
	in, err := readIncoming(env)
	if err != nil {
		return nil, reverseMapping{}, err
	}
	target, err := newTarget(env, cfg)
	if err != nil {
		return nil, reverseMapping{}, err
	}
	length, err := bodyLength(env, int64(cfg.MaxBody))
	if err != nil {
		return nil, reverseMapping{}, err
	}
	peer := newPeer(env, cfg.TrustedProxies)
	if err := peer.checkClaims(env); err != nil {
		return nil, reverseMapping{}, err
	}
	setMark(in.header, requestMark(mark, in.method, target.path+target.query))
	public := setForwarded(in.header, env, peer, target.prefix)
	if public.host == "" {
		public.host = in.serverName
	}
	mapping := reverseMapping{app: &cfg.Upstream, host: in.hostFor(cfg), public: public}
	mapping.rewriteRequest(in.header)

	out := &http.Request{
		Method:     in.method,
		URL:        &url.URL{Scheme: cfg.Upstream.Scheme, Host: cfg.Upstream.Authority},
		RequestURI: target.path + target.query,
		Header:     in.header,
		Host:       mapping.host,
		Body:       http.NoBody,
		Close:      true,
	}
	setBodyLength(out, length)
	return out, mapping, nil
}

func setBodyLength(out *http.Request, length int64) {
	switch {
	case length == unknownLength:
		out.ContentLength = length
		out.Header["Transfer-Encoding"] = []string{"chunked"}
	case length >= 0:
		out.ContentLength = length
		out.Header["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
}
