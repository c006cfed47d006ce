package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"proxy.cgi/cgiproxy/internal/testkit"
)

// Names and texts of others get to a terminal as what it shows, whoever says them:
// a loop over the folders of a host's users runs proxy.cgi with names that those
// have chosen.
func TestNamesPrintable(t *testing.T) {
	const bad = "x\x1b]0;title\a\u009b31m\u202e\U000e0001\xff"
	const shown = `x ]0;title \u009b31m\u202e\U000e0001`
	folder := t.TempDir()
	file := testkit.WriteFile(t, folder, bad, "")
	site := filepath.Join(folder, "site"+bad)
	if err := os.Mkdir(site, 0o755); err != nil {
		t.Fatal(err)
	}
	testkit.WriteFile(t, site, ".htcgiproxy", "UPSTREAM=auto\nSTART_DIR=none\nSTART=false\n")
	for _, tt := range []struct {
		name string
		args []string
		want string // in what is shown
	}{
		{"no command", []string{bad}, `x\x1b]0;title\a\u009b`}, // in quotes, as %q has it
		{"a flag of check", []string{"check", "-" + bad}, shown},
		{"a file for check", []string{"check", file}, shown},
		{"no folder for check", []string{"check", folder + "/none" + bad}, shown},
		{"a folder for check", []string{"check", site}, shown},
		{"as JSON", []string{"check", "--json", site}, `x\u001b]0;title\u0007\u009b31m\u202e\udb40\udc01`},
		{"an address", []string{"check", "--url", "http:///" + bad}, `\x1b]0;title`},
		{"a file for install", []string{"install", "--upstream", "6543", file}, shown},
		{"no folder for install", []string{"install", folder + "/none" + bad}, shown},
		{"a setting", []string{"install", "--upstream", "x\u009b31m", folder}, `"x\u009b31m"`},
		{"a flag of install", []string{"install", "--" + bad}, shown},
		{"no folder for app", []string{"app", "status", folder + "/none" + bad}, shown},
		{"a folder for app", []string{"app", "start", site}, shown},
		{"no such help", []string{"help", bad}, `x\x1b]0;title`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, err bytes.Buffer
			Main(tt.args, example(t), strings.NewReader(""), &out, &err)
			got := out.String() + err.String()
			testkit.WantText(t, got, tt.want)
			if strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("a terminal would obey %q", got)
			}
		})
	}
}
