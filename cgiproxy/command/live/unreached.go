package live

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// reach asks for the first time, and finds out why proxy.cgi does not answer
// where it does not.
func (s *site) reach() Finding {
	r, err := s.ask(question{})
	if err == (slowError{}) && s.openKey() { // proxy.cgi may have taken it for the app's, which hangs
		r, err = s.ask(question{})
	}
	if err != nil {
		return noResponse(err)
	}
	if !r.ours && s.openKey() {
		if again, err := s.ask(question{}); err == nil {
			r = again
		}
	}
	if !r.ours {
		if r = s.askByItsClock(r); !r.ours {
			return s.unreached(r)
		}
	}
	s.seen = r.seen
	if refused := r.seen.Get("refused"); refused != "" {
		return fault("lead requests to proxy.cgi by the rules of htaccess.example, not by ErrorDocument: that loses method and body",
			"the web server refuses the request (%s), and has proxy.cgi show the page of that error", refused)
	}
	if s.ahead != 0 {
		return warning("set the clock of the machine that is wrong: signatures tell the time, too", "proxy.cgi answers; the clock there is %v ahead of this one", s.ahead)
	}
	return ok("proxy.cgi answers, behind %s", orElse(r.seen.Get("server"), "a server that does not say its name"))
}

// askByItsClock asks again where the site's clock differs: a challenge is for a
// minute.
func (s *site) askByItsClock(r *response) *response {
	there, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil || time.Since(there).Abs() < 30*time.Second {
		return r
	}
	s.ahead = time.Until(there).Round(time.Second)
	if again, err := s.ask(question{}); err == nil && again.ours {
		return again
	}
	s.ahead = 0
	return r
}

func noResponse(err error) Finding {
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault("browsers refuse it, too: ask the host for one (Let's Encrypt); --insecure checks all the same", "%v", certificate)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fault("ask with http://, and the host for https", "no TLS is spoken there: %v", err)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fault("is it spelled right? A new name takes some hours to be known", "%v", dns)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return fault("see the web server's error log", "the connection was closed without a response")
	}
	return fault("is that the site's address, and the web server up?", "%v", err)
}

const otherKey = "it does not know our key: SECRET there is another one, DIR is not the site's folder, or the file put there cannot be read by the user that scripts run as"

// unreached says what may be the reason that somebody else has answered.
func (s *site) unreached(r *response) Finding {
	if isProgram(r.body) {
		return fault("take the lines with SetHandler and ExecCGI from htaccess.example; if they are there, the host does not run CGI, or not in this folder: ask it",
			"the file itself was sent: CGI is off")
	}
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return fault("check the address that it redirects to", "redirected to %s (%s)", r.Header.Get("Location"), r.Status)
	case http.StatusUnauthorized:
		return fault("give them in the URL: https://name:password@...", "the site asks for a name and a password: %s", r.summary())
	case http.StatusForbidden:
		return fault("the folder, proxy.cgi (755) and all folders above must be open to the server; links must be on, as by <If \"true\"> in htaccess.example; or a line of .htaccess against scripts (\\.cgi$) takes proxy.cgi, too; or a filter of the host (mod_security) refuses what it does not know: see the error log",
			"refused: %s", r.summary())
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return s.notLedThere(r)
	case http.StatusInternalServerError:
		return fault("its error log says which: proxy.cgi is not 755, or it or its folder may be written by the group (suEXEC); it was uploaded as text (ASCII), or is for another system; "+
			"a line in .htaccess is not allowed there; the memory limit is too low for the amd64 build (use 386)",
			"the server or proxy.cgi fails: %s", r.summary())
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 508:
		return fault("where that page is proxy.cgi's own, "+otherKey+"; else the server finds its FastCGI program not running, or has too many processes of yours",
			"unavailable: %s", r.summary())
	}
	return fault("either that is not the site's folder (a page of the host, another site); or proxy.cgi there is too old for this check, or "+otherKey,
		"something else answers: %s", r.summary())
}

// notLedThere tells a rule that is missing from a program that is.
func (s *site) notLedThere(r *response) Finding {
	for _, name := range [...]string{"proxy.cgi", "proxy.fcgi"} {
		direct := *s
		direct.base += name + "?" // and no path behind it, which Apache has no file for
		named, err := direct.ask(question{})
		switch {
		case err != nil:
		case named.ours:
			return fault("put htaccess.example's lines into .htaccess; if they are there, the server does not read them (AllowOverride None), or has no mod_rewrite: ask the host; where only public/ is for visitors, public/.htaccess may have no rewrite lines",
				"%s runs, but requests are not led to it: %s", name, r.summary())
		case isProgram(named.body):
			return fault("put htaccess.example's lines into .htaccess; if they are there, the server does not read them, or does not run CGI: ask the host",
				"%s itself was sent: CGI is off, and requests are not led to it", name)
		}
	}
	return fault("is that the folder that proxy.cgi is in? Is .htaccess beside it, with htaccess.example's lines?", "not found: %s", r.summary())
}

// isProgram reports whether a file begins as the programs of Linux and the BSDs,
// macOS and Windows do.
func isProgram(text []byte) bool {
	for _, magic := range [...]string{"\x7fELF", "\xcf\xfa\xed\xfe", "MZ"} {
		if bytes.HasPrefix(text, []byte(magic)) {
			return true
		}
	}
	return false
}

// summary describes a response that is not proxy.cgi's.
func (r *response) summary() string {
	text := r.Status
	if server := r.Header.Get("Server"); server != "" {
		text += " from " + server
	}
	if line := firstLine(r.body); line != "" {
		text += fmt.Sprintf(", which begins %q", line)
	}
	return text
}

// firstLine returns the first words of a page, without its markup.
func firstLine(body []byte) string {
	var b strings.Builder
	inTag := false
	for _, c := range string(body[:min(len(body), 2000)]) {
		switch {
		case c == '<':
			inTag = true
			b.WriteByte(' ')
		case c == '>':
			inTag = false
		case inTag:
		case !unicode.IsPrint(c):
			b.WriteByte(' ')
		default:
			b.WriteRune(c)
		}
	}
	line := strings.Join(strings.Fields(b.String()), " ")
	if len(line) > 70 {
		line = line[:70] + "..."
	}
	return line
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
