package cgiproxy

import (
	"io"
	"slices"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestCGIWriter(t *testing.T) {
	tests := []struct {
		name  string
		write func(*cgiWriter)
		want  testkit.CGIResponse
	}{
		{"body first means 200", func(w *cgiWriter) { io.WriteString(w, "hi") }, testkit.CGIResponse{Status: "Status: 200 OK", Fields: nil, Body: "hi"}},
		{"usual reason", func(w *cgiWriter) { w.WriteHeader(404) }, testkit.CGIResponse{Status: "Status: 404 Not Found", Fields: nil, Body: ""}},
		{"own reason", func(w *cgiWriter) { w.WriteStatus(404, "Gone fishing") }, testkit.CGIResponse{Status: "Status: 404 Gone fishing", Fields: nil, Body: ""}},
		{"the first status counts", func(w *cgiWriter) { w.WriteHeader(404); w.WriteHeader(200) }, testkit.CGIResponse{Status: "Status: 404 Not Found", Fields: nil, Body: ""}},
		{"fields", func(w *cgiWriter) {
			w.Header().Add("A", "1")
			w.Header().Add("A", "2")
			w.WriteHeader(200)
			w.Header().Add("B", "too late")
		}, testkit.CGIResponse{Status: "Status: 200 OK", Fields: []string{"A: 1", "A: 2"}, Body: ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readCGI(t, func(w *cgiWriter) error { tt.write(w); return nil })
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != tt.want.Status || !slices.Equal(got.Fields, tt.want.Fields) || got.Body != tt.want.Body {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}
