package syntax

import "testing"

func TestIsHost(t *testing.T) {
	for s, want := range map[string]bool{
		"example.com": true, "Example.COM.": true, "a_b-c~d": true, "192.0.2.1": true, "example.com:80": true, "example.com:": true,
		"[::1]": true, "[2001:db8::1]:8080": true, "[::ffff:192.0.2.1]": true, "x": true, "123": true,

		"": false, ":80": false, ":": false, "example.com:0": false, "example.com:65536": false, "example.com:+80": false, "example.com:80:80": false,
		"::1": false, "[::1": false, "::1]": false, "[]": false, "[::1]x": false, "[::1]:x": false, "[192.0.2.1]": false, "[fe80::1%eth0]": false, "[[::1]]": false,
		"a b": false, "a/b": false, "a\\b": false, "a?b": false, "a#b": false, "a@b": false, "a,b": false, "a%41": false, "caf\xc3\xa9": false, "a\r\n": false, "a\x00": false,
	} {
		if got := IsHost(s); got != want {
			t.Errorf("IsHost(%q) is %t, want %t", s, got, want)
		}
	}
}

func TestIsToken(t *testing.T) {
	for s, want := range map[string]bool{
		"GET": true, "get": true, "M-SEARCH": true, "!#$%&'*+-.^_`|~09": true,
		"": false, "A B": false, "A\tB": false, "A:B": false, "A/B": false, "(A)": false, "A\r\n": false, "A\x00": false, "\xc3\xa9": false, "A,": false, `"A"`: false, "A\x7f": false,
	} {
		if got := IsToken(s); got != want {
			t.Errorf("IsToken(%q) is %t, want %t", s, got, want)
		}
	}
}
