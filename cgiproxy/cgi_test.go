package cgiproxy

import (
	"io"
	"slices"
	"testing"
)

func TestCGIWriter(t *testing.T) {
	tests := []struct {
		name  string
		write func(*cgiWriter)
		want  cgiAnswer
	}{
		{"body first means 200", func(w *cgiWriter) { io.WriteString(w, "hi") }, cgiAnswer{"Status: 200 OK", nil, "hi"}},
		{"usual reason", func(w *cgiWriter) { w.WriteHeader(404) }, cgiAnswer{"Status: 404 Not Found", nil, ""}},
		{"own reason", func(w *cgiWriter) { w.WriteStatus(404, "Gone fishing") }, cgiAnswer{"Status: 404 Gone fishing", nil, ""}},
		{"the first status counts", func(w *cgiWriter) { w.WriteHeader(404); w.WriteHeader(200) }, cgiAnswer{"Status: 404 Not Found", nil, ""}},
		{"fields", func(w *cgiWriter) {
			w.Header().Add("A", "1")
			w.Header().Add("A", "2")
			w.WriteHeader(200)
			w.Header().Add("B", "too late")
		}, cgiAnswer{"Status: 200 OK", []string{"A: 1", "A: 2"}, ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readCGI(t, func(w *cgiWriter) error { tt.write(w); return nil })
			if err != nil {
				t.Fatal(err)
			}
			if got.status != tt.want.status || !slices.Equal(got.fields, tt.want.fields) || got.body != tt.want.body {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}
