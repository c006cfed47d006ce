// Package challenge is what `proxy.cgi check --url` and the proxy.cgi of a live
// site say to each other, so that the one may ask the other how requests come
// in and responses go out there, and nobody else may.
//
// The key is the site's SECRET; or the content of a file that the check has put
// beside proxy.cgi, which only somebody can who could as well replace it; or,
// for the status page, made of STATUS_TOKEN.
//
// A challenge may be repeated for as long as it is fresh by whoever has seen it:
// that does no harm, for the response tells only what the repeated request held,
// which way it came, and what the app's first page is or why there is none.
package challenge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/settings"
)

const (
	// Field has the challenge in a request, and the proof in a response.
	Field = "X-Proxy-Check"

	// Variable is Field as a CGI variable.
	Variable = "HTTP_X_PROXY_CHECK"

	// KeyFile is beside proxy.cgi. Stock Apache and LiteSpeed serve no .ht*
	// file.
	KeyFile = ".htproxycgi-check"

	// KeyFileTime is how long a KeyFile counts, so that one which was left
	// behind opens nothing.
	KeyFileTime = 10 * time.Minute

	// freshTime is how far the two clocks may differ, and the time on the way.
	freshTime = time.Minute

	// minKey and maxKey bound a KeyFile in bytes: an empty one is no key.
	minKey, maxKey = 32, 256
)

// Claims are fields that a client may forge, and that only a proxy in front may say.
// The description of a request has what of them the app gets.
var Claims = [...]string{
	"X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Scheme",
	"True-Client-Ip", "Client-Ip", "X-Client-Ip",
}

// A Challenge is one question.
type Challenge struct {
	Time  time.Time
	Nonce string // random, and a part of the request-target
	What  string // the name of the test
}

// Value returns the value of Field.
func (c Challenge) Value(key string) string {
	return fmt.Sprintf("v1 t=%d n=%s what=%s sig=%s", c.Time.Unix(), c.Nonce, c.What, c.signature(key))
}

func (c Challenge) signature(key string) string {
	return sum(key, "challenge", strconv.FormatInt(c.Time.Unix(), 10), c.Nonce, c.What)
}

// Parse reads the value of Field, and reports whether it is a fresh challenge
// for target. It may yet be anybody's: see Signed.
//
// The target has to hold the nonce, and not to be that of the challenge to the
// byte: that a server has changed it is what a check may be to find out.
func Parse(value, target string, now time.Time) (c Challenge, signature string, ok bool) {
	parts := strings.Split(value, " ")
	names := [...]string{"t=", "n=", "what=", "sig="}
	if len(parts) != 1+len(names) || parts[0] != "v1" {
		return c, "", false
	}
	var values [len(names)]string
	for i, name := range names {
		if values[i], ok = strings.CutPrefix(parts[i+1], name); !ok {
			return c, "", false
		}
	}
	seconds, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil {
		return c, "", false
	}
	c = Challenge{time.Unix(seconds, 0), values[1], values[2]}
	fresh := now.Sub(c.Time).Abs() <= freshTime
	return c, values[3], fresh && len(c.Nonce) >= minNonce && strings.Contains(target, c.Nonce)
}

// minNonce is in bytes: a shorter one could be a part of any target.
const minNonce = 16

// Signed reports whether the signature was made with key. An empty key has
// signed nothing.
func (c Challenge) Signed(signature, key string) bool {
	return key != "" && hmac.Equal([]byte(signature), []byte(c.signature(key)))
}

// Proof returns the value of Field in the response: that it is no page of
// somebody else's, and the method that the request had. A response to HEAD has
// no other place to say so.
func (c Challenge) Proof(key, method string) string {
	return method + " " + sum(key, "response", c.Nonce, c.What, method)
}

// Proves returns the method of a Proof, "" where it is none.
func (c Challenge) Proves(value, key string) (method string) {
	method, _, _ = strings.Cut(value, " ")
	if !hmac.Equal([]byte(value), []byte(c.Proof(key, method))) {
		return ""
	}
	return method
}

// sum begins with a text that no signature of a request for the app begins
// with, although SECRET makes those, too.
func sum(key string, parts ...string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(Field + "\nv1\n" + strings.Join(parts, "\n")))
	return hex.EncodeToString(mac.Sum(nil))
}

// TokenKey returns the key of the status page, whose script has signed challenges
// sent, and never gets to see a key. It is "" where there is no page.
func TokenKey(token string) string {
	if token == "" {
		return ""
	}
	return sum(token, "key of the status page")
}

// ReadKey returns the key in folder's KeyFile, "" for none. The file has to be
// one of the site's owner, as .htcgiproxy has.
func ReadKey(cfg *settings.Config, folder string, now time.Time) string {
	text, info, err := cfg.ReadOwnFile(filepath.Join(folder, KeyFile), maxKey)
	if err != nil || len(text) < minKey || now.Sub(info.ModTime()).Abs() > KeyFileTime {
		return ""
	}
	return string(text)
}

// StreamPause is between two of the StreamPieces pieces of a stream.
const (
	StreamPieces = 3
	StreamPause  = 300 * time.Millisecond
)

// BigText is worth compressing: 100 KB.
func BigText() string { return strings.Repeat("0123456789 abcdefghi\n", 100<<10/21) }
