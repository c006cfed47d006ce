package e2e

import (
	"os"
	"testing"

	"proxy.cgi/cgiproxy/htaccess"
)

// example returns htaccess.example.
func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../htaccess.example")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The variants of htaccess.example, each with the changes that its comment
// tells, and no other.

func publicExample(t *testing.T) string {
	t.Helper()
	return variant(t, htaccess.Variant{PublicOnly: true})
}

func fastCGIExample(t *testing.T) string {
	t.Helper()
	return variant(t, htaccess.Variant{Scripts: htaccess.FastCGI})
}

func hybridExample(t *testing.T) string {
	t.Helper()
	return variant(t, htaccess.Variant{Scripts: htaccess.Both})
}

func variant(t *testing.T, v htaccess.Variant) string {
	t.Helper()
	text, err := v.Apply(example(t))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// between returns the lines of htaccess.example from begin to end, both
// included.
func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	lines, ok := htaccess.Between(text, begin, end)
	if !ok {
		t.Fatalf("htaccess.example has no lines from %q to %q", begin, end)
	}
	return lines
}
