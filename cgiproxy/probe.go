package cgiproxy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"proxy.cgi/cgiproxy/challenge"
)

// `proxy.cgi check --url`, or the status page, finds out what the web server does to requests and
// responses. Requests with its challenge are answered here, and the app is asked
// by one of them only. Any other request is the app's, with or without challenge.Field, which
// it never gets to see: nobody can tell whether there is a key.

// A probe is a request of `check --url`.
type probe struct {
	challenge.Challenge
	key string
}

// probe returns what this request asks of us, if it does. Files are looked at
// only where the field is there.
func (c *call) probe() (probe, bool) {
	value := c.in.Env[challenge.Variable]
	if value == "" {
		return probe{}, false
	}
	target := c.in.Env["REQUEST_URI"]
	if target == "" {
		target = c.in.Env["PATH_INFO"]
	}
	asked, signature, ok := challenge.Parse(value, target, c.start)
	if !ok {
		return probe{}, false
	}
	if asked.Signed(signature, c.cfg.Secret) {
		return probe{asked, c.cfg.Secret}, true
	}
	if key := challenge.TokenKey(c.cfg.StatusToken); asked.Signed(signature, key) {
		return probe{asked, key}, true
	}
	key := challenge.ReadKey(c.cfg, c.site.folder, c.start)
	return probe{asked, key}, asked.Signed(signature, key)
}

// answerProbe answers in the way that the probe names. Like Serve it returns an
// error for a response that is cut short.
func (c *call) answerProbe(ctx context.Context, p probe) error {
	c.log.Infof("%s %s: %s for proxy.cgi check", c.in.Env["REQUEST_METHOD"], c.in.Env["REQUEST_URI"], p.What)
	h := c.w.Header()
	h.Set(challenge.Field, p.Proof(p.key, c.in.Env["REQUEST_METHOD"]))
	h.Set("Content-Type", "text/plain")
	h.Set("Cache-Control", "no-store")
	switch p.What {
	case "stream":
		return c.writePieces()
	case "length":
		// In pieces: Apache makes up the length of a response that it gets whole.
		h.Set("Content-Length", strconv.Itoa(challenge.StreamPieces*len(piece(1))))
		return c.writePieces()
	case "cut":
		h.Set("Content-Length", "1000")
		return errors.Join(c.writeWhole(http.StatusOK, "cut short\n"), errCutForCheck)
	case "early":
		text := "not one byte of it was read\n"
		h.Set("Content-Length", strconv.Itoa(len(text)))
		return c.writeWhole(http.StatusRequestEntityTooLarge, text)
	case "big":
		h.Set("Content-Length", strconv.Itoa(len(challenge.BigText())))
		return c.writeWhole(http.StatusOK, challenge.BigText())
	}
	seen := c.describe
	if p.What == "app" {
		seen = func() url.Values { return c.askApp(ctx) }
	}
	text := seen().Encode()
	h.Set("Content-Length", strconv.Itoa(len(text)))
	return c.writeWhole(http.StatusOK, text)
}

var errCutForCheck = errors.New("cut short for proxy.cgi check")

func (c *call) writeWhole(status int, text string) error {
	c.w.WriteStatus(status, StatusText(status))
	if c.in.Env["REQUEST_METHOD"] != http.MethodHead {
		if _, err := io.WriteString(c.w, text); err != nil {
			return &writeError{err}
		}
	}
	return http.NewResponseController(c.w).Flush()
}

func (c *call) writePieces() error {
	if strings.Contains(c.in.Env["HTTP_ACCEPT"], "text/event-stream") {
		c.w.Header().Set("Content-Type", "text/event-stream")
	}
	for i := range challenge.StreamPieces {
		if i > 0 {
			time.Sleep(challenge.StreamPause)
		}
		if err := c.writeWhole(http.StatusOK, piece(i+1)); err != nil {
			return err
		}
	}
	return nil
}

func piece(number int) string { return "data: piece " + strconv.Itoa(number) + "\n\n" }

