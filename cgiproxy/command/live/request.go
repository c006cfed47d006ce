package live

import (
	"fmt"
	"strings"
)

// settingsUsed and the two after it tell what the first response said.
func settingsUsed(s *site) Finding {
	if text := s.seen.Get("settings"); text != "" {
		return fault(orElse(s.seen.Get("remedy"), "correct .htcgiproxy there"), "%s", text)
	}
	if text := s.seen.Get("error"); text != "" {
		return fault("see MANUAL.md", "a GET would not get to the app: %s", text)
	}
	return ok("can be used")
}

func version(s *site) Finding {
	there, here := s.seen.Get("version"), s.version
	switch here {
	case "":
		return ok("%s", there)
	case there:
		return ok("%s, as here", there)
	}
	return warning("upload the newer one, as another name, and rename it", "%s there, and %s asks", there, here)
}

func way(s *site) Finding {
	if s.seen.Get("way") == "FastCGI" {
		return ok("FastCGI: one process answers many requests")
	}
	return ok("CGI: a process for each request")
}

// app has proxy.cgi ask the app for its first page, and tell why there is none.
func app(s *site) Finding {
	if s.seen.Get("settings") != "" || s.seen.Get("error") != "" {
		return ok("not asked: see settings")
	}
	r, err := s.ask(question{what: "app", before: "?"})
	switch {
	case err != nil:
		return fault("see the web server's error log", "no response: %v", err)
	case !r.ours:
		return warning("if the app should answer there, lead requests to proxy.cgi by the rules of htaccess.example", "visitors of its first page get something else: %s", r.summary())
	case r.seen.Get("error") != "":
		return fault(r.seen.Get("remedy"), "it gives no first page: %s", r.seen.Get("error"))
	case strings.HasPrefix(r.seen.Get("status"), "5"):
		return fault("look into the app's own log, and the web server's error log", "its first page is %s", r.seen.Get("status"))
	case r.seen.Get("status") == "":
		return ok("not asked: the proxy.cgi there is too old for it")
	}
	return ok("its first page is %s", r.seen.Get("status"))
}

func method(s *site) Finding {
	var refused, changed []string
	for _, m := range [...]string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
		r, err := s.ask(question{method: m})
		switch {
		case err != nil:
			refused = append(refused, fmt.Sprintf("%s (%v)", m, err))
		case !r.ours || r.seen.Get("refused") != "":
			refused = append(refused, fmt.Sprintf("%s (%s)", m, r.Status))
		case r.method != m:
			changed = append(changed, m+" becomes "+r.method)
		}
	}
	switch {
	case changed != nil:
		return fault("lead requests to proxy.cgi by the rules of htaccess.example, not by ErrorDocument; ask what is in front of the server", "%s", strings.Join(changed, ", "))
	case refused != nil:
		return warning("the app cannot have them unless the host allows them (<Limit>, AllowMethods, mod_security)", "refused: %s", strings.Join(refused, ", "))
	}
	return ok("GET, POST, PUT, PATCH, DELETE, OPTIONS and PROPFIND arrive")
}

// path asks for a path that servers and what is in front of them like to change.
func path(rest string) func(*site) Finding {
	return func(s *site) Finding {
		r, err := s.ask(question{rest: rest})
		if err != nil {
			return fault("see the web server's error log", "no response: %v", err)
		}
		if !r.ours || r.seen.Get("refused") != "" {
			remedy := "let the app do without such paths, or ask the host"
			if strings.Contains(rest, "%2F") && r.StatusCode == 404 || r.seen.Get("refused") == "404" {
				remedy = "Apache refuses it unless its own configuration has AllowEncodedSlashes NoDecode: " + remedy
			}
			return warning(remedy, "%s: the web server refuses it: %s", rest, r.summary())
		}
		got := behind(r.seen.Get("target"), r.marker)
		if got == rest {
			return ok("%s arrives as it was sent", rest)
		}
		remedy := "ask what is in front of the server to pass on paths as they are (nginx: proxy_pass without a path)"
		if r.seen.Get("pathinfo") == "true" {
			remedy = "do without CGIPROXY_USE_PATH_INFO, and take htaccess.example's rule: RewriteRule ^.*$ proxy.cgi [L]"
		}
		return fault(remedy, "%s arrives as %s", rest, orElse(got, r.seen.Get("error")))
	}
}

// behind returns what stands behind the marker in a target.
func behind(target, marker string) string {
	_, rest, _ := strings.Cut(target, marker)
	return rest
}

func query(s *site) Finding {
	const sent = "?b=1&a=%20;x+y&b=2&empty="
	r, bad := s.describe(question{rest: sent})
	if bad != nil {
		return *bad
	}
	if got := behind(r.seen.Get("target"), r.marker); got != sent {
		return fault("with CGIPROXY_USE_PATH_INFO the rule has to keep the query: RewriteRule without a question mark, or with QSA; better do without both; else ask what is in front of the server", "%s arrives as %q", sent, got)
	}
	return ok("arrives as it was sent")
}

func authorization(s *site) Finding {
	sent := "Bearer " + s.bearer
	if s.url.User != nil { // the server itself wants to see that
		sent = s.credentials()
	}
	r, bad := s.describe(question{fields: []string{"Authorization: " + sent}})
	if bad != nil {
		return *bad
	}
	switch got := r.seen.Get("authorization"); got {
	case sent:
		return ok("arrives")
	case "":
		return fault(`put SetEnvIf Authorization "(.+)" HTTP_AUTHORIZATION=$1 into .htaccess; with mod_fcgid, FcgidPassHeader is the host's to set`,
			"does not arrive: nobody can log in at the app with a token, or a password that the browser asks for")
	default:
		return fault("see what in .htaccess sets HTTP_AUTHORIZATION", "%q arrives as %q", sent, got)
	}
}
