package command

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// app log -f shows each line once, also where the log has been cut or replaced
// between two looks.
func TestFollowLog(t *testing.T) {
	lines := func(from, to int) string {
		var text strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&text, "line %d\n", i)
		}
		return text.String()
	}
	replace := func(t *testing.T, path, text string) {
		if err := os.Rename(testkit.WriteFile(t, filepath.Dir(path), "next", text), path); err != nil {
			t.Fatal(err)
		}
	}
	write := func(t *testing.T, path, text string) { // in place
		testkit.WriteFile(t, filepath.Dir(path), filepath.Base(path), text)
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, path, text string)
		text   string
		want   string
	}{
		{"nothing new", write, lines(0, 1000), ""},
		{"longer", write, lines(0, 1100), lines(1000, 1100)},
		{"cut", write, lines(400, 1000), ""},
		{"cut and longer", write, lines(400, 1100), lines(1000, 1100)},
		{"cut to what is new", write, lines(1010, 1100), lines(1010, 1100)},
		{"emptied", write, "", ""},
		{"another file", replace, lines(5, 2000), lines(5, 2000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := testkit.WriteFile(t, t.TempDir(), "app.log", lines(0, 1000))
			var out strings.Builder
			l, err := openLog(&out, path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { l.file.Close() }()
			look := func() string {
				t.Helper()
				out.Reset()
				if _, err := io.Copy(l, l.file); err != nil {
					t.Fatal(err)
				}
				return out.String()
			}
			if got := look(); got != lines(0, 1000) {
				t.Fatalf("the first look shows %q", got)
			}
			tt.change(t, path, tt.text)
			if err := l.find(); err != nil {
				t.Fatal(err)
			}
			if got := look(); got != tt.want {
				t.Errorf("the second look shows %q, want %q", got, tt.want)
			}
		})
	}
}
