package cgiproxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"proxy.cgi/cgiproxy/internal/testkit"
)

const testSecret = "a secret of ours"

// What the handler signs is what an app in Go can verify.
func TestSignature(t *testing.T) {
	verified := make(chan error, 1)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		verified <- VerifySignature(r, testSecret, time.Minute)
	}))
	defer app.Close()
	tests := []struct {
		name, settings string
		vars           []string
		want           string // in the error, "" for none
	}{
		{"GET", "SECRET='" + testSecret + "'", nil, ""},
		{"a target that no library keeps", "SECRET='" + testSecret + "'", []string{"REQUEST_URI=//a%2fb;c|d/%c3?x=1&;&%zz"}, ""},
		{"prefix taken away", "SECRET='" + testSecret + "'\nSTRIP_PREFIX=/sub", []string{"REQUEST_URI=/sub/a?b"}, ""},
		{"own Host", "SECRET='" + testSecret + "'\nPRESERVE_HOST=false", nil, ""},
		{"user and chain", "SECRET='" + testSecret + "'\nTRUSTED_PROXIES=198.51.100.7", []string{"REMOTE_USER=me", "HTTP_X_FORWARDED_FOR=203.0.113.9, 198.51.100.7"}, ""},
		{"no address", "SECRET='" + testSecret + "'", []string{"REMOTE_ADDR="}, ""},
		{"a client's own", "SECRET='" + testSecret + "'", []string{"HTTP_X_PROXY_SIGNATURE=t=1,v1=00"}, ""},
		{"another secret", "SECRET=other", nil, "wrong X-Proxy-Signature"},
		{"none", "", nil, "no X-Proxy-Signature"},
		{"none, and a client's own", "", []string{"HTTP_X_PROXY_SIGNATURE=t=1,v1=00"}, "no X-Proxy-Signature"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM="+app.URL+"\n"+tt.settings+"\n")
			response, logged, err := handle(t, t.Context(), folder, visit(tt.vars...), strings.NewReader(""))
			if err != nil || response.Status != "Status: 200 OK" {
				t.Fatalf("got %+v, error %v, log %s", response, err, logged)
			}
			testkit.WantError(t, <-verified, tt.want)
		})
	}
}

// A request may wait long for the app to take it, as for one that starts. It is signed
// when that is over.
func TestSignatureAfterWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		testkit.WriteFile(t, folder, ".htcgiproxy", "UPSTREAM=127.0.0.1:1\nCONNECT_TIMEOUT=0\nSECRET='"+testSecret+"'\n")
		site := LoadSite(visit(), folder)
		verified := make(chan error, 1)
		site.transport.Dial = func(context.Context, string, string) (net.Conn, error) {
			time.Sleep(2 * time.Minute)
			ours, apps := net.Pipe()
			go func() {
				defer apps.Close()
				r, err := http.ReadRequest(bufio.NewReader(apps))
				if err == nil {
					err = VerifySignature(r, testSecret, time.Minute)
				}
				verified <- err
				io.WriteString(apps, testkit.NoBody)
			}()
			return ours, nil
		}
		w := newRecorder()
		if err := Serve(t.Context(), w, &Request{Env: visit(), Log: io.Discard}, site); err != nil || w.Code != http.StatusOK {
			t.Fatalf("got %d, error %v", w.Code, err)
		}
		testkit.WantError(t, <-verified, "")
	})
}

func TestVerifySignature(t *testing.T) {
	tests := []struct {
		name   string
		age    time.Duration // of the signature
		change func(*http.Request)
		want   string
	}{
		{"as signed", 0, func(*http.Request) {}, ""},
		{"nearly a minute old", 58 * time.Second, func(*http.Request) {}, ""},
		{"over a minute old", 65 * time.Second, func(*http.Request) {}, "seconds old"},
		{"over a minute early", -65 * time.Second, func(*http.Request) {}, "seconds old"},
		{"another time written over it", 2 * time.Minute, replaceInSignature("t=1", "t=2"), "wrong"},
		{"method", 0, func(r *http.Request) { r.Method = "POST" }, "wrong"},
		{"target", 0, func(r *http.Request) { r.RequestURI = "/a?c" }, "wrong"},
		{"Host", 0, func(r *http.Request) { r.Host = "example.org" }, "wrong"},
		{"X-Forwarded-For", 0, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") }, "wrong"},
		{"X-Forwarded-For gone", 0, func(r *http.Request) { r.Header.Del("X-Forwarded-For") }, "wrong"},
		{"X-Forwarded-For twice", 0, func(r *http.Request) { r.Header.Add("X-Forwarded-For", "127.0.0.1") }, "occurs twice"},
		{"X-Forwarded-User", 0, func(r *http.Request) { r.Header.Set("X-Forwarded-User", "root") }, "wrong"},
		{"X-Forwarded-User twice", 0, func(r *http.Request) { r.Header.Add("X-Forwarded-User", "root") }, "occurs twice"},
		{"a part moved to the next", 0, func(r *http.Request) { r.Host, r.RequestURI = "", r.RequestURI+r.Host }, "wrong"},
		{"no signature", 0, func(r *http.Request) { r.Header.Del(signatureField) }, "no X-Proxy-Signature"},
		{"two signatures", 0, func(r *http.Request) { r.Header.Add(signatureField, r.Header.Get(signatureField)) }, "occurs twice"},
		{"no v1", 0, func(r *http.Request) { r.Header.Set(signatureField, "t=1") }, "malformed"},
		{"empty v1", 0, func(r *http.Request) { r.Header.Set(signatureField, "t=1,v1=") }, "wrong"},
		{"no time", 0, replaceInSignature("t=", ""), "malformed"},
		{"a time that is none", 0, replaceInSignature("t=", "t=x"), "malformed"},
		{"cut short", 0, func(r *http.Request) {
			v := r.Header.Get(signatureField)
			r.Header.Set(signatureField, v[:len(v)-1])
		}, "wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://example.com/a?b", nil)
			r.RequestURI = "/a?b"
			r.Header.Set("X-Forwarded-For", "198.51.100.7")
			r.Header.Set("X-Forwarded-User", "me")
			sign(r, testSecret, time.Now().Add(-tt.age))
			tt.change(r)
			testkit.WantError(t, VerifySignature(r, testSecret, time.Minute), tt.want)
		})
	}
}

func replaceInSignature(before, after string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set(signatureField, strings.Replace(r.Header.Get(signatureField), before, after, 1))
	}
}

func TestVerifySignatureBounds(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	sign(r, testSecret, time.Now())
	testkit.WantError(t, VerifySignature(r, testSecret, -time.Second), "seconds old")
	sign(r, "", time.Now())
	testkit.WantError(t, VerifySignature(r, "", time.Minute), "no secret")
}

// The text that is signed is part of the contract: apps in other languages
// make it, too.
func TestSignatureText(t *testing.T) {
	r := httptest.NewRequest("PUT", "/", io.NopCloser(strings.NewReader("x")))
	r.RequestURI, r.Host = "/a%2fb?c", "example.com:8080"
	r.Header.Set("X-Forwarded-For", "203.0.113.9, 198.51.100.7")
	sign(r, "key", time.Unix(1700000000, 999))
	// printf '1700000000\nPUT\n/a%%2fb?c\nexample.com:8080\n203.0.113.9, 198.51.100.7\n' | openssl dgst -sha256 -hmac key
	const want = "t=1700000000,v1=08a4f8b361337bcd07f612e9557fc9b4acedcf50222b235ba3e42375dc29bd9a"
	if got := r.Header.Get(signatureField); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
