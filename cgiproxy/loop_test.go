package cgiproxy

import (
	"bytes"
	"strings"
	"testing"
)

// A request that comes back is not sent again. What a client claims reaches no
// app.
func TestLoopMark(t *testing.T) {
	folder := t.TempDir()
	load := func(folder string, settings ...string) *Config {
		writeFile(t, folder, ".htcgiproxy", strings.Join(settings, "\n"))
		cfg, _, err := loadConfig(nil, folder)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	cfg := load(folder, "UPSTREAM=6543")
	first, _, err := newRequest(visit(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	mark := first.Header.Get("X-Proxy-Loop")
	if mark == "" {
		t.Fatal("the request has no mark")
	}
	trusting := load(t.TempDir(), "UPSTREAM=6543", "TRUSTED_PROXIES=198.51.100.7")
	tests := []struct {
		name string
		cfg  *Config
		with string // in X-Proxy-Loop
		want string // to the app, "" for a loop
	}{
		{"the same site", cfg, mark, ""},
		{"the same site, by way of others", cfg, "other, " + mark + ", another", ""},
		{"the same site, in its other way to run", load(folder, "UPSTREAM=6543", "MAX_BODY=1"), mark, ""},
		{"forged", cfg, "other", mark},
		{"the same folder with another app", load(folder, "UPSTREAM=6544"), mark, load(folder, "UPSTREAM=6544").mark},
		{"another folder", load(t.TempDir(), "UPSTREAM=6543"), mark, "*"},
		{"another site, which trusts this one", trusting, mark, mark + ", " + trusting.mark},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := visit("HTTP_X_PROXY_LOOP=" + tt.with)
			loop := tt.cfg.checkLoop(env)
			if (loop != nil) != (tt.want == "") {
				t.Fatalf("got error %v, want one: %t", loop, tt.want == "")
			}
			if loop != nil {
				return
			}
			req, _, err := newRequest(env, tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			got := req.Header.Get("X-Proxy-Loop")
			if got != tt.want && tt.want != "*" || got == mark && tt.want == "*" {
				t.Errorf("the app gets %q, want %q", got, tt.want)
			}
		})
	}

	var logged bytes.Buffer
	h := &handler{folder: folder, log: &logged}
	writeFile(t, folder, ".htcgiproxy", "UPSTREAM=6543")
	answer, err := readCGI(t, func(w *cgiWriter) error {
		return h.serve(t.Context(), w, visit("HTTP_X_PROXY_LOOP="+mark), nil, nil)
	})
	if err != nil || answer.status != "Status: 500 Internal Server Error" {
		t.Errorf("got %q, error %v, want 500", answer.status, err)
	}
	wantText(t, logged.String(), `500 CGIPROXY_UPSTREAM is "127.0.0.1:6543": leads back to this site itself`, "write for example CGIPROXY_UPSTREAM=6543 into "+folder)
}
