package settings

import (
	"bytes"
	"maps"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/joho/godotenv"

	"proxy.cgi/cgiproxy/internal/testkit"
)

func TestParseLine(t *testing.T) {
	tests := []struct {
		name, line  string
		key, value  string
		errorReason string
	}{
		{"plain", `A=b`, "A", "b", ""},
		{"digits and underscores", `A_1=b`, "A_1", "b", ""},
		{"blanks around", "A \t= \tb", "A", "b", ""},
		{"blanks within", `A=b  c`, "A", "b  c", ""},
		{"equals signs", `A=b=c==`, "A", "b=c==", ""},
		{"empty", `A=`, "A", "", ""},
		{"export", "export \tA=b", "A", "b", ""},
		{"a name that starts so", `exported=b`, "exported", "b", ""},
		{"the name export", `export=b`, "export", "b", ""},
		{"comment", `# A=b`, "", "", ""},
		{"comment behind", "A=b\t# c # d", "A", "b", ""},
		{"number sign within", `A=#b#c`, "A", "#b#c", ""},
		{"dollar", `A=$ECRET1`, "A", "$ECRET1", ""},
		{"dollar and braces", `A=a${HOME}b$(id)`, "A", "a${HOME}b$(id)", ""},
		{"backslash", `A=a\nb\$`, "A", `a\nb\$`, ""},
		{"quotes within", `A=b'c'"d"`, "A", `b'c'"d"`, ""},
		{"8-bit", "A=caf\xe9", "A", "caf\xe9", ""},
		{"single quotes", `A='b $HOME \n "c" #d'`, "A", `b $HOME \n "c" #d`, ""},
		{"single quotes with a backslash at the end", `A='b\'`, "A", `b\`, ""},
		{"single quotes and a comment", `A = 'b' # c`, "A", "b", ""},
		{"blanks in single quotes", `A=' b '`, "A", " b ", ""},
		{"double quotes", `A="b 'c' #d"`, "A", "b 'c' #d", ""},
		{"double quotes with a dollar", `A="b$HOME"`, "A", "b$HOME", ""},
		{"escapes", `A="b\nc\"d\\n\$e\\"#f`, "A", "b\nc\"d\\n$e\\", ""},
		{"empty quotes", `A=''`, "A", "", ""},

		{"no equals sign", `CGIPROXY_REQUIRE_OWNER`, "", "", "has no NAME="},
		{"no name", `=b`, "", "", "has no NAME="},
		{"export without a name", `export =b`, "", "", "has no NAME="},
		{"two names", `A B=c`, "", "", "has no NAME="},
		{"dash in the name", `A-B=c`, "", "", "has no NAME="},
		{"as in YAML", `A: b=c`, "", "", "has no NAME="},
		{"8-bit name", "caf\xe9=b", "", "", "has no NAME="},
		{"open single quote", `A='b`, "", "", "not closed"},
		{"open double quote", `A="b\"`, "", "", "not closed"},
		{"only a quote", `A="`, "", "", "not closed"},
		{"backslash and no more", `A="b\`, "", "", "not closed"},
		{"text after single quotes", `A='b'c`, "", "", "goes on after the closing quote"},
		{"text after double quotes", `A="b" c`, "", "", "goes on after the closing quote"},
		{"unknown escape", `A="C:\temp"`, "", "", "single quotes"},
		{"comment in place of a value", `A= #b`, "", "", "single quotes"},
		{"control byte", "A=b\x00", "", "", "control byte"},
		{"lone carriage return", "A=b\rB=c", "", "", "control byte"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			key, value, err := parseLine(tt.line)
			if tt.errorReason != "" {
				if err == nil {
					t.Fatalf("%q is %s with value %q, want an error", tt.line, key, value)
				}
				testkit.WantError(t, err, tt.errorReason)
				return
			}
			if err != nil || key != tt.key || value != tt.value {
				t.Errorf("%q is %q with value %q, error %v, want %q, %q", tt.line, key, value, err, tt.key, tt.value)
			}
		})
	}
}

func TestParseFileLine(t *testing.T) {
	for text, want := range map[string]string{
		"A":                            "line 1 ",
		"A=b\nB":                       "line 2 ",
		"A=b\r\n\r\n# c\r\nB='c\r\nD=": "line 4 ",
	} {
		if _, err := parseFile([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want one that starts %q", text, err, want)
		}
	}
}

// notCompared is what godotenv reads in another way: $ and the backslash it
// expands; and a comment starts at the last # for it.
var notCompared = regexp.MustCompile(`[$\\\v\f\x{85}\x{a0}]|#.*#`)

// FuzzSettingsFile reads any text: what is taken at all, godotenv takes as the
// same names and values.
func FuzzSettingsFile(f *testing.F) {
	for _, text := range []string{
		"\ufeffCGIPROXY_UPSTREAM=6543\r\n\r\nMAX_BODY = 7 # bytes\r\n",
		"export A='b c' # d\n\tB=\"e f\"\t\nA=g\n#h",
		"A=b'c\nB=\"\\\"\\n\"\nC=''\nD=\nE==",
		"A='b\nc'\n", "A", "=b", "A B=c", "A: b", "export =b", "A=b\rB=c",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseFile(text)
		if err != nil || notCompared.Match(text) || !utf8.Valid(text) {
			return
		}
		want, err := godotenv.UnmarshalBytes(bytes.TrimPrefix(text, []byte("\ufeff")))
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q is %q, for godotenv %q, error %v", text, got, want, err)
		}
	})
}
