package fastcgi

import (
	"slices"
	"strings"
	"testing"

	"proxy.cgi/cgiproxy"
)

func TestDecodeParams(t *testing.T) {
	long := strings.Repeat("v", 300)
	tests := []struct {
		name, bytes string
		want        []string
	}{
		{"none", "", nil},
		{"one", "\x03\x05ABCvalue", []string{"ABC=value"}},
		{"two", "\x01\x01AB\x01\x02CDE", []string{"A=B", "C=DE"}},
		{"empty value", "\x01\x00A", []string{"A="}},
		{"empty name", "\x00\x01v", []string{"=v"}},
		{"equals sign in the value", "\x01\x03Aa=b", []string{"A=a=b"}},
		{"four-byte value length", "\x01\x80\x00\x01\x2cA" + long, []string{"A=" + long}},
		{"four-byte name length", "\x80\x00\x01\x2c\x01" + long + "x", []string{long + "=x"}},
		{"four-byte lengths that are small", "\x80\x00\x00\x01\x80\x00\x00\x01AB", []string{"A=B"}},
		{"bytes that are no text", "\x01\x02A\xff\x00", []string{"A=\xff\x00"}},
		{"repeated", "\x01\x01A1\x01\x01A2", []string{"A=1", "A=2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeParams([]byte(tt.bytes))
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestDecodeParamsMalformed(t *testing.T) {
	for name, bytes := range map[string]string{
		"no value length":           "\x01",
		"no name":                   "\x01\x00",
		"short value":               "\x01\x02AB",
		"short name length":         "\x80\x00\x01",
		"short value length":        "\x01\x80\x00\x00",
		"longest lengths":           "\xff\xff\xff\xff\xff\xff\xff\xffA",
		"longest name alone":        "\xff\xff\xff\xff\x00A",
		"value longer than it says": "\x01\x01AB\x05",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := decodeParams([]byte(bytes)); err == nil {
				t.Errorf("got %q, want an error", got)
			}
		})
	}
}

// What a web server can encode is decoded to the same, and nothing else makes
// decodeParams fail in another way than by its error.
func FuzzFCGIParams(f *testing.F) {
	f.Add([]byte("\x03\x05ABCvalue\x01\x00A"))
	f.Add([]byte("\x01\x80\x00\x00\x02Axx"))
	f.Add([]byte("\x06\x01HTTP_A1\x06\x01HTTP_A2"))
	f.Add(encodeParams(visitVars("HTTP_COOKIE=" + strings.Repeat("c", 200))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		vars, err := decodeParams(b)
		if err != nil {
			return
		}
		for _, v := range vars {
			if !strings.Contains(v, "=") {
				t.Fatalf("%q has no equals sign", v)
			}
		}
		if again, err := decodeParams(encodeParams(vars...)); err != nil {
			t.Fatalf("%q, encoded anew, is malformed: %v (%q)", vars, err, again)
		}
		cgiproxy.NewEnviron(vars)
	})
}
