package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxy.cgi/cgiproxy/command"
	"proxy.cgi/cgiproxy/settings"
)

// Without its # each line of the template is a setting that counts.
func TestSettingsTemplate(t *testing.T) {
	text := settingsTemplate(settings.List())
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# ") && len(line) > 81 {
			t.Errorf("%d bytes: %q", len(line)-1, line)
		}
	}
	if got := load(t, text); got.Upstream != (settings.Upstream{}) || got.Secret != "" {
		t.Errorf("as it is, the template sets %+v", got)
	}
	written := strings.ReplaceAll(text, "\n#"+settings.Prefix, "\n"+settings.Prefix)
	written = strings.Replace(written, "'16 letters or more, at random'", "'of my own, at random'", 1) // nobody may use the example
	for _, s := range settings.List() {
		if strings.Count(written, "\n"+settings.Prefix+s.Name+"=") != 1 {
			t.Errorf("%s is not there once", s.Name)
		}
	}
	if got := load(t, written); got.Upstream.Address != "127.0.0.1:6543" || got.Secret != "a long random text" || got.IdleStop != 30*time.Minute {
		t.Errorf("written, the template sets %+v", got)
	}
}

// load reads text as a .htcgiproxy, which may say nothing, but nothing wrong.
func load(t *testing.T, text string) *settings.Config {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, settings.File), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, notes, err := settings.Load(nil, folder)
	if err != nil && cfg.Upstream != (settings.Upstream{}) {
		t.Error(err)
	}
	for _, note := range notes {
		if note.Level <= settings.LevelWarn {
			t.Errorf("%v: %s", note.Level, note.Text)
		}
	}
	return cfg
}

func TestRoff(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"paragraph", "One line\nand another.\n", "One line\nand another.\n"},
		{"sentences", "One. Two.\n", "One.\nTwo.\n"},
		{"paragraphs", "One.\n\nTwo.\n", "One.\n.Pp\nTwo.\n"},
		{"indented", "One:\n\n    a\n      b\n\nTwo.\n", "One:\n.Bd -literal -offset indent\na\n  b\n.Ed\n.Pp\nTwo.\n"},
		{"indented with an empty line", "  a\n\n    b\n", ".Bd -literal -offset indent\na\n\n  b\n.Ed\n"},
		{"indented at once", "One:\n  a. b\nTwo.\n", "One:\n.Bd -literal -offset indent\na. b\n.Ed\nTwo.\n"},
		{"requests", ".htaccess is\n'quoted'\n", "\\&.htaccess is\n\\&'quoted'\n"},
		{"hyphens and backslashes", `--dry-run C:\`, "\\-\\-dry\\-run C:\\e\n"},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			roff(&b, tt.text)
			if b.String() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), tt.want)
			}
		})
	}
}

func TestManPage(t *testing.T) {
	date := time.Date(2026, time.November, 2, 23, 0, 0, 0, time.UTC)
	intro, pages := command.Pages()
	got := manPage(date, intro, append(pages, command.Page{Name: "try", Arguments: `[--as "a b"] DIR`, Summary: "try it", Text: "A text.\n"}))
	for _, want := range []string{
		".Dd November 2, 2026\n",
		"\nproxy.cgi install \\-\\-upstream 6543 ~/public_html\n",
		"\n.It Cm version\nPrint the version.\n",
		"\n.It Cm try No \"[\\-\\-as \\(dqa b\\(dq] DIR\"\nTry it.\n.Pp\nA text.\n.El\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
