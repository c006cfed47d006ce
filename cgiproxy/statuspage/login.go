package statuspage

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxLogin bounds the body that a token is looked for in, maxForm what the
	// owner's browser sends, in bytes: less than mod_fcgid takes.
	maxLogin, maxForm = 1 << 10, 120 << 10

	// sessionTime is how long a login counts. It is a choice.
	sessionTime = time.Hour

	cookieName = "proxycgi-status"
)

// equal compares in a time that does not tell how much is right, nor how long
// the token is.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return hmac.Equal(x[:], y[:])
}

// sign returns what only somebody with the token can have made.
func (v *visit) sign(parts ...string) string {
	mac := hmac.New(sha256.New, []byte(v.token))
	mac.Write([]byte("proxy.cgi status page\n" + strings.Join(parts, "\n")))
	return hex.EncodeToString(mac.Sum(nil))
}

// newCookie returns the value of a cookie: when it ends, a random part that
// tells two logins apart, and the proof. The token is not in it.
func (v *visit) newCookie() string {
	end := strconv.FormatInt(v.Begun.Add(sessionTime).Unix(), 10)
	random := strings.ToLower(rand.Text())
	return end + "." + random + "." + v.sign("cookie", v.path, end, random)
}

// goodCookie returns the value of a cookie that was made here, for this path,
// and that has not ended. There may be others of its name: a site on a name
// above may set one.
func (v *visit) goodCookie() string {
	for pair := range strings.SplitSeq(v.Env["HTTP_COOKIE"], ";") {
		value, ok := strings.CutPrefix(strings.TrimSpace(pair), cookieName+"=")
		if ok && v.isGood(value) && v.IsPrivate() {
			return value
		}
	}
	return ""
}

func (v *visit) isGood(cookie string) bool {
	parts := strings.Split(cookie, ".")
	if len(parts) != 3 || !hmac.Equal([]byte(parts[2]), []byte(v.sign("cookie", v.path, parts[0], parts[1]))) {
		return false
	}
	end, err := strconv.ParseInt(parts[0], 10, 64)
	return err == nil && v.Begun.Unix() < end
}

// cookieField returns the Set-Cookie. It ends with the browser, or sessionTime.
func (v *visit) cookieField() string {
	field := cookieName + "=" + v.cookie + "; Path=" + v.path + "; HttpOnly; SameSite=Strict"
	if v.Scheme == "https" {
		field += "; Secure"
	}
	return field
}

// formToken is in each form of the page, and in no page of another site.
func (v *visit) formToken() string { return v.sign("form", v.cookie) }

// isFromPage reports whether a form was sent by the page itself: it has its
// token, and the browser says that the page is of this origin (Fetch Metadata;
// older ones Origin).
func (v *visit) isFromPage(token string) bool {
	if !hmac.Equal([]byte(token), []byte(v.formToken())) {
		return false
	}
	if site := v.Env["HTTP_SEC_FETCH_SITE"]; site != "" {
		return site == "same-origin"
	}
	return v.Host != "" && v.Env["HTTP_ORIGIN"] == v.Scheme+"://"+v.Host
}

// peek returns the body of a form that has at most limit bytes, and has the body
// begin anew.
func (v *visit) peek(limit int) (text string, ok bool) {
	kind, _, _ := strings.Cut(v.Env["CONTENT_TYPE"], ";")
	length, err := strconv.Atoi(v.Env["CONTENT_LENGTH"])
	if err != nil || length < 1 || length > limit || !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return "", false
	}
	body, err := io.ReadAll(io.LimitReader(v.Body, int64(length)))
	v.Body = io.MultiReader(bytes.NewReader(body), v.Body)
	return string(body), err == nil && len(body) == length
}

// write writes a response of the page's own.
func (v *visit) write(status int, contentType, body string) error {
	h := v.W.Header()
	for name, value := range map[string]string{
		"Content-Type":                 contentType,
		"Content-Length":               strconv.Itoa(len(body)),
		"Cache-Control":                "no-store",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Cross-Origin-Resource-Policy": "same-origin",
		"X-Robots-Tag":                 "noindex",
	} {
		h.Set(name, value)
	}
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	}
	v.W.WriteStatus(status, http.StatusText(status))
	if v.Env["REQUEST_METHOD"] == http.MethodHead {
		return nil
	}
	_, err := io.WriteString(v.W, body)
	return err
}
