package cgiproxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// signatureField proves to the app that a request came through proxy.cgi: on a
// shared machine anybody can connect to its port, and write X-Forwarded-User.
const signatureField = "X-Proxy-Signature"

// sign adds the signature to a request that is about to be sent. One that has waited, for
// the app to start say, is not old then.
func sign(req *http.Request, secret string, now time.Time) {
	t := strconv.FormatInt(now.Unix(), 10)
	req.Header[signatureField] = []string{"t=" + t + ",v1=" + signature(req, secret, t)}
}

// signature returns v1 in hexadecimal digits. No part can hold a line feed, so
// no two requests are the same text.
func signature(req *http.Request, secret, t string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join([]string{
		t, req.Method, req.RequestURI, req.Host, req.Header.Get("X-Forwarded-For"), req.Header.Get("X-Forwarded-User"),
	}, "\n")))
	return hex.EncodeToString(mac.Sum(nil))
}

// VerifySignature returns nil if proxy.cgi, with the same SECRET, has signed
// the request at most window ago, by the clock that both share. It is for an
// app in Go: r is the request as net/http hands it to a handler, before
// anything changes its RequestURI, Host, X-Forwarded-For or X-Forwarded-User.
//
// A request may be repeated within the window by whoever has seen it; a minute
// is usual. A window of 0 takes the present second only, a negative one
// nothing. The body and the other fields are not signed. An empty secret is an
// error, for anybody could sign with it.
func VerifySignature(r *http.Request, secret string, window time.Duration) error {
	if secret == "" {
		return errors.New("no secret to verify a signature with")
	}
	for _, name := range [...]string{signatureField, "X-Forwarded-For", "X-Forwarded-User"} {
		if len(r.Header[name]) > 1 { // only the first would be signed
			return fmt.Errorf("%s occurs twice", name)
		}
	}
	value := r.Header.Get(signatureField)
	if value == "" {
		return errors.New("no " + signatureField)
	}
	t, v1, ok := strings.Cut(value, ",v1=")
	t, isTime := strings.CutPrefix(t, "t=")
	seconds, err := strconv.ParseInt(t, 10, 64)
	if !ok || !isTime || err != nil {
		return errors.New("malformed " + signatureField)
	}
	if !hmac.Equal([]byte(v1), []byte(signature(r, secret, t))) {
		return errors.New("wrong " + signatureField)
	}
	if age := time.Now().Unix() - seconds; time.Duration(max(age, -age))*time.Second > window {
		return fmt.Errorf("%s is %d seconds old", signatureField, age)
	}
	return nil
}
