package settings

import (
	"strings"
	"testing"
)

func TestWithSetting(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no file", "", "CGIPROXY_UPSTREAM=7000\n"},
		{"another line", "CGIPROXY_SECRET=x\n", "CGIPROXY_SECRET=x\nCGIPROXY_UPSTREAM=7000\n"},
		{"no newline at the end", "SECRET=x", "SECRET=x\nCGIPROXY_UPSTREAM=7000\n"},
		{"another value", "# app\nCGIPROXY_UPSTREAM=6543 # old\nLOG_LEVEL=info\n", "# app\nCGIPROXY_UPSTREAM=7000\nLOG_LEVEL=info\n"},
		{"without the prefix", "export UPSTREAM = '6543'\n", "CGIPROXY_UPSTREAM=7000\n"},
		{"twice", "UPSTREAM=1\nSECRET=x\nCGIPROXY_UPSTREAM=2\n", "CGIPROXY_UPSTREAM=7000\nSECRET=x\n"},
		{"this value", "UPSTREAM = \"7000\" # it is", "UPSTREAM = \"7000\" # it is"},
		{"a comment", "#CGIPROXY_UPSTREAM=1\n", "#CGIPROXY_UPSTREAM=1\nCGIPROXY_UPSTREAM=7000\n"},
		{"CRLF", "SECRET=x\r\nUPSTREAM=1\r\n", "SECRET=x\r\nCGIPROXY_UPSTREAM=7000\r\n"},
	} {
		got, err := WithSetting([]byte(c.text), "UPSTREAM", "7000")
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

// TestWithSettingValues reads back what has been written.
func TestWithSettingValues(t *testing.T) {
	for _, value := range []string{"6543", "a b", "a #b", " blanks ", "it's", `"quoted"`, `it's "quoted" $HOME \n`, "two\nlines", `C:\x`, "tab\t", "ü"} {
		text, err := WithSetting([]byte("SECRET=x\n"), "START", value)
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		vars, err := parseFile(text)
		if got := vars["CGIPROXY_START"]; err != nil || got != value {
			t.Errorf("%q is read as %q, %v, from %q", value, got, err, text)
		}
	}
	for _, c := range []struct{ name, text, value, want string }{
		{"a control byte", "", "a\x00b", "control byte"},
		{"a file of something else", "hello\n", "a", "line 1 has no NAME="},
	} {
		if text, err := WithSetting([]byte(c.text), "START", c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v, want an error with %q", c.name, text, err, c.want)
		}
	}
}
