package cgiproxy

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// webServerLine is the longest line, end included, that Apache takes of a
// script.
const webServerLine = 8184

func TestLongFields(t *testing.T) {
	long := strings.Repeat("x", 9000)
	list := func(n int) string { return strings.Repeat("element, ", n-1) + "element" }
	tests := []struct {
		name, field string
		values      []string
		want        []string // nil for a dropped field
		logged      bool
	}{
		{"short", "X-Short", []string{"a, b"}, []string{"a, b"}, false},
		{"as long as may be", "X", []string{long[:maxFieldLine-len("X: ")]}, []string{long[:maxFieldLine-len("X: ")]}, false},
		{"a byte more", "X", []string{long[:maxFieldLine-len("X: ")+1]}, nil, true},
		{"long", "Set-Cookie", []string{"a=" + long}, nil, true},
		{"long, the others stay", "Set-Cookie", []string{"a=1", "b=" + long, "c=3"}, []string{"a=1", "c=3"}, true},
		{"long name", "X-" + long, []string{"a"}, nil, true},
		{"commas are no list", "X-Custom", []string{list(1000)}, nil, true},
		{"dates have commas", "Last-Modified", []string{list(1000)}, nil, true},

		{"list", "Vary", []string{list(1000)}, []string{list(888), list(112)}, false},
		{"list of three lines", "Content-Security-Policy", []string{list(2000)}, []string{list(886), list(886), list(228)}, false},
		{"short list stays one line", "Vary", []string{list(100)}, []string{list(100)}, false},
		{"list, one element too long", "Vary", []string{"a, " + long}, nil, true},
		{"list, the other line stays", "Vary", []string{"a, " + long, "b"}, []string{"b"}, true},
		{"no comma within quotes", "Cache-Control", []string{`private="` + list(700) + `", a="` + list(700) + `"`}, []string{`private="` + list(700) + `"`, `a="` + list(700) + `"`}, false},
		{"quoted quote", "Cache-Control", []string{`a="\"` + list(700) + `", b="` + list(700) + `"`}, []string{`a="\"` + list(700) + `"`, `b="` + list(700) + `"`}, false},
		{"no comma within angle brackets", "Link", []string{"</" + strings.Repeat("a,", 3000) + ">; rel=x, </" + strings.Repeat("b,", 3000) + ">"},
			[]string{"</" + strings.Repeat("a,", 3000) + ">; rel=x", "</" + strings.Repeat("b,", 3000) + ">"}, false},
		{"empty elements", "Vary", []string{strings.Repeat(",", 3) + list(1000)}, []string{list(888), list(112)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			h := http.Header{tt.field: slices.Clone(tt.values), "Other": {"kept"}}
			splitLongFields(h, logTo(&b))
			if got := h[tt.field]; !slices.Equal(got, tt.want) {
				t.Errorf("got %d lines of %d bytes, want %d of %d\n got %.300q\nwant %.300q", len(got), lengths(got), len(tt.want), lengths(tt.want), got, tt.want)
			}
			if _, ok := h[tt.field]; ok && tt.want == nil {
				t.Error("the field is still there, without a value")
			}
			for _, value := range h[tt.field] {
				if n := len(tt.field + ": " + value + "\r\n"); n > webServerLine {
					t.Errorf("a line of %d bytes is left, the web server takes %d", n, webServerLine)
				}
			}
			if h.Get("Other") != "kept" {
				t.Error("another field has gone")
			}
			if logged := b.Len() > 0; logged != tt.logged {
				t.Errorf("logged %.200q, want something: %t", b.String(), tt.logged)
			}
			if tt.logged {
				testkit.WantText(t, b.String(), tt.field[:1])
				if strings.Contains(b.String(), "=1") || b.Len() > 300 {
					t.Errorf("logged %d bytes, want a short line without the value: %.300q", b.Len(), b.String())
				}
			}
		})
	}
}

func lengths(values []string) []int {
	var list []int
	for _, value := range values {
		list = append(list, len(value))
	}
	return list
}