// describe returns the request as it has come, and as the app would get it. It
// is not JSON, whose package would be initialised for each request.
func (c *call) describe() url.Values {
	env := c.in.Env
	seen := url.Values{
		"version":  {Version()},
		"way":      {c.in.Way},
		"server":   {env["SERVER_SOFTWARE"]},
		"method":   {env["REQUEST_METHOD"]},
		"uri":      {env["REQUEST_URI"]},
		"addr":     {env["REMOTE_ADDR"]},
		"for":      {env["HTTP_X_FORWARDED_FOR"]},
		"proto":    {env["HTTP_X_FORWARDED_PROTO"]},
		"length":   {env["CONTENT_LENGTH"]},
		"coding":   {env["HTTP_TRANSFER_ENCODING"]},
		"pathinfo": {strconv.FormatBool(c.cfg.UsePathInfo)},
	}
	if status := env.refusedStatus(); status != 0 {
		seen.Set("refused", strconv.Itoa(status))
	}
	if c.site.err != nil {
		f := asFailure(c.site.err)
		seen.Set("settings", f.cause.Error())
		seen.Set("remedy", f.remedy)
	}
	req, _, err := newRequest(env, c.cfg, c.site.mark)
	if err != nil {
		seen.Set("error", asFailure(err).Error())
		return seen
	}
	seen.Set("target", req.RequestURI)
	seen.Set("authorization", req.Header.Get("Authorization"))
	seen.Set("scheme", req.Header.Get("X-Forwarded-Proto"))
	seen.Set("client", req.Header.Get("X-Real-Ip"))
	for _, name := range challenge.Claims {
		seen.Set(name, req.Header.Get(name))
	}
	if req.ContentLength != 0 {
		body := c.countBody(req.ContentLength)
		seen.Set("body", strconv.FormatInt(body.size, 10))
		seen.Set("sha256", body.sha256)
		if body.err != nil {
			seen.Set("error", body.err.Error())
		}
	}
	return seen
}

// appTime is how long the app has for its response to a probe: less than whoever
// asks waits for ours.
const appTime = 6 * time.Second

// askApp sends the request to the app, as any visitor's is, and returns what comes
// of it.
func (c *call) askApp(ctx context.Context) url.Values {
	ctx, cancel := context.WithTimeout(ctx, appTime)
	defer cancel()
	resp, err := c.exchange(ctx)
	switch {
	case ctx.Err() != nil:
		return url.Values{"error": {"no response within " + appTime.String()}, "remedy": {"is it slow, or still starting? ask again"}}
	case err != nil:
		f := asFailure(err)
		return url.Values{"error": {f.cause.Error()}, "remedy": {f.remedy}}
	}
	resp.Body.Close()
	return url.Values{"status": {resp.Status}}
}

func (c *call) exchange(ctx context.Context) (*http.Response, error) {
	req, _, err := c.request()
	if err != nil {
		return nil, err
	}
	leave, err := c.site.enter(ctx)
	defer leave()
	if err != nil {
		return nil, err
	}
	return c.site.transport.RoundTrip(req.WithContext(ctx))
}

// What is read of a probe's body, and for how long.
const (
	maxProbeBody  = 1 << 20
	probeBodyTime = 3 * time.Second
)

type countedBody struct {
	size   int64
	sha256 string
	err    error
}

func (c *call) countBody(length int64) countedBody {
	counted := make(chan countedBody, 1)
	go func() { // it may outlive a slow body, until the web server's end is closed
		hash := sha256.New()
		body := &requestBody{r: c.in.Body, length: length, gone: c.in.Gone}
		n, err := io.Copy(hash, io.LimitReader(body, maxProbeBody))
		counted <- countedBody{n, hex.EncodeToString(hash.Sum(nil)), err}
	}()
	select {
	case body := <-counted:
		return body
	case <-time.After(probeBodyTime):
		return countedBody{err: errors.New("the body has not come to its end in " + probeBodyTime.String())}
	}
}

// Version returns the module's version, which the go command takes from the
// version control system.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return info.Main.Version
}
