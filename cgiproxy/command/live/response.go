package live

import (
	"net/http"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/challenge"
)

const trustLength = "put SetEnv ap_trust_cgilike_cl 1 into .htaccess (Apache takes Content-Length away without it)"

func contentLength(s *site) Finding {
	r, bad := s.describe(question{what: "length"})
	switch {
	case bad != nil:
		return *bad
	case r.ContentLength != int64(r.wire) || r.Header.Get("Content-Length") == "":
		return warning(trustLength, "the app's is lost: downloads show no progress, and one that is cut looks whole")
	}
	return ok("the app's arrives")
}

func head(s *site) Finding {
	r, err := s.ask(question{method: http.MethodHead})
	switch {
	case err != nil:
		return fault("see the web server's error log", "no response: %v", err)
	case !r.ours:
		return fault("ask the host, or see its error log", "the web server answers this itself: %s", r.summary())
	case r.surplus > 0:
		return fault("ask what is in front of the server", "the response has a body, which is the beginning of the next response for the visitor")
	case r.method != http.MethodHead:
		return warning("nothing, where the app answers both alike", "arrives as %s", r.method)
	case r.Header.Get("Content-Length") == "":
		return warning(trustLength, "arrives, and its response has no Content-Length")
	}
	return ok("arrives, and its response has the Content-Length")
}

func cutResponse(s *site) Finding {
	r, err := s.ask(question{what: "cut"})
	switch {
	case err != nil:
		return ok("a response that the app cuts short is seen to be (%v)", err)
	case !r.ours && r.StatusCode >= 500:
		return ok("a response that the app cuts short becomes %s", r.Status)
	case !r.ours:
		return fault("ask the host, or see its error log", "the web server answers this itself: %s", r.summary())
	case r.bodyErr == nil:
		return warning(trustLength+"; a filter that compresses loses it, too, and so may what is in front of the server: ask the host", "a response that the app cuts short looks whole")
	}
	return ok("a response that the app cuts short is seen to be")
}

// streaming measures whether a piece comes before the next is sent. A machine
// that is too busy to take it then makes it look late, so it is tried again.
func streaming(accept string) func(*site) Finding {
	const enough = (challenge.StreamPieces - 1) * challenge.StreamPause / 2
	return func(s *site) Finding {
		var r *response
		for range 3 {
			var err error
			r, err = s.ask(question{what: "stream", fields: []string{"Accept: " + accept, "Accept-Encoding: gzip"}})
			switch {
			case err != nil:
				return fault("see the web server's error log", "no response: %v", err)
			case !r.ours:
				return fault("ask the host, or see its error log", "the web server answers this itself: %s", r.summary())
			case strings.Count(string(r.body), "data: piece ") != challenge.StreamPieces:
				return fault("see the web server's error log", "only a part has come: %q", r.body)
			}
			if r.spread >= enough {
				return ok("each piece comes when the app sends it")
			}
		}
		held := "the response is held back until it is whole"
		switch {
		case r.Header.Get("Content-Encoding") != "" && accept != "*/*":
			return warning(`the host compresses: put the lines with no-gzip and BYTERANGE from htaccess.example into .htaccess`, "%s", held)
		case r.Header.Get("Content-Encoding") != "":
			return warning("the host compresses; event streams are spared by htaccess.example", "%s", held)
		case s.seen.Get("way") == "FastCGI":
			return warning(`mod_fcgid holds back 64 KiB of what goes to proxy.fcgi: with "Both" in htaccess.example event streams do not; nginx: fastcgi_buffering off`, "%s", held)
		}
		return warning("nginx in front: proxy_buffering off, or fastcgi_buffering off and NO_BUFFERING for fcgiwrap; lighttpd: server.stream-response-body = 1", "%s, after %v", held, r.spread.Round(time.Millisecond))
	}
}

func compression(s *site) Finding {
	r, err := s.ask(question{what: "big", fields: []string{"Accept-Encoding: gzip"}})
	switch {
	case err != nil:
		return fault("see the web server's error log", "no response: %v", err)
	case !r.ours:
		return fault("ask the host, or see its error log", "the web server answers this itself: %s", r.summary())
	case r.sum != sumOf([]byte(challenge.BigText())) || r.bodyErr != nil:
		return fault("ask the host what changes responses", "100 KB of text come as %d other bytes (%v)", r.size, r.bodyErr)
	case r.Header.Get("Content-Encoding") != "":
		return ok("the host compresses (%s): the app need not", r.Header.Get("Content-Encoding"))
	}
	return ok("not by the host: the app may do it")
}

// privateFiles looks whether the settings are to be had for the asking.
func privateFiles(s *site) Finding {
	r, err := s.ask(question{target: s.base + ".htcgiproxy"})
	switch {
	case err != nil:
		return warning("ask again", "no response: %v", err)
	case r.StatusCode == http.StatusOK && (strings.Contains(string(r.body), "UPSTREAM") || strings.Contains(string(r.body), "CGIPROXY_")):
		return fault("forbid names that begin with a dot (nginx: location ~ /\\.ht { deny all; }), and change SECRET", "everybody can read .htcgiproxy")
	}
	return ok(".htcgiproxy is not served (%s)", r.Status)
}
