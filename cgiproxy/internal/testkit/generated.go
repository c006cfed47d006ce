package testkit

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite generated parts of documents")

// Generated holds the part of a document between the lines before and after to
// what a package generates; with -update it writes it there.
func Generated(t *testing.T, file, before, want, after string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), before)
	got, tail, ok2 := strings.Cut(rest, after)
	switch {
	case !ok || !ok2:
		t.Fatalf("%s has no lines %q and %q", file, before, after)
	case got == want:
	case !*update:
		t.Fatalf("%s has another part than is generated, see its line %q\ngot\n%s\nwant\n%s", file, before, got, want)
	default:
		if err := os.WriteFile(file, []byte(head+before+want+after+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
